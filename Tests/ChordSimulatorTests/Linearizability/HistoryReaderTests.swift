// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordTestSupport
import Testing

@testable import ChordSimulator

@Suite(.tags(.unit)) struct HistoryReaderTests {
    private static let history = """
        {"call": 1, "client": "a", "time": 1000000, "operations": [{"key": "k", "action": "put", "value": "x"}]}
        {"return": 1, "time": 2000000, "outcome": "applied", "version": 4, "rows": [{"absent": true}]}

        {"call": 2, "client": "b", "time": 3000000, "partition": "k", "operations": [{"key": "k", "action": "get"}]}
        {"return": 2, "time": 4000000, "outcome": "applied", "rows": [{"value": "x", "version": 4}]}
        {"call": 3, "client": "b", "time": 5000000, "partition": "k", "operations": [
        """.replacing("[\n", with: "[")
        + #"{"key": "k", "action": "delete", "condition": {"version": 4}}, "#
        + #"{"key": "l\u00e9\ud83d\ude00", "action": "touch"}]}"#
        + "\n"
        + #"{"call": 4, "time": 6000000, "operations": [{"key": "k", "action": "put", "value": ""}]}"#
        + "\n"
        + #"{"return": 4, "time": 6000001, "outcome": "refused"}"#

    @Test func readsOperations() throws {
        let operations = try HistoryReader.read(Array(Self.history.utf8))
        #expect(operations.map(\.number) == [1, 2, 3])
        #expect(operations[0].partition == "k")
        #expect(operations[0].outcome == .applied(version: 4))
        #expect(operations[0].steps == [.init(key: "k", .put("x"), seen: .absent)])
        #expect(operations[1].steps[0].seen == .row(value: "x", version: 4))
        #expect(operations[2].outcome == .unknown)
        #expect(
            operations[2].steps == [
                .init(key: "k", .delete, if: .version(4)),
                .init(key: "l\u{e9}\u{1f600}", .get, if: .present),
            ]
        )
        let check = try HistoryCheck(Array(Self.history.utf8))
        #expect(check.passed)
        #expect(
            check.text
                == "linearizable: 3 operations of 2 clients on 2 keys, 1 without an answer, 0 on keys that "
                + "five clients or more share"
        )
    }

    @Test func reportsViolations() throws {
        let wrong = Self.history.replacing(#""value": "x", "version": 4"#, with: #""value": "y""#)
        let check = try HistoryCheck(Array(wrong.utf8))
        #expect(!check.passed)
        #expect(check.text.contains("not linearizable: partition \"k\""))
        #expect(check.text.contains("found \"y\""))
    }

    @Test(arguments: [
        ("{", "line 1: a \"\"\" is missing"),
        ("[]", "line 1: a line is a JSON object"),
        ("\n\n{\"time\": 1}", "line 3: a line has either \"call\" or \"return\", a number"),
        ("{\"call\": 1}", "line 1: \"time\" must be a number"),
        ("{\"call\": 1.5, \"time\": 1}", "line 1: a number is not whole, or not within 64 bits"),
        ("{\"call\": -1, \"time\": 1, \"operations\": []}", "line 1: \"operations\" is empty"),
        (
            "{\"call\": 99999999999999999999, \"time\": 1}",
            "line 1: a number is not whole, or not within 64 bits"
        ),
        (
            "{\"call\": 1, \"time\": 1, \"operations\": [{\"key\": \"k\", \"action\": \"take\"}]}",
            "line 1: unknown action \"take\""
        ),
        (
            "{\"call\": 1, \"time\": 1, \"operations\": [{\"key\": \"k\", \"action\": \"put\"}]}",
            "line 1: \"value\" must be a string"
        ),
        (
            "{\"call\": 1, \"time\": 1, \"operations\": [{\"key\": \"k\", \"action\": \"get\", \"values\": 1}]}",
            "line 1: unknown member \"values\""
        ),
        (
            "{\"return\": 1, \"time\": 1, \"outcome\": \"applied\"}",
            "line 1: no line has the call 1"
        ),
        ("{\"return\": 1, \"time\": 1, \"outcome\": \"fine\"}", "line 1: unknown outcome \"fine\""),
        ("{\"call\": 1, \"call\": 1}", "line 1: \"call\" is there twice"),
        ("\"\\ud800\"", "line 1: a string has half a character"),
        ("\"\u{1}\"", "line 1: a string has a control character"),
    ])
    func refusesWhatItIsNot(_ text: String, _ message: String) throws {
        let error = #expect(throws: HistoryError.self) {
            try HistoryReader.read(Array(text.utf8))
        }
        #expect(error?.message == message)
    }

    /// No bytes are too strange to be refused.
    @Test func survivesDamage() {
        let bytes = Array(Self.history.utf8)
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<2_000 {
            var damaged = bytes
            for _ in 0...generator.integer(in: 0...3) {
                damaged[generator.integer(in: 0...(damaged.count - 1))] = UInt8(
                    truncatingIfNeeded: generator.next()
                )
            }
            damaged.removeLast(generator.integer(in: 0...(damaged.count - 1)))
            if let check = try? HistoryCheck(damaged) { _ = check.text }
        }
        let deep = String(repeating: "[", count: 100_000)
        #expect(throws: HistoryError.self) { try HistoryReader.read(Array(deep.utf8)) }
    }
}
