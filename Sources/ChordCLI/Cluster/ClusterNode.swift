// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// What happens to the processes of a cluster, in the order in which it happens.
enum ClusterEvent: Sendable {
    /// A node is a member; it listens here.
    case ready(name: String, address: String)
    /// A process has ended.
    case ended(name: String, ClusterNode.Ending)
    /// The ring is ideal, or will not become it.
    case settled(Result<Int, CommandFailure>)
    /// Somebody wants the cluster to end.
    case signal
    /// Processes that were asked to end have had time enough.
    case graceIsOver
}

/// One node of a cluster: a process of this command's own program.
///
/// Confined to the task that runs the cluster; what comes from the process arrives as events.
final class ClusterNode {
    /// How a process ended.
    enum Ending: Sendable, CustomStringConvertible {
        case exit(Int32)
        case signal(Int32)

        var description: String {
            switch self {
            case .exit(let code): "exit code \(code)"
            case .signal(let number): "signal \(number)"
            }
        }
    }

    let name: String
    let log: URL
    private(set) var address: String?
    private(set) var isRunning = false
    private let process = Process()
    /// The process ends when this closes, so that none outlives the command, however that ends.
    private let input = Pipe()

    init(name: String, stateDirectory: URL) {
        self.name = name
        log = stateDirectory.appending(path: "\(name).log")
    }

    /// Starts the process.
    ///
    /// - Throws: a `CommandFailure` where the log or the process cannot be made.
    func start(
        arguments: [String],
        reportingTo events: AsyncStream<ClusterEvent>.Continuation
    ) throws {
        guard FileManager.default.createFile(atPath: log.path, contents: nil),
            let logFile = try? FileHandle(forWritingTo: log)
        else {
            throw CommandFailure(
                .configuration,
                "the log \(log.path) cannot be written",
                hint: "--state-dir names another folder"
            )
        }
        let output = Pipe()
        process.executableURL = Self.program
        process.arguments = arguments
        process.standardInput = input
        process.standardOutput = output
        process.standardError = logFile
        let name = name
        let lines = LineReader()
        output.fileHandleForReading.readabilityHandler = { handle in
            let data = handle.availableData
            if data.isEmpty { handle.readabilityHandler = nil }
            for line in lines.append(data) {
                if let address = Self.address(inReadyLine: line) {
                    events.yield(.ready(name: name, address: address))
                }
            }
        }
        process.terminationHandler = { process in
            let status = process.terminationStatus
            events.yield(
                .ended(
                    name: name,
                    process.terminationReason == .exit ? .exit(status) : .signal(status)
                )
            )
        }
        do {
            try process.run()
        } catch {
            throw CommandFailure(
                .failed,
                "\(Self.program.path) cannot be started: \(error.localizedDescription)"
            )
        }
        isRunning = true
        try? logFile.close()
    }

    func isReady(at address: String) { self.address = address }
    func hasEnded() { isRunning = false }

    func terminate() {
        if isRunning { process.terminate() }
    }

    func kill() {
        if isRunning { SignalSending.kill(process.processIdentifier) }
    }

    /// The last lines of the log.
    func logTail(_ count: Int) -> [String] {
        let text = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").suffix(count).map { "  \($0)".printable }
    }

    /// The address in the line that `serve` prints when it is ready.
    static func address(inReadyLine line: String) -> String? {
        guard line.hasPrefix("ready: "), let at = line.range(of: ") at ") else { return nil }
        return line[at.upperBound...].split(separator: " ").first.map(String.init)
    }

    /// This program.
    private static var program: URL {
        let link = "/proc/self/exe"
        if let path = try? FileManager.default.destinationOfSymbolicLink(atPath: link) {
            return URL(filePath: path)
        }
        return Bundle.main.executableURL ?? URL(filePath: CommandLine.arguments[0])
    }
}

/// Cuts what arrives into lines. Used from one handler at a time.
private final class LineReader: @unchecked Sendable {
    // Confined to the readability handler of one file, which never runs twice at once.
    private var rest = Data()

    func append(_ data: Data) -> [String] {
        rest += data
        var lines: [String] = []
        while let end = rest.firstIndex(of: 0x0a) {
            lines.append(String(decoding: rest[rest.startIndex..<end], as: UTF8.self))
            rest = Data(rest[rest.index(after: end)...])
        }
        return lines
    }
}
