// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Chord
import ChordCommandLine
import ChordTestSupport
import Testing

@testable import ChordCLI
@testable import ChordStore

/// What the commands of the store print.
@Suite(.tags(.unit)) struct StoreOutputTests {
    private static let range = String(repeating: "1", count: 32)
    private static let other = String(repeating: "2", count: 32)

    private func status(
        _ range: String = range,
        from after: UInt64 = 0,
        through: UInt64 = 0,
        at replica: UInt64 = 1,
        leader: UInt64? = 1,
        term: UInt64 = 1,
        epoch: UInt64 = 1,
        issues: [StoreRangeStatus.Issue] = []
    ) -> StoreRangeStatus {
        StoreRangeStatus(
            range: range,
            configurationEpoch: epoch,
            boundsEpoch: 1,
            bounds: IdentifierRange(after: Identifier(after), through: Identifier(through)),
            replicas: (1...3).map {
                .init(
                    number: $0,
                    node: "n\($0)",
                    address: "n\($0):1",
                    kind: $0 == 3 ? .learner : .voter,
                    acknowledged: leader == replica ? 100 - $0 : nil,
                    silence: nil
                )
            },
            wantedVoters: 3,
            replica: replica,
            leader: leader,
            term: term,
            commit: 100,
            applied: 100,
            rows: 12,
            bytes: 1_536,
            lag: StoreLag(entries: 0, silence: .zero),
            isQuiet: false,
            issues: issues,
            move: nil
        )
    }

    @Test("A watch prints one line for each key")
    func watch() throws {
        func told(_ hex: Bool = false, values: Bool = true) throws -> RowWatch {
            RowWatch(
                form: try KeyForm.parse(hex ? ["--hex"] : []),
                withValues: values,
                asJSON: false
            )
        }
        let value = StoreValue(Array("1\n2".utf8), version: 7, timeToLive: .seconds(1))
        let change = StoreWatchEvent.changed(
            StoreChange(
                version: 7,
                keys: [
                    StoreKeyChange(key: StoreKey("a b", in: "p"), kind: .put(value)),
                    StoreKeyChange(key: StoreKey("c", in: "p"), kind: .deleted),
                    StoreKeyChange(key: StoreKey([255], in: [1]), kind: .expired),
                ]
            )
        )
        let text = try told().text(change)
        #expect(text.count == 3)
        #expect(text[0].hasPrefix("put a b 7 1"))
        #expect(!text[0].contains("\n"))
        #expect(text[1] == "delete c 7")
        #expect(try told(true, values: false).text(change)[0] == "put 612062 7")
        #expect(try told(true).text(change)[2] == "expire ff 7")
        let json = try told().json(change)
        #expect(
            json == [
                #"{"event": "put", "key": "a b", "value": "1\n2", "version": 7, "ttl_ms": 1000.000, "more": true}"#,
                #"{"event": "delete", "key": "c", "version": 7, "more": true}"#,
                #"{"event": "expire", "key_base64": "/w==", "version": 7}"#,
            ]
        )
        #expect(try told().text(.stateBegins(afterGap: false)) == ["state"])
        #expect(
            try told().json(.stateBegins(afterGap: true)) == [
                #"{"event": "state", "after_gap": true}"#
            ]
        )
        #expect(try told().text(.stateIsComplete(version: 3)) == ["complete 3"])
        #expect(try told().text(.progress(version: 3)).isEmpty)
        #expect(try told().json(.progress(version: 3)) == [#"{"event": "progress", "version": 3}"#])
    }

    private func member(
        _ name: String,
        _ ranges: [StoreRangeStatus],
        _ state: StoreNodeStatus.State = .serving,
        reason: String = ""
    ) -> StoreOverview.Member {
        .init(
            node: NodeReference(
                id: Identifier(7),
                name: name,
                address: "\(name):1",
                incarnation: 1
            ),
            answer: .status(
                StoreNodeStatus(
                    store: "s",
                    disk: "d",
                    node: name,
                    state: state,
                    reason: reason,
                    starts: 1,
                    replicas: UInt64(ranges.count),
                    leaders: 1,
                    rangesWithIssues: 0,
                    rows: 12,
                    bytes: 1_536,
                    freeBytes: 3 << 30,
                    quotaBytes: nil,
                    isQuotaReached: false,
                    ranges: ranges
                )
            )
        )
    }

    @Test("The leader's report counts; without one the newest")
    func reports() throws {
        let led = StoreOverview([
            member("n1", [status(term: 4)]), member("n2", [status(at: 2, leader: 2, term: 5)]),
            member("n3", [status(at: 3, leader: 1, term: 4, epoch: 9)]),
        ])
        let range = try #require(led.ranges.first)
        #expect(led.ranges.count == 1 && range.hasLeader)
        #expect(range.status.leadingReplica?.node == "n2" && range.lag == 3)
        #expect(led.problems == [])
        let leaderless = StoreOverview([
            member("n2", [status(at: 2, leader: 1)]),
            member("n3", [status(at: 3, leader: nil, epoch: 9)]),
        ])
        #expect(leaderless.ranges.first?.status.configurationEpoch == 9)
        #expect(leaderless.problems == ["range 11111111: no member says that it leads it"])
    }

    @Test("A copy on a disk that its node has no more is a problem, before its leader notices")
    func lostDisk() {
        var range = status(term: 4)
        for index in range.replicas.indices { range.replicas[index].disk = "d" }
        #expect(StoreOverview([member("n1", [range]), member("n3", [])]).problems == [])
        for index in range.replicas.indices where range.replicas[index].node == "n3" {
            range.replicas[index].disk = "old"
        }
        #expect(
            StoreOverview([member("n1", [range]), member("n3", [])]).problems == [
                "range 11111111: the copy of n3 was on another disk than it has now"
            ]
        )
    }

    @Test("A node at its quota is a problem, with what to do, and is told in JSON")
    func quota() throws {
        var full = member("n1", [status()])
        guard case .status(var answer) = full.answer else {
            Issue.record("no status")
            return
        }
        answer.quotaBytes = 2 << 20
        full.answer = .status(answer)
        #expect(StoreOverview([full]).problems == [])
        answer.isQuotaReached = true
        full.answer = .status(answer)
        let overview = StoreOverview([full])
        #expect(
            overview.problems == [
                "n1 has reached its quota of 2.0 MiB: delete keys, add nodes, or raise --store-quota"
            ]
        )
        let json = StoreStatusView(overview: overview, width: 64).json.line
        #expect(json.contains(#""quota_bytes": 2097152, "quota_reached": true"#))
    }

    @Test("The number of replicas is told for each range, and for all of them")
    func setReplicas() throws {
        let changes = [Self.range, Self.other].map { range in
            StoreReplicasChange(
                range: range,
                bounds: IdentifierRange(after: Identifier(1), through: Identifier(2)),
                former: range == Self.range ? 3 : 5,
                replicas: 5
            )
        }
        #expect(
            changes.map(StoreSetReplicasCommand.line) == [
                "range 11111111  3 -> 5", "range 22222222  5 already",
            ]
        )
        #expect(
            StoreSetReplicasCommand.summary(5, changes).hasPrefix(
                "2 ranges, each wants 5 replicas;"
            )
        )
        let json = StoreSetReplicasCommand.json(5, changes, 64).line
        #expect(json.hasPrefix(#"{"replicas": 5, "ranges": [{"range": "1111"#))
        #expect(json.contains(#""former": 3"#))
        for wrong in ["4", "0", "9", "many"] {
            #expect(throws: (any Error).self) { try StoreSetReplicasCommand.parse([wrong]) }
        }
        #expect(try StoreSetReplicasCommand.parse(["7"]).number == 7)
    }

    @Test(
        "Sizes are read with and without units",
        arguments: [
            ("1", 1), ("4096", 4096), ("512KiB", 512 << 10), ("3MiB", 3 << 20), ("20GiB", 20 << 30),
            ("1TiB", 1 << 40), ("0", 0), ("GiB", nil), ("-1", nil), ("1GB", nil), ("1.5GiB", nil),
            ("99999999999TiB", nil),
        ] as [(String, UInt64?)]
    )
    func sizes(text: String, bytes: UInt64?) {
        #expect(ByteSize(argument: text)?.bytes == bytes)
    }

    @Test("Problems of members, of ranges, and gaps between ranges are told")
    func problems() {
        let overview = StoreOverview([
            member(
                "n1",
                [
                    status(
                        from: 0,
                        through: 100,
                        issues: [.init(kind: .silentReplica, detail: "n3 is silent")]
                    ),
                    status(Self.other, from: 120, through: 0),
                ]
            ),
            member("n2", [], .full, reason: "no room"),
            .init(node: member("n3", []).node, answer: .failed("silent")),
            .init(node: member("n4", []).node, answer: .noStore),
        ])
        #expect(
            overview.problems == [
                "n2 is full: no room", "n3 does not answer: silent",
                "range 11111111: n3 is silent", "no range that answers begins after 64",
            ]
        )
        let lines = StoreStatusView(overview: overview, width: 64).lines(width: nil)
        #expect(lines[1].contains("serving") && lines[1].contains("1.5 KiB"))
        #expect(lines[1].hasSuffix("3.0 GiB"))
        #expect(lines[3].contains("no answer") && lines[4].contains("no store"))
        #expect(lines.contains("2 ranges, 24 keys, 3.0 KiB"))
    }

    @Test("A list of ranges fits a narrow terminal")
    func ranges() {
        let overview = StoreOverview([member("n1", [status()])])
        let view = StoreStatusView(overview: overview, width: 64)
        let wide = view.rangeLines(width: nil)
        #expect(wide[1].contains("the whole ring") && wide[1].contains("n1 n2 n3 (learner)"))
        for line in view.rangeLines(width: 60) { #expect(line.count <= 60, "\(line)") }
    }

    @Test(
        "Values on a terminal are lines without control characters",
        arguments: [
            ("a", ["a"]), ("a\n", ["a"]), ("a\n\nb", ["a", "", "b"]), ("", [""]),
            ("a\tb", ["a\tb"]), ("\u{1b}[2J", ["\\u{1b}[2J"]),
        ]
    )
    func terminalValue(text: String, lines: [String]) {
        #expect(GetCommand.lines(of: Array(text.utf8)) == lines)
    }

    @Test("Bytes that are no text have a name of their own in JSON")
    func bytes() {
        #expect(GetCommand.lines(of: [0xff]) == nil)
        let row = StoreRow(
            key: StoreKey([0xff, 0], in: [1]),
            value: StoreValue([0x61], version: 3, timeToLive: .milliseconds(1_500))
        )
        #expect(
            ListCommand.json(row, true).line
                == #"{"key_base64": "/wA=", "value": "a", "version": 3, "ttl_ms": 1500.000}"#
        )
        #expect(
            ListCommand.json(row, false).line
                == #"{"key_base64": "/wA=", "version": 3, "ttl_ms": 1500.000}"#
        )
    }

    @Test(
        "A write that may have been done has a code of its own",
        arguments: StoreClientErrorCase.all
    )
    func failures(_ example: StoreClientErrorCase) {
        let error = StoreClientError(example.code, "why", mayHaveHappened: example.isInDoubt)
        let failure = CommandFailure(explaining: error)
        #expect(failure.kind == example.kind)
        #expect(failure.message.hasPrefix("why") || example.code == .cancelled)
    }

    @Test("Hexadecimal keys are read in pairs of digits")
    func hexadecimal() throws {
        var form = try KeyForm.parse(["--hex"])
        #expect(try form.bytes("00ffA1", "the key") == [0, 0xff, 0xa1])
        #expect(form.text([0, 0xff, 0xa1]) == "00ffa1")
        for text in ["0", "0g", "é0", "-1"] {
            #expect(throws: (any Error).self) { try form.bytes(text, "the key") }
        }
        form.hex = false
        #expect(try form.bytes("00", "the key") == Array("00".utf8))
        #expect(form.text([0x61, 0x1b]) == "a\\u{1b}")
    }
}

/// An error of the store's client, and the kind of failure that it becomes.
struct StoreClientErrorCase: Sendable {
    let code: StoreClientError.Code
    let kind: CommandFailure.Kind
    var isInDoubt = false

    static let all = [
        Self(code: .unavailable, kind: .unavailable), Self(code: .noContact, kind: .unavailable),
        Self(code: .deadlineExceeded, kind: .unavailable), Self(code: .refused, kind: .refused),
        Self(code: .invalidArgument, kind: .configuration), Self(code: .noStore, kind: .failed),
        Self(code: .limitReached, kind: .failed), Self(code: .cancelled, kind: .failed),
        Self(code: .unavailable, kind: .inDoubt, isInDoubt: true),
        Self(code: .limitReached, kind: .inDoubt, isInDoubt: true),
    ]
}
