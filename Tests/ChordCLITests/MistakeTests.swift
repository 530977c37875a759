// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Foundation
import Testing

/// What people type wrongly, what the command says to it, and how it ends: the texts in `Mistakes`, one file
/// for each topic.
///
/// `UPDATE_INTERACTIONS=1 swift test --filter MistakeTests` writes down what the command says now; the
/// difference is to be read like code.
@Suite(.tags(.network, .slow), .serialized, .timeLimit(.minutes(5)))
struct MistakeTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "Mistakes")

    static func topics() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path)
            .filter { $0.hasSuffix(".txt") }.sorted()
    }

    @Test("There are at least sixty mistakes, and each ends with a code other than 0")
    func mistakesAreFound() throws {
        var count = 0
        for topic in try Self.topics() {
            let text = try String(contentsOf: Self.folder.appending(path: topic), encoding: .utf8)
            for part in MistakeScript(text).parts {
                guard case .mistake(let mistake) = part else { continue }
                count += 1
                #expect(mistake.said.last != "exit 0", "\(topic): \(mistake.command)")
            }
        }
        #expect(count >= 60)
    }

    @Test(arguments: try topics())
    func mistakesHaveTheirRecordedOutput(name: String) async throws {
        let file = Self.folder.appending(path: name)
        var script = MistakeScript(try String(contentsOf: file, encoding: .utf8))
        let isUpdating = ProcessInfo.processInfo.environment["UPDATE_INTERACTIONS"] != nil
        try await MistakeRunner.with(ring: script.needsRing) { runner in
            for (index, part) in script.parts.enumerated() {
                guard case .mistake(let mistake) = part else { continue }
                let said = try await runner.run(mistake.command)
                if isUpdating {
                    script.parts[index] = .mistake(.init(command: mistake.command, said: said))
                } else {
                    #expect(said == mistake.said, "\(mistake.command)")
                }
            }
        }
        if isUpdating { try script.text.write(to: file, atomically: true, encoding: .utf8) }
    }
}

/// A file of mistakes: a command after `$ `, the lines that it prints, its exit code; what begins with `#`
/// is a comment.
struct MistakeScript {
    struct Mistake {
        var command: String
        var said: [String]
    }

    enum Part {
        case text(String)
        case mistake(Mistake)
    }

    var parts: [Part] = []

    init(_ text: String) {
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
            if line.hasPrefix("$ ") {
                parts.append(.mistake(.init(command: String(line.dropFirst(2)), said: [])))
            } else if case .mistake(var mistake)? = parts.last, !line.isEmpty,
                !line.hasPrefix("#")
            {
                mistake.said.append(line)
                parts[parts.count - 1] = .mistake(mistake)
            } else {
                parts.append(.text(line))
            }
        }
    }

    /// Whether a command asks a running node.
    var needsRing: Bool {
        parts.contains {
            if case .mistake(let mistake) = $0 { mistake.command.contains("$NODE") } else { false }
        }
    }

    var text: String {
        parts.flatMap { part -> [String] in
            switch part {
            case .text(let line): [line]
            case .mistake(let mistake): ["$ \(mistake.command)"] + mistake.said
            }
        }.joined(separator: "\n")
    }
}

/// Runs commands in a shell, each in its own empty folder.
///
/// They find `chord`, `chord-sim` and the variables `CERTS`, a folder as `make certs` makes it, `FOREIGN`, that of another
/// authority, and `NODE`, the address of a node called n1 that is alone in a ring called test.
struct MistakeRunner {
    private let variables: [(name: String, value: String)]
    private let search: String

    static func with(ring needsRing: Bool, _ body: (MistakeRunner) async throws -> Void)
        async throws
    {
        let search = TestCertificates.temporary.appending(path: "bin-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: search, withIntermediateDirectories: true)
        for (name, program) in [
            ("chord", ChordProcess.program), ("chord-sim", ChordProcess.simulator),
        ] {
            try FileManager.default.createSymbolicLink(
                at: search.appending(path: name),
                withDestinationURL: program
            )
        }
        var variables = [
            (name: "CERTS", value: try await TestCertificates.directory()),
            (name: "FOREIGN", value: try await TestCertificates.foreign()),
        ]
        guard needsRing else {
            return try await body(MistakeRunner(variables: variables, search: search.path))
        }
        try await ProcessRing.running(1) { ring in
            guard let node = ring.nodes["n1"] else { throw TestFailure("no n1") }
            variables.append((name: "NODE", value: node.address))
            try await body(MistakeRunner(variables: variables, search: search.path))
        }
    }

    /// The lines that a command line prints on standard output and error, then its exit code.
    func run(_ command: String) async throws -> [String] {
        let folder = TestCertificates.temporary.appending(path: "mistake-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let process = Process()
        process.executableURL = URL(filePath: "/bin/bash")
        process.arguments = ["-c", command]
        process.currentDirectoryURL = folder
        process.standardInput = FileHandle.nullDevice
        process.environment = Dictionary(
            uniqueKeysWithValues: variables.map { ($0.name, $0.value) }
                + [
                    ("PATH", "\(search):/usr/local/bin:/usr/bin:/bin"), ("HOME", folder.path),
                    ("LC_ALL", "C"), ("CHORD_PEER_TIMEOUT", "10s"),
                ]
        )
        let said = try await onOwnThread { try process.runToEnd() }
        // Lines of a log begin with their time.
        let lines = said.split(separator: "\n").filter {
            $0.prefixMatch(of: #/\d{4}-\d\d-\d\dT/#) == nil
        }
        return lines.map { shown(String($0), folder.path) }
            + ["exit \(process.terminationStatus)"]
    }

    /// A line without parts that differ between runs.
    private func shown(_ line: String, _ folder: String) -> String {
        var line = line
        for (name, value) in variables { line = line.replacing(value, with: "$\(name)") }
        return line.replacing(folder, with: ".")
            .replacing(#/127\.0\.0\.1:\d{5}/#, with: "127.0.0.1:PORT")
            .replacing(
                #/\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z| UTC)?)?/#,
                with: "TIME"
            )
            .replacing(#/\b[0-9A-F]{24,40}\b/#, with: "SERIAL")
            .replacing(#/Chord authority [0-9A-F]{8}/#, with: "Chord authority NUMBER")
    }
}
