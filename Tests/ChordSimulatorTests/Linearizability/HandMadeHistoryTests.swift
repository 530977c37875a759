// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Testing

@testable import ChordSimulator

/// A history and what it stands for.
struct NamedHistory: CustomTestStringConvertible, Sendable {
    let name: String
    let build: @Sendable (inout HandMadeHistory) -> Void

    init(_ name: String, _ build: @escaping @Sendable (inout HandMadeHistory) -> Void) {
        self.name = name
        self.build = build
    }

    var testDescription: String { name }

    var operations: [HistoryOperation] {
        var history = HandMadeHistory()
        build(&history)
        return history.operations
    }
}

@Suite(.tags(.unit)) struct HandMadeHistoryTests {
    @Test(arguments: right)
    func acceptsRightHistories(_ history: NamedHistory) {
        #expect(LinearizabilityChecker().check(history.operations) == .linearizable)
    }

    @Test(arguments: wrong)
    func findsViolations(_ history: NamedHistory) throws {
        let verdict = LinearizabilityChecker().check(history.operations)
        guard case .violation(let violation) = verdict else {
            Issue.record("\(verdict)")
            return
        }
        // What is left is a violation in itself, and not more than there was.
        #expect(violation.operations.count <= history.operations.count)
        guard case .violation = LinearizabilityChecker().check(violation.operations) else {
            Issue.record("the report is no violation: \(violation)")
            return
        }
    }

    static let right: [NamedHistory] = [
        NamedHistory("nothing") { _ in },
        NamedHistory("a read of what was never written") { $0.get("a", 0, 1, nil) },
        NamedHistory("one after the other") {
            $0.put("a", 0, 1, "x", version: 3)
            $0.get("b", 2, 3, "x", version: 3)
            $0.delete("a", 4, 5, version: 4)
            $0.get("b", 6, 7, nil)
            $0.put("a", 8, 9, "y", version: 9, if: .absent)
        },
        NamedHistory("overlapping reads see a write and not yet") {
            $0.put("a", 0, 10, "x", version: 1)
            $0.get("b", 1, 4, nil)
            $0.get("c", 5, 9, "x", version: 1)
        },
        NamedHistory("writes that overlap, in the order of their versions") {
            $0.put("a", 0, 10, "x", version: 2)
            $0.put("b", 0, 10, "y", version: 1)
            $0.get("c", 11, 12, "x", version: 2)
        },
        NamedHistory("an answer that takes the time of the next call") {
            $0.put("a", 0, 5, "x", version: 1)
            $0.get("b", 5, 6, nil)
        },
        NamedHistory("an unknown write that happened, long after its call") {
            $0.unknown("a", 0, .put("x"))
            $0.get("b", 10, 11, nil)
            $0.put("c", 12, 13, "y", version: 1)
            $0.get("b", 14, 15, "y", version: 1)
            $0.get("b", 16, 17, "x", version: 2)
        },
        NamedHistory("an unknown write that never happened") {
            $0.put("c", 0, 1, "y", version: 1)
            $0.unknown("a", 2, .put("x"))
            $0.get("b", 10, 11, "y", version: 1)
        },
        NamedHistory("an unknown delete that happened, and an unknown put on it") {
            $0.put("a", 0, 1, "x", version: 1)
            $0.unknown("b", 2, .delete)
            $0.unknown("c", 3, .put("y"), if: .absent)
            $0.get("d", 4, 5, "y")
        },
        NamedHistory("an unknown compare-and-set whose version is seen") {
            $0.put("a", 0, 1, "x", version: 4)
            $0.unknown("b", 2, .put("y"), if: .version(4))
            $0.put("c", 3, 9, "z", version: 8, if: .version(6))
            $0.get("d", 10, 11, "z", version: 8)
        },
        NamedHistory("a failed condition with what was there") {
            $0.put("a", 0, 1, "x", version: 4)
            $0.add(
                "b",
                2,
                3,
                .conditionFailed,
                .init(key: "k", .put("y"), if: .absent, seen: .row(value: nil, version: 4))
            )
        },
        NamedHistory("a batch is seen as a whole") {
            $0.add(
                "a",
                0,
                9,
                .applied(version: 1),
                .init(key: "k", .put("1")),
                .init(key: "l", .put("1"))
            )
            $0.add(
                "b",
                1,
                2,
                .applied(version: nil),
                .init(key: "k", .get, seen: .absent),
                .init(key: "l", .get, seen: .absent)
            )
            $0.add(
                "b",
                3,
                4,
                .applied(version: nil),
                .init(key: "k", .get, seen: .row(value: "1", version: 1)),
                .init(key: "l", .get, seen: .row(value: "1", version: 1))
            )
        },
        NamedHistory("an unknown batch of which one key is overwritten before it is seen") {
            $0.add(
                "a",
                0,
                1,
                .unknown,
                .init(key: "k", .put("1")),
                .init(key: "l", .put("1"))
            )
            $0.put("b", 2, 3, "2", version: 7)
            $0.add(
                "c",
                4,
                5,
                .applied(version: nil),
                .init(key: "k", .get, seen: .row(value: "2", version: 7)),
                .init(key: "l", .get, seen: .row(value: "1", version: 5))
            )
        },
    ]

    static let wrong: [NamedHistory] = [
        NamedHistory("stale read") {
            $0.put("a", 0, 1, "x", version: 1)
            $0.put("a", 2, 3, "y", version: 2)
            $0.get("b", 4, 5, "x", version: 1)
        },
        NamedHistory("stale read of nothing") {
            $0.put("a", 0, 1, "x", version: 1)
            $0.get("b", 2, 3, nil)
        },
        NamedHistory("lost write") {
            $0.put("a", 0, 1, "x", version: 1)
            $0.put("b", 2, 3, "y", version: 2)
            $0.get("c", 4, 5, "x", version: 1)
            $0.get("c", 6, 7, "x", version: 1)
        },
        NamedHistory("lost delete") {
            $0.put("a", 0, 1, "x", version: 1)
            $0.delete("b", 2, 3, version: 2)
            $0.get("c", 4, 5, "x", version: 1)
        },
        NamedHistory("a write that happens twice") {
            $0.put("a", 0, 1, "x", version: 1)
            $0.put("b", 2, 3, "y", version: 2)
            $0.get("c", 4, 5, "y", version: 2)
            $0.get("c", 6, 7, "x", version: 3)
        },
        NamedHistory("an unknown write that happens twice") {
            $0.unknown("a", 0, .put("x"))
            $0.get("c", 1, 2, "x", version: 1)
            $0.put("b", 3, 4, "y", version: 2)
            $0.get("c", 5, 6, "y", version: 2)
            $0.get("c", 7, 8, "x")
        },
        NamedHistory("two reads in the wrong order") {
            $0.put("a", 0, 1, "x", version: 1)
            $0.put("b", 2, 20, "y", version: 2)
            $0.get("c", 3, 4, "y", version: 2)
            $0.get("d", 5, 6, "x", version: 1)
        },
        NamedHistory("a deleted value comes back") {
            $0.put("a", 0, 1, "x", version: 1)
            $0.delete("a", 2, 3, version: 2)
            $0.get("b", 4, 5, nil)
            $0.get("b", 6, 7, "x", version: 1)
        },
        NamedHistory("a version is used again after a delete") {
            $0.put("a", 0, 1, "x", version: 5)
            $0.delete("a", 2, 3, version: 6)
            $0.put("a", 4, 5, "y", version: 6)
        },
        NamedHistory("a version goes back") {
            $0.put("a", 0, 1, "x", version: 5)
            $0.put("a", 2, 3, "y", version: 4)
        },
        NamedHistory("a read tells another version than the write") {
            $0.put("a", 0, 1, "x", version: 5)
            $0.get("b", 2, 3, "x", version: 6)
        },
        NamedHistory("a value that nobody wrote") { $0.get("a", 0, 1, "x", version: 1) },
        NamedHistory("a value before it was written") {
            $0.get("a", 0, 1, "x", version: 1)
            $0.put("b", 2, 3, "x", version: 1)
        },
        NamedHistory("an unknown write before its call") {
            $0.get("a", 0, 1, "x", version: 1)
            $0.unknown("b", 2, .put("x"))
        },
        NamedHistory("compare-and-set on an overwritten version") {
            $0.put("a", 0, 1, "x", version: 1)
            $0.put("b", 2, 3, "y", version: 2)
            $0.put("c", 4, 5, "z", version: 3, if: .version(1))
        },
        NamedHistory("two clients create the same key") {
            $0.put("a", 0, 9, "x", version: 1, if: .absent)
            $0.put("b", 0, 9, "y", version: 2, if: .absent)
        },
        NamedHistory("two compare-and-sets on one version") {
            $0.put("a", 0, 1, "x", version: 1)
            $0.put("b", 2, 9, "y", version: 2, if: .version(1))
            $0.put("c", 2, 9, "z", version: 3, if: .version(1))
        },
        NamedHistory("a condition fails that held") {
            $0.put("a", 0, 1, "x", version: 1)
            $0.add("b", 2, 3, .conditionFailed, .init(key: "k", .put("y"), if: .version(1)))
        },
        NamedHistory("a failed write is seen") {
            $0.put("a", 0, 1, "x", version: 1)
            $0.add("b", 2, 3, .conditionFailed, .init(key: "k", .put("y"), if: .absent))
            $0.get("c", 4, 5, "y")
        },
        NamedHistory("half of a batch") {
            $0.add(
                "a",
                0,
                1,
                .applied(version: 1),
                .init(key: "k", .put("1")),
                .init(key: "l", .put("1"))
            )
            $0.add(
                "b",
                2,
                3,
                .applied(version: nil),
                .init(key: "k", .get, seen: .row(value: "1", version: 1)),
                .init(key: "l", .get, seen: .absent)
            )
        },
        NamedHistory("half of an unknown batch") {
            $0.add("a", 0, 1, .unknown, .init(key: "k", .put("1")), .init(key: "l", .put("1")))
            $0.add(
                "b",
                2,
                3,
                .applied(version: nil),
                .init(key: "k", .get, seen: .row(value: "1", version: nil)),
                .init(key: "l", .get, seen: .absent)
            )
        },
        NamedHistory("versions of one partition fall from key to key") {
            $0.add("a", 0, 1, .applied(version: 5), .init(key: "k", .put("1")))
            $0.add("b", 2, 3, .applied(version: 4), .init(key: "l", .put("2")))
        },
        NamedHistory("versions fall between keys of one batch, although the writes overlap") {
            $0.add(
                "a",
                0,
                1,
                .applied(version: 1),
                .init(key: "k", .put("1")),
                .init(key: "l", .put("1"))
            )
            $0.add("b", 2, 9, .applied(version: 3), .init(key: "k", .put("2")))
            $0.get("c", 3, 4, "2", version: 3)
            $0.add("d", 5, 8, .applied(version: 2), .init(key: "l", .put("3")))
        },
        NamedHistory("two batches in different orders on two keys") {
            $0.add(
                "a",
                0,
                9,
                .applied(version: 1),
                .init(key: "k", .put("1")),
                .init(key: "l", .put("1"))
            )
            $0.add(
                "b",
                0,
                9,
                .applied(version: 2),
                .init(key: "k", .put("2")),
                .init(key: "l", .put("2"))
            )
            $0.add(
                "c",
                10,
                11,
                .applied(version: nil),
                .init(key: "k", .get, seen: .row(value: "1", version: nil)),
                .init(key: "l", .get, seen: .row(value: "2", version: nil))
            )
        },
    ]

    @Test func reportsFewOperationsForPeople() throws {
        var history = HandMadeHistory()
        for round in 0..<40 {
            let time = Int64(round) * 10
            history.put("a", time, time + 5, "v\(round)", version: UInt64(round + 1))
            history.get("b", time + 6, time + 9, "v\(round)", version: UInt64(round + 1))
        }
        history.get("c", 401, 409, "v38", version: 39)
        let verdict = LinearizabilityChecker().check(history.operations)
        guard case .violation(let violation) = verdict else {
            Issue.record("\(verdict)")
            return
        }
        #expect(
            violation.description == """
                not linearizable: partition "p": after #79, #80 no order goes on to #81. 4 of 81 \
                operations are enough to see it; times are in ms from the first call of these:
                  #77 a 0.000–?       |..............................> put "k" = "v38": no answer
                  #79 a 10.000–?                |....................> put "k" = "v39": no answer
                  #80 b 16.000–19.000                  |--|            get "k" found "v39" of version 40
                  #81 c 21.000–29.000                       |--------| get "k" found "v38" of version 39
                """
        )
    }

    @Test func saysWhenTheBudgetIsUsedUp() {
        var history = HandMadeHistory()
        for client in 0..<12 {
            history.add(
                "c\(client)",
                0,
                10,
                .applied(version: nil),
                .init(key: "k", .put("\(client)"))
            )
        }
        history.get("r", 11, 12, nil)
        var checker = LinearizabilityChecker()
        checker.budget = 1_000
        #expect(
            checker.check(history.operations)
                == .exhausted(partition: "p", keys: ["k"], operations: 13)
        )
    }
}
