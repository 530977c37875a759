// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Foundation
import Testing

/// Nodes with too few resources: each names the resource, and continues or exits orderly.
@Suite("Exhausted resources", .tags(.network, .slow), .serialized, .timeLimit(.minutes(5)))
struct ResourceTests {
    /// `chord serve` started by a shell that limits its resources.
    private static func serve(
        _ limits: String,
        _ options: [String] = [],
        redirecting errors: String = "",
        port: ReservedPort
    ) async throws -> ChordProcess {
        let arguments =
            [
                "serve", "--name", "n1", "--ring", "test", "--listen", port.address, "--certs-dir",
                try await TestCertificates.directory(),
            ] + options
        let words = ([ChordProcess.program.path] + arguments).map { "'\($0)'" }
        return try ChordProcess(
            arguments,
            shell: "\(limits) exec \(words.joined(separator: " ")) \(errors)"
        )
    }

    private static func awaitMember(_ process: ChordProcess) async throws {
        try await process.line("the ready line") { $0.hasPrefix("ready:") ? true : nil }
    }

    private static func isServed(by port: ReservedPort) async throws -> Bool {
        try await ChordProcess.run([
            "lookup", "key", "--node", port.address, "--as", "client-demo", "--certs-dir",
            try await TestCertificates.directory(),
        ]).code == 0
    }

    /// Processor time of a process so far, in hundredths of a second.
    private static func ticks(of process: ChordProcess) throws -> Int {
        let text = try String(contentsOfFile: "/proc/\(process.identifier)/stat", encoding: .utf8)
        let fields = text.split(separator: ")").last?.split(separator: " ") ?? []
        return (Int(fields[11]) ?? 0) + (Int(fields[12]) ?? 0)
    }

    @Test("With 40 files a node reports how many connections remain and refuses others")
    func fewFiles() async throws {
        let port = try ReservedPort()
        let process = try await Self.serve("ulimit -n 40;", port: port)
        defer { process.kill() }
        try await Self.awaitMember(process)
        #expect(process.errorText.contains("accepting 14 connections instead of"))
        #expect(process.errorText.contains("RLIMIT_NOFILE 40"))
        let silent = try (0..<60).map { _ in try SilentConnection(to: port.address) }
        try await eventually("connections are refused; \(process.report)") {
            process.errorText.contains("the most that 40 files (RLIMIT_NOFILE) allow")
        }
        for connection in silent { connection.close() }
        try await eventually("somebody is served again") { try await Self.isServed(by: port) }
        process.send(SIGTERM)
        #expect(try await process.outcome().code == 0)
    }

    /// Here the system refuses: other parts of the process use the descriptors.
    @Test("Without free descriptors a node waits, reports it once, and continues")
    func noFile() async throws {
        let port = try ReservedPort()
        let process = try await Self.serve("", port: port)
        defer { process.kill() }
        try await Self.awaitMember(process)
        let open = try FileManager.default
            .contentsOfDirectory(atPath: "/proc/\(process.identifier)/fd").compactMap { Int($0) }
        // New files get the lowest numbers that are free; those that are open stay.
        let most = (0...).first { !open.contains($0) } ?? 0
        let ceiling = (open.max() ?? 0) + 100
        let limit = Process()
        limit.executableURL = URL(filePath: "/usr/bin/prlimit")
        limit.arguments = ["--pid", "\(process.identifier)", "--nofile=\(most):\(ceiling)"]
        try limit.run()
        limit.waitUntilExit()
        #expect(limit.terminationStatus == 0)
        let silent = try (0..<20).map { _ in try SilentConnection(to: port.address) }
        try await eventually("it says so; \(process.report)") {
            process.errorText.contains("cannot accept connections for now: Too many open files")
        }
        let before = try Self.ticks(of: process)
        let start = ContinuousClock.now
        // Long enough to tell a loop that spins from one that waits.
        try await eventually("two seconds pass") { ContinuousClock.now - start > .seconds(2) }
        let spent = Double(try Self.ticks(of: process) - before) / 100
        let passed = (ContinuousClock.now - start) / .seconds(1)
        #expect(spent < passed / 2, "\(spent) s of processor time in \(passed) s")
        let lines = process.errorText.split(separator: "\n")
        #expect(lines.filter { $0.contains("cannot accept connections") }.count == 1)
        for connection in silent { connection.close() }
        let back = Process()
        back.executableURL = URL(filePath: "/usr/bin/prlimit")
        back.arguments = ["--pid", "\(process.identifier)", "--nofile=\(ceiling)"]
        try back.run()
        back.waitUntilExit()
        try await eventually("somebody is served again") { try await Self.isServed(by: port) }
        process.send(SIGTERM)
        #expect(try await process.outcome().code == 0)
    }

    @Test("A node that gets no threads reports how many it needs and ends with 78")
    func noThreads() async throws {
        let port = try ReservedPort()
        let process = try await Self.serve(
            "ulimit -v 1500000;",
            ["--threads", "256"],
            port: port
        )
        defer { process.kill() }
        let outcome = try await process.outcome()
        #expect(outcome.code == 78, "\(outcome.errors)")
        #expect(outcome.errors.contains("are needed: "), "\(outcome.errors)")
        #expect(outcome.errors.contains("ulimit -v"), "\(outcome.errors)")
    }

    @Test("A full log disk stops no node, and the loss is reported later")
    func fullLogDisk() async throws {
        let port = try ReservedPort()
        let process = try await Self.serve("", redirecting: "2>/dev/full", port: port)
        defer { process.kill() }
        try await Self.awaitMember(process)
        #expect(try await Self.isServed(by: port))
        process.send(SIGHUP)
        #expect(try await Self.isServed(by: port))
        process.send(SIGTERM)
        let outcome = try await process.outcome()
        #expect(outcome.code == 0, "exit code \(outcome.code)")
    }

    @Test("A stopped log reader stops no node")
    func stoppedLogReader() async throws {
        let port = try ReservedPort()
        let pipe = TestCertificates.temporary.appending(path: "log-\(UUID().uuidString)").path
        // A pipe without reader, full after 64 KiB.
        let process = try await Self.serve(
            "mkfifo '\(pipe)'; exec 3<>'\(pipe)';",
            ["--log-level", "trace", "--stabilize-interval", "10ms"],
            redirecting: "2>&3",
            port: port
        )
        defer { process.kill() }
        try await Self.awaitMember(process)
        for _ in 0..<20 { #expect(try await Self.isServed(by: port)) }
        process.send(SIGTERM)
        try await eventually("it ends") { !process.isRunning }
    }
}

/// A silent TCP connection.
private final class SilentConnection: Sendable {
    private let descriptor: Int32

    init(to address: String) throws {
        let port = UInt16(address.split(separator: ":").last.map(String.init) ?? "") ?? 0
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var target = sockaddr_in()
        target.sin_family = sa_family_t(AF_INET)
        target.sin_port = port.bigEndian
        target.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let result = withUnsafePointer(to: &target) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard descriptor >= 0, result == 0 else {
            throw TestFailure("cannot connect to \(address): \(String(cString: strerror(errno)))")
        }
    }

    func close() {
        Foundation.close(descriptor)
    }
}
