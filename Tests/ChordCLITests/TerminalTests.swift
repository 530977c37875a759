// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordCommandLine
import ChordTestSupport
import Foundation
import Testing

@testable import ChordCLI
@testable import ChordRuntime

/// Output on terminals of several widths, and in a pipe.
@Suite(.tags(.network, .slow), .serialized, .timeLimit(.minutes(3)))
struct TerminalTests {
    private static let widths = [60, 80, 200]

    /// A ring of members with long names, addresses and identifiers.
    private static func walk(width: Int, dialect: DialectName = .native) throws -> RingWalk {
        let space = try IdentifierSpace(width: width)
        let parameters = RingParameters(
            ring: "a-ring-of-production",
            hash: "sha256",
            probe: HashFunction.sha256.identifier(of: "probe", in: space),
            space: space,
            rule: .name,
            successorCount: 4
        )
        let nodes = (0..<7).map { number in
            NodeReference(
                id: HashFunction.sha256.identifier(of: "\(number)", in: space),
                name: "database-\(number).rack-12",
                address: "node-\(number).example.org:7946",
                incarnation: 1
            )
        }
        let members = nodes.indices.map { index in
            RingMember(
                node: nodes[index],
                predecessor: nodes[(index + 6) % 7],
                successors: (1...4).map { nodes[(index + $0) % 7] },
                share: 1.0 / 7,
                roundTrip: .milliseconds(1),
                dialect: dialect
            )
        }
        return RingWalk(parameters: parameters, members: members, problems: ["n1 is not right"])
    }

    @Test("A ring is legible at every width", arguments: [64, 256], widths)
    func ring(bits: Int, columns: Int) throws {
        for dialect in [DialectName.native, .concord] {
            let lines = RingView(walk: try Self.walk(width: bits, dialect: dialect))
                .lines(width: columns)
            #expect(lines.allSatisfy { $0.count <= columns }, "\(lines.joined(separator: "\n"))")
            // Names and addresses always stay, in full.
            for number in 0..<7 {
                let row = try #require(
                    lines.first { $0.contains("node-\(number).example.org:7946") }
                )
                #expect(row.contains("database-\(number)"))
            }
            #expect(lines[0].contains("name") && lines[0].contains("address"))
            if columns >= 80 { #expect(lines[0].contains("share")) }
            if columns == 200, bits == 64 { #expect(!lines.joined().contains("…")) }
        }
    }

    @Test("Output to a pipe is never cut", arguments: [64, 256])
    func pipe(bits: Int) throws {
        let walk = try Self.walk(width: bits)
        let lines = RingView(walk: walk).lines(width: nil)
        #expect(!lines.joined().contains("…"))
        for member in walk.members {
            let row = try #require(lines.first { $0.hasPrefix(member.node.name) })
            #expect(row.contains(member.node.id.hexadecimal(width: bits)))
            #expect(row.contains(member.successors.map(\.name).joined(separator: " ")))
        }
    }

    @Test("A successor that a node cannot reach is marked, in tables and in JSON")
    func unreachedHead() throws {
        var walk = try Self.walk(width: 64)
        func isMarked(_ json: JSON) -> Bool {
            json.lines.contains("\"head_unreached\": true")
        }
        #expect(!RingView(walk: walk).lines(width: nil).contains { $0.contains("not reached") })
        #expect(!isMarked(RingView(walk: walk).json))
        walk.members[2].isHeadUnreached = true
        let lines = RingView(walk: walk).lines(width: nil)
        let rows = lines.filter { $0.contains("(not reached)") }
        #expect(rows.count == 1)
        #expect(rows.first?.hasPrefix("database-2.rack-12") == true)
        #expect(rows.first?.contains("database-3.rack-12 (not reached) database-4") == true)
        #expect(lines.contains { $0.hasPrefix("warning: database-2.rack-12 cannot reach") })
        #expect(isMarked(RingView(walk: walk).json))

        let member = walk.members[2]
        var description = NodeDescription(
            node: member.node,
            phase: .member,
            predecessor: member.predecessor,
            successors: member.successors,
            table: [],
            parameters: walk.parameters,
            version: "1.2.3"
        )
        func described() -> [String] {
            DescriptionView(description: description).lines(width: nil, withTable: false)
                .filter { $0.contains("not reached") }
        }
        #expect(described() == [])
        description.isHeadUnreached = true
        #expect(described().count == 1)
        #expect(described().first?.contains("database-3.rack-12") == true)
        let members = DescriptionView(description: description).members(withTable: false)
        #expect(isMarked(JSON.object(members)))
    }

    @Test("A description and a trace are legible at every width", arguments: widths)
    func others(columns: Int) throws {
        let walk = try Self.walk(width: 256)
        let nodes = walk.members.map(\.node)
        let description = NodeDescription(
            node: nodes[0],
            phase: .member,
            predecessor: nodes[6],
            successors: Array(nodes[1...4]),
            table: Array(nodes[1...]),
            parameters: walk.parameters,
            version: "1.2.3",
            uptime: .seconds(93_784)
        )
        let view = DescriptionView(description: description)
        let described = view.lines(width: columns, withTable: true)
        #expect(described.allSatisfy { $0.count <= max(columns, 100) })
        #expect(described.contains { $0.contains("up for") && $0.contains("1 d 2 h") })
        #expect(described.contains { $0.hasPrefix("share") })
        let table = described.drop { $0 != "" }
        #expect(table.allSatisfy { $0.count <= columns })

        var answer = LookupAnswer(key: "apple", width: 256)
        answer.take(
            LookupTrace(
                result: LookupResult(
                    id: nodes[2].id,
                    owner: nodes[2],
                    successors: [],
                    answering: nodes[1],
                    hops: 1,
                    path: Array(nodes[..<2])
                ),
                steps: nodes[..<2].map {
                    LookupStep(node: $0, roundTrip: .milliseconds(3), failure: nil)
                }
            )
        )
        let steps = answer.lines(width: columns, withSteps: true).prefix(3)
        #expect(steps.allSatisfy { $0.count <= columns }, "\(steps.joined(separator: "\n"))")
        #expect(steps.contains { $0.contains("owner: ") })
    }

    @Test("A wide table of figures is split into parts", arguments: widths)
    func parts(columns: Int) {
        var table = Table(columns: [.init(title: "rate", isNumeric: true)])
        for number in 1...6 {
            table.columns += [
                .init(title: "measure \(number)", isNumeric: true),
                .init(title: "published", isNumeric: true),
            ]
        }
        table.rows = [table.columns.indices.map { "\($0)" }]
        let parts = table.parts(width: columns) { $0.title == "published" }
        #expect(parts.allSatisfy { $0.allSatisfy { $0.count <= columns } })
        for part in parts {
            #expect(part[0].hasPrefix("rate") && part[1].hasPrefix("   0"))
            // Published figures are beside ours.
            #expect(part[0].ranges(of: "measure").count == part[0].ranges(of: "published").count)
        }
        let titles = parts.map { $0[0] }.joined()
        for number in 1...6 { #expect(titles.contains("measure \(number)")) }
        #expect(table.parts(width: nil) { _ in false }.count == 1)
    }

    @Test("COLUMNS overrides the terminal's width, and a pipe has none")
    func terminal() async throws {
        try await ProcessRing.running(3) { ring in
            let command = ([ChordProcess.program.path, "ring"] + (try ring.flags()))
                .joined(separator: " ")
            let narrow = try await Self.onTerminal("stty cols 40; \(command)")
            #expect(narrow.allSatisfy { $0.count <= 40 }, "\(narrow)")
            #expect(!narrow[0].contains("identifier"))
            let wide = try await Self.onTerminal("stty cols 40; COLUMNS=120 \(command)")
            #expect(wide[0].contains("identifier") && wide[0].contains("round trip"))
            let piped = try await Self.onTerminal("stty cols 40; \(command) | cat")
            #expect(piped[0].contains("identifier") && piped[0].contains("round trip"))
            #expect(!piped.joined().contains("\u{1b}"))

            // Progress is one line, overwritten, and removed at the end.
            let waiting = try await Self.onTerminal(
                "stty cols 80; \(command) --wait 9 --timeout 400ms"
            )
            #expect(waiting.joined().contains("\r\u{1b}[Kwaiting for an ideal ring of 9: it has"))
            #expect(waiting.joined().contains("\r\u{1b}[Kchord: no ideal ring of 9"))
        }
    }

    @Test("Without a terminal a waiting command writes a line every few seconds")
    func progress() async throws {
        try await ProcessRing.running(1) { ring in
            let outcome = try await ChordProcess.run(
                ["ring", "--wait", "2", "--timeout", "7s"] + (try ring.flags())
            )
            #expect(outcome.code == 1)
            let lines = outcome.errorLines
            #expect(lines.count == 3, "\(lines)")
            #expect(lines[0].hasPrefix("waiting for an ideal ring of 2: it has 1 member ("))
            #expect(lines[1].hasPrefix("chord: no ideal ring of 2"))
        }
    }

    @Test("certs-verify fits the terminal", arguments: widths)
    func certificates(columns: Int) async throws {
        let script = TestCertificates.root.appending(path: "scripts/certs").path
        let directory = try await TestCertificates.directory()
        let lines = try await Self.onTerminal(
            "stty cols \(columns); CERTS_DIR=\(directory) \(script) verify"
        )
        #expect(lines.allSatisfy { $0.count <= columns }, "\(lines)")
        #expect(lines[0].hasPrefix("NAME") && lines[0].contains("STATE"))
        #expect(lines[0].contains("IDENTITY") == (columns == 200))
    }

    /// Runs a shell line on its own terminal.
    private static func onTerminal(_ line: String) async throws -> [String] {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/script")
        process.arguments = ["-qec", line, "/dev/null"]
        process.standardInput = FileHandle.nullDevice
        process.environment = [
            "PATH": "/usr/local/bin:/usr/bin:/bin", "TERM": "xterm", "NO_COLOR": "1",
            "CHORD_PEER_TIMEOUT": "10s",
        ]
        let said = try await onOwnThread { try process.runToEnd() }
        return said.split(separator: "\r\n").map(String.init)
    }
}
