// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import Chord
import ChordCommandLine
import Foundation
import Logging
import ChordTestSupport
import Testing

@testable import ChordCLI

/// The parts that text is made of and read by.
@Suite(.tags(.unit)) struct OutputTests {
    @Test(
        "Durations are parsed",
        arguments: [
            ("250ms", Duration.milliseconds(250)), ("1s", .seconds(1)),
            ("1.5s", .milliseconds(1_500)),
            ("2m", .seconds(120)), ("1h", .seconds(3_600)), ("60", .seconds(60)), ("0s", .zero),
            ("10us", .microseconds(10)),
        ]
    )
    func interval(text: String, duration: Duration) {
        #expect(Interval(argument: text)?.duration == duration)
        #expect(Patience(argument: text)?.duration == duration)
    }

    @Test(
        "Invalid durations are refused",
        arguments: ["", "s", "-1s", "1 s", "soon", "1e3s", "1.2.3s", "inf", "9999999h"]
    )
    func noInterval(text: String) {
        #expect(Interval(argument: text) == nil)
        #expect(Patience(argument: text) == nil)
    }

    @Test func neverMeansNoTimeLimit() {
        #expect(Patience(argument: "never")?.duration == nil)
        #expect(Patience(argument: "never") != nil)
        #expect(Interval(argument: "never") == nil)
    }

    @Test("A table shrinks its widest column, except those that must not be cut")
    func table() {
        var table = Table(columns: [
            .init(title: "name", least: 4), .init(title: "share", isNumeric: true),
            .init(title: "list", least: 8, rank: 1),
        ])
        table.rows = [["n1", "7.5 %", "n2 n3"], ["a longer name", "100.0 %", "n4 n5 n6 n7 n8"]]
        #expect(table.lines(width: nil) == table.lines(width: 80))
        let wide = table.lines(width: 80)
        #expect(
            wide == [
                "name             share  list",
                "n1               7.5 %  n2 n3",
                "a longer name  100.0 %  n4 n5 n6 n7 n8",
            ]
        )
        let narrow = table.lines(width: 30)
        #expect(narrow.allSatisfy { $0.count <= 30 })
        #expect(narrow[2].contains("100.0 %"))
        #expect(narrow[2].contains("…"))
        // A column that would be too narrow is omitted.
        #expect(table.lines(width: 20)[2] == "a longer n…  100.0 %")
        #expect(table.lines(width: 1)[2] == "a l…  100.0 %")
    }

    @Test("Any time that another machine reports can be shown")
    func stamps() {
        #expect(Duration.milliseconds(1_700_000_000_001).stamp == "2023-11-14T22:13:20.001Z")
        #expect(Duration.zero.stamp == "1970-01-01T00:00:00.000Z")
        #expect(Duration.milliseconds(UInt64.max).stamp == "9999-12-31T23:59:59.999Z")
        #expect(Duration.seconds(-1).stamp == "1970-01-01T00:00:00.000Z")
        #expect(Duration.seconds(951_782_399).stamp == "2000-02-28T23:59:59.000Z")
        #expect(Duration.seconds(951_782_400).day == "2000-02-29")
        #expect(Duration.seconds(951_868_800).day == "2000-03-01")
        #expect(Duration.seconds(1_735_689_599).day == "2024-12-31")
    }

    @Test("Each event is one line in text and one object in JSON")
    func news() throws {
        func node(_ id: UInt64, _ name: String) -> NodeReference {
            NodeReference(id: Identifier(id), name: name, address: "\(name):1", incarnation: 0)
        }
        let (n1, n2, evil) = (node(1, "n1"), node(2, "n2"), node(3, "a\nb"))
        let range = IdentifierRange(after: .zero, through: .zero)
        let state = RingState(node: n1, predecessor: n2, successors: [n2])
        let cases: [(RingEvent, String)] = [
            (.joined(state), "joined       n1; predecessor n2, successors n2"),
            (
                .rangeChanged(from: nil, to: range, cause: .joined),
                "range        from nothing to the whole circle (joined)"
            ),
            (
                .predecessorChanged(from: n2, to: evil, cause: .failed),
                "predecessor  from n2 to a\\u{a}b (failed)"
            ),
            (
                .successorsChanged(from: [n2, evil], to: [], cause: .merged),
                "successors   from n2 a\\u{a}b to none (merged)"
            ),
            (.successorsLost([n2, evil]), "lost         all successors: n2 a\\u{a}b"),
            (.left, "left         the ring, and ends"),
        ]
        var view = NewsView()
        for (event, text) in cases {
            let news = NodeNews(.event(event), time: .zero)
            #expect(view.line(news) == "1970-01-01T00:00:00.000Z  \(text)")
            let json = view.json(news).line
            #expect(!json.contains("\n"))
            let read = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any]
            #expect(read?["event"] is String)
        }
    }

    @Test("Names from elsewhere cannot control the terminal")
    func printable() {
        #expect("n1\u{1b}[2J\n\u{202e}x".printable == "n1\\u{1b}[2J\\u{a}\\u{202e}x")
        #expect("Größe 大".printable == "Größe 大")
    }

    @Test(
        "JSON of any text is read back unchanged",
        arguments: ["", "a\"b\\c", "\u{0}\n\t\u{7f}", "é 大 🙂"]
    )
    func json(text: String) throws {
        let value = JSON.object([
            ("key", .string(text)), ("n", .integer(-3)), ("x", .number(-0.05, digits: 3)),
            ("list", .array([.boolean(true), .array([])])), ("none", .object([])),
        ])
        for written in [value.line, value.lines] {
            let read = try JSONSerialization.jsonObject(with: Data(written.utf8))
            let object = try #require(read as? [String: Any])
            #expect(object["key"] as? String == text)
            #expect(object["n"] as? Int == -3)
            #expect(object["x"] as? Double == -0.05)
            #expect((object["list"] as? [Any])?.count == 2)
        }
        #expect(!value.line.contains("\n"))
    }

    @Test(
        "Numbers have the given decimal places",
        arguments: [
            (0.0, 2, "0.00"), (0.005, 2, "0.01"), (-0.004, 2, "0.00"), (12.345, 1, "12.3"),
            (99.96, 1, "100.0"), (7, 0, "7"), (.infinity, 1, "0"), (.nan, 1, "0"),
        ]
    )
    func number(value: Double, digits: Int, text: String) {
        #expect(value.formatted(digits: digits) == text)
    }

    @Test("A log line has a text and a JSON form")
    func logLine() throws {
        let metadata: [(key: String, value: Logger.MetadataValue)] = [
            ("chord.error", "cannot \"reach\" it"), ("chord.list", .array(["n1", "n2"])),
            ("chord.node", "n1"),
        ]
        let time = Duration.milliseconds(1_800_000_000_250)
        let text = LineLogHandler.line(.text, time, .info, "it\nhappened", metadata)
        #expect(
            text
                == "2027-01-15T08:00:00.250Z info    it\\u{a}happened"
                + " chord.error=\"cannot \\\"reach\\\" it\" chord.list=n1,n2 chord.node=n1"
        )
        let json = LineLogHandler.line(.json, time, .warning, "it\nhappened", metadata)
        let read = try JSONSerialization.jsonObject(with: Data(json.utf8))
        let object = try #require(read as? [String: Any])
        #expect(object["level"] as? String == "warning")
        #expect(object["message"] as? String == "it\nhappened")
        #expect(object["chord.list"] as? [String] == ["n1", "n2"])
        #expect(!json.contains("\n"))
    }

    @Test("A failure has a line with the error and a line with the hint")
    func failures() {
        let failure = CommandFailure(.failed, "two\nlines", hint: "one")
        #expect(failure.lines == ["chord: two lines", "hint: one"])
    }

    @Test("The settings file is parsed")
    func settings() throws {
        func settings(in text: String) throws -> [String: String] {
            try SettingsFile(text, path: ".chord.env", known: Setting.client).values
        }
        let read = try settings(
            in: "\n# a note\r\n CHORD_NODE = 127.0.0.1:1 \nCHORD_AS=\nCHORD_CERTS_DIR=a=b\n"
        )
        #expect(read == ["CHORD_NODE": "127.0.0.1:1", "CHORD_CERTS_DIR": "a=b"])
        #expect(
            try settings(
                in:
                    "export CHORD_NODE=\"a b\"\nCHORD_AS='x\"y' # mine\nexport\tCHORD_PEER_TIMEOUT=3s # long\n"
            ) == ["CHORD_NODE": "a b", "CHORD_AS": "x\"y", "CHORD_PEER_TIMEOUT": "3s"]
        )
        for text in ["CHORD_NODE", "CHORD_NODE=\"a", "CHORD_NODE='a\"", "CHORD_NODE=\"a\"b"] {
            #expect(throws: CommandFailure.self) { _ = try settings(in: text) }
        }
        #expect(throws: CommandFailure.self) { _ = try settings(in: "PATH=/bin") }
    }

    @Test("Durations and plurals are formatted")
    func words() {
        #expect(Duration.milliseconds(350).inWords == "350 ms")
        #expect(Duration.seconds(10.696571075).inWords == "10.7 s")
        #expect(Duration.seconds(185).inWords == "3 min 5 s")
        #expect(Duration.seconds(7_200).inWords == "2 h")
        #expect(Duration.seconds(90_061).inWords == "1 d 1 h")
        #expect(1.counted("ring") == "1 ring" && 0.counted("ring") == "0 rings")
    }

    @Test(
        "The nearest known word is suggested",
        arguments: [
            ("lokup", "lookup"), ("serv", "serve"), ("rnig", "ring"), ("dsecribe", "describe"),
            ("fly", nil), ("xyzzy", nil), ("", nil),
        ]
    )
    func suggestion(typed: String, meant: String?) {
        let names = ["serve", "lookup", "ring", "describe", "watch", "cert"]
        #expect(Suggestion.nearest(to: typed, among: names) == meant)
    }

    @Test("The ready line has the address")
    func readyLine() {
        #expect(
            ClusterNode.address(
                inReadyLine: "ready: n1 (6f3a) at [::1]:80 in ring demo, 1 member known"
            )
                == "[::1]:80"
        )
        #expect(ClusterNode.address(inReadyLine: "n1 at 127.0.0.1:80") == nil)
    }
}
