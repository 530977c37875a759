// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import ChordTestSupport
import Testing

/// Arguments that are not text, and standard streams that fail or are closed.
@Suite(.tags(.network), .serialized, .timeLimit(.minutes(3)))
struct StandardStreamsTests {
    @Test(
        "Arguments that are not UTF-8 are refused anywhere",
        arguments: [
            #"lookup "$bytes""#, #"lookup --id "$bytes""#, #"serve --name "$bytes""#,
            #"ring --as "$bytes""#, #"cert inspect "$bytes""#, #"merge "$bytes""#,
            #"ring --certs-dir="$bytes""#, #""$bytes""#,
        ]
    )
    func notText(command: String) async throws {
        let script = #"bytes=$(printf 'a\377\376'); exec "$CHORD" \#(command)"#
        let outcome = try await ChordProcess.run(script: script)
        #expect(outcome.code == 64, "\(outcome.errors)")
        #expect(outcome.output == "")
        #expect(outcome.errors.contains("is not UTF-8 text"), "\(outcome.errors)")
        #expect(outcome.errors.contains("--id"), "\(outcome.errors)")
    }

    @Test("A key in another script is looked up as typed")
    func otherLetters() async throws {
        try await ProcessRing.running(1) { ring in
            let flags = try ring.flags()
            let outcome = try await ChordProcess.run(["lookup", "clé 鍵", "--json"] + flags)
            #expect(outcome.code == 0, "\(outcome.errors)")
            #expect(try outcome.object()["key"] as? String == "clé 鍵")
        }
    }

    @Test(
        "Full standard output is a failure with the reason",
        arguments: [
            "version", "--help", "help serve", "--version", "ring FLAGS", "lookup a FLAGS --json",
            "describe FLAGS", "watch --count 1 FLAGS", "cert inspect CERTS/n1.pem",
        ]
    )
    func fullOutput(command: String) async throws {
        try await ProcessRing.running(1) { ring in
            let flags = try ring.flags().joined(separator: " ")
            let directory = try await TestCertificates.directory()
            let line = command.replacing("FLAGS", with: flags).replacing("CERTS", with: directory)
            let outcome = try await ChordProcess.run(script: #"exec "$CHORD" \#(line) >/dev/full"#)
            #expect(outcome.code == 1, "\(command): \(outcome.errors)")
            #expect(outcome.errors.contains("No space left on device"), "\(outcome.errors)")
        }
    }

    @Test("A closed reader is no failure and prints nothing")
    func readerGone() async throws {
        let outcome = try await ChordProcess.run(
            script: #"{ "$CHORD" help serve; echo "code $?" >&2; } | true"#
        )
        #expect(outcome.errors == "code 0\n", "\(outcome.errors)")
    }

    @Test("A log that cannot be written does not end a node")
    func fullLog() async throws {
        let directory = try await TestCertificates.directory()
        let serve = #""$CHORD" serve --name n1 --ring test --listen 127.0.0.1:0 --certs-dir"#
        for log in ["2>/dev/full", "2>&-", "2> >(true)"] {
            let process = try ChordProcess(
                ["-c", "exec \(serve) '\(directory)' \(log)"],
                program: URL(filePath: "/bin/bash")
            )
            defer { process.kill() }
            try await process.line("the ready line", ReadyLine.init)
            process.send(SIGHUP)
            process.send(SIGTERM)
            #expect(try await process.outcome().code == 0)
        }
    }

    @Test("A node that cannot write its ready line is a member, reports it, and ends with 1")
    func fullOutputOfANode() async throws {
        let directory = try await TestCertificates.directory()
        let process = try ChordProcess(
            [
                "-c",
                #"exec "$CHORD" serve --name n1 --ring test --listen 127.0.0.1:0 --certs-dir "#
                    + "'\(directory)' >/dev/full",
            ],
            program: URL(filePath: "/bin/sh")
        )
        defer { process.kill() }
        try await eventually("it says so: \(process.errorText)") {
            process.errorText.contains("cannot write to standard output")
        }
        process.send(SIGTERM)
        let outcome = try await process.outcome()
        #expect(outcome.code == 1, "\(outcome.errors)")
        #expect(outcome.errors.contains("left"), "\(outcome.errors)")
    }

    @Test(
        "Closed standard descriptors become /dev/null",
        arguments: ["<&- >&- 2>&-", "<&-", ">&-", "2>&-", "<&- 2>&-"]
    )
    func closedDescriptors(closed: String) async throws {
        let directory = try await TestCertificates.directory()
        let log = TestCertificates.temporary.appending(path: "closed-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: log, withIntermediateDirectories: true)
        let process = try ChordProcess(
            [
                "-c",
                #"exec "$CHORD" serve --name n1 --ring test --listen 127.0.0.1:0 --data-dir "#
                    + "'\(log.path)' --certs-dir '\(directory)' \(closed)",
            ],
            program: URL(filePath: "/bin/sh")
        )
        defer { process.kill() }
        // It is a member once its state file says so.
        try await eventually("it is a member: \(process.report)") {
            let state = try? String(
                contentsOf: log.appending(path: "state.json"),
                encoding: .utf8
            )
            return state?.contains("\"member\" : true") == true
        }
        for descriptor in 0...2 {
            let target = try FileManager.default.destinationOfSymbolicLink(
                atPath: "/proc/\(process.identifier)/fd/\(descriptor)"
            )
            #expect(target == "/dev/null" || target.hasPrefix("pipe:"), "\(descriptor): \(target)")
        }
        process.send(SIGTERM)
        #expect(try await process.outcome().code == 0)
    }
}
