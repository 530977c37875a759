// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordTestSupport
import Foundation
import Testing

/// `chord shell`, in pseudo-terminals and with commands from a pipe.
///
/// The transcript is the one of docs/shell.md. `UPDATE_INTERACTIONS=1 swift test --filter ShellTests` writes down
/// what the shell says now; the difference is to be read like code.
@Suite(.tags(.network, .slow), .serialized, .timeLimit(.minutes(5)))
struct ShellTests {
    private static let page = TestCertificates.root.appending(path: "docs/shell.md")

    @Test("The transcript of the documentation, in three windows")
    func transcript() async throws {
        let isUpdating = ProcessInfo.processInfo.environment["UPDATE_INTERACTIONS"] != nil
        let certificates = try await TestCertificates.directory()
        var page = ShellTranscript(try String(contentsOf: Self.page, encoding: .utf8))
        let ports = try ShellPorts(count: 3)
        var windows: [String: TerminalWindow] = [:]
        defer { for window in windows.values { window.close() } }
        var members: Set<String> = []
        for (place, line) in page.lines.enumerated() {
            guard case .command(let name, let command, let expected) = line else { continue }
            if windows[name] == nil {
                windows[name] = try await TerminalWindow(
                    ["shell", "--name", name, "--certs-dir", certificates],
                    prompt: "\(name)> "
                )
            }
            if command.hasPrefix("dump"), !members.isEmpty, let port = ports.first {
                try await Self.awaitRest(of: members.count, at: port, certificates)
            }
            let said = ports.shown(in: try await windows[name]?.type(ports.real(in: command)) ?? [])
            if command == "create" || command.hasPrefix("join") { members.insert(name) }
            if command == "quit" {
                members.remove(name)
                #expect(try await windows[name]?.code() == 0)
            }
            if isUpdating {
                page.lines[place] = .command(name, command, said)
            } else {
                #expect(said == expected, "\(name)> \(command)")
            }
        }
        #expect(page.commands.count >= 20)
        // Every command of the shell is in the transcript.
        let verbs = Set(
            page.commands.compactMap { $0.split(separator: " ").first.map(String.init) }
        )
        #expect(verbs.count >= 14)
        if isUpdating { try page.text.write(to: Self.page, atomically: true, encoding: .utf8) }
    }

    /// Waits until the ring is ideal, and every node has a replica of every range.
    private static func awaitRest(
        of count: Int,
        at address: String,
        _ certificates: String
    ) async throws {
        let ring = ["--node", address, "--certs-dir", certificates, "--as", "client-demo"]
        let waited = try await ChordProcess.run(["ring", "--wait", "\(count)"] + ring)
        #expect(waited.code == 0, "\(waited.errors)")
        var said = ""
        try await eventually("every node has every key: \(said)") {
            let status = try await ChordProcess.run(["store", "status", "--json"] + ring)
            said = status.output + status.errors
            guard status.code == 0 else { return false }
            let object = try status.object()
            let nodes = object["nodes"] as? [[String: Any]] ?? []
            return nodes.count == count
                && nodes.allSatisfy { $0["replicas"] as? Int == object["ranges"] as? Int }
                && Set(nodes.map { $0["keys"] as? Int }).count == 1
        }
    }

    @Test("The classic ring: SHA-1 of the address, 160 bits, one place")
    func classic() async throws {
        let port = try ReservedPort()
        let window = try await TerminalWindow(
            [
                "shell", "--name", "n1", "--classic", "--listen", port.address, "--certs-dir",
                try await TestCertificates.directory(),
            ],
            prompt: "n1> "
        )
        defer { window.close() }
        let space = try IdentifierSpace(width: 160)
        let id = HashFunction.sha1.identifier(of: port.address, in: space)
        let short = id.hexadecimal(width: 160).prefix(8) + "…"
        #expect(
            try await window.type("create") == ["n1 (\(short)) at \(port.address) began ring chord"]
        )
        #expect(try await window.type("put apple red") == ["stored"])
        // Tabs complete the command and the key.
        #expect(try await window.type("ge\tapp\t") == ["red"])
        let dump = try await window.type("dumpkey apple")
        #expect(dump.first?.hasSuffix("asked n1, owner n1") == true)
        #expect(dump.contains { $0.hasPrefix("fingers 0 to 159") })
        #expect(dump.last == "  apple = red")
        // The up arrow brings the last line back.
        #expect(try await window.type("\u{1b}[A") == dump)
        window.send(SIGTERM)
        #expect(try await window.code() == 0)
    }

    @Test("Ctrl-C asks before it ends the shell without handing data over")
    func interruption() async throws {
        let window = try await TerminalWindow(
            [
                "shell", "--name", "n1", "--listen", "127.0.0.1:0", "--certs-dir",
                try await TestCertificates.directory(),
            ],
            prompt: "n1> "
        )
        defer { window.close() }
        window.send(SIGINT)
        try await window.shows("Ctrl-C again ends at once")
        // A line in between is an answer: the next Ctrl-C asks again.
        #expect(try await window.type("ping n2").isEmpty == false)
        window.send(SIGINT)
        try await window.shows("Ctrl-C again ends at once", times: 2)
        window.send(SIGINT)
        #expect(try await window.code() == 0)
    }

    @Test("Commands from a pipe, of which the first failure ends the shell")
    func pipe() async throws {
        let certificates = try await TestCertificates.directory()
        let port = try ReservedPort()
        func run(_ lines: String...) async throws -> ChordProcess.Outcome {
            let script =
                "printf '\(lines.joined(separator: "\\n"))\\n' | \"$CHORD\" shell --name n1"
            return try await ChordProcess.run(
                script: "\(script) --listen \(port.address) --certs-dir '\(certificates)'"
            )
        }
        let all = try await run("create", "put a b", "", "get a", "delete a", "quit")
        #expect(all.code == 0, "\(all.errors)")
        #expect(
            all.outputLines.dropFirst() == [
                "stored", "b", "deleted", "the ring and its data end with their last node",
            ]
        )
        let absent = try await run("create", "get nothing", "put a b")
        #expect(absent.code == 66)
        #expect(absent.errorLines == ["chord: there is no key \"nothing\""])
        #expect(absent.outputLines.count == 1)
        let unknown = try await run("creat")
        #expect(unknown.code == 64)
        #expect(unknown.errorLines.last == "hint: did you mean create?")
        let outside = try await run("put a b")
        #expect(outside.code == 64)
        #expect(outside.errorLines.first == "chord: the node is in no ring yet")
    }
}

/// The ports of a transcript, 3410 and following, and the free ones that stand for them.
private struct ShellPorts {
    private let reserved: [ReservedPort]

    init(count: Int) throws {
        reserved = try (0..<count).map { _ in try ReservedPort() }
    }

    /// The address of the first node.
    var first: String? { reserved.first?.address }

    func real(in command: String) -> String {
        reserved.enumerated().reduce(command) {
            $0.replacing("\(3410 + $1.offset)", with: "\($1.element.number)")
        }
    }

    /// Lines with the transcript's ports, and one time for all.
    func shown(in lines: [String]) -> [String] {
        lines.map { line in
            reserved.enumerated().reduce(line) {
                $0.replacing("\($1.element.number)", with: "\(3410 + $1.offset)")
            }.replacing(#/\d+\.\d\d ms/#, with: "0.42 ms")
        }
    }
}

/// A page with transcripts: in blocks of text, a command after the prompt of a node, and the lines that it prints.
struct ShellTranscript {
    enum Line {
        case text(String)
        case command(_ node: String, String, [String])
    }

    var lines: [Line] = []

    init(_ text: String) {
        var isBlock = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
            if line.hasPrefix("```") {
                isBlock = line == "```text"
            } else if isBlock, let match = line.wholeMatch(of: #/(n\d)> (.*)/#) {
                lines.append(.command(String(match.1), String(match.2), []))
                continue
            } else if isBlock, case .command(let node, let command, let said)? = lines.last {
                lines[lines.count - 1] = .command(node, command, said + [line])
                continue
            }
            lines.append(.text(line))
        }
    }

    var commands: [String] {
        lines.compactMap { if case .command(_, let command, _) = $0 { command } else { nil } }
    }

    var text: String {
        lines.map { line in
            switch line {
            case .text(let text): text
            case .command(let node, let command, let said):
                (["\(node)> \(command)"] + said).joined(separator: "\n")
            }
        }.joined(separator: "\n")
    }
}
