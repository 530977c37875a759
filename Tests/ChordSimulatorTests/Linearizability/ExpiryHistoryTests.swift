// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Testing

@testable import ChordSimulator

extension HandMadeHistory {
    fileprivate mutating func put(
        _ client: String,
        _ called: Int64,
        _ returned: Int64,
        _ value: String,
        version: UInt64,
        untilAtLeast end: Int64
    ) {
        let step = HistoryOperation.Step(
            key: "k",
            .put(value),
            mayBeGoneFrom: end * 1_000_000
        )
        add(client, called, returned, .applied(version: version), step)
    }

    fileprivate mutating func touch(
        _ client: String,
        _ called: Int64,
        _ returned: Int64,
        _ outcome: HistoryOperation.Outcome = .applied(version: nil),
        untilAtLeast end: Int64?
    ) {
        let step = HistoryOperation.Step(
            key: "k",
            .touch,
            if: .present,
            mayBeGoneFrom: end.map { $0 * 1_000_000 }
        )
        add(client, called, returned, outcome, step)
    }
}

/// A key with a time to live lives at least so long, may be gone after, and stays gone then.
@Suite(.tags(.unit)) struct ExpiryHistoryTests {
    @Test(arguments: right)
    func acceptsRightHistories(_ history: NamedHistory) {
        #expect(LinearizabilityChecker().check(history.operations) == .linearizable)
    }

    @Test(arguments: wrong)
    func findsViolations(_ history: NamedHistory) {
        let verdict = LinearizabilityChecker().check(history.operations)
        guard case .violation = verdict else {
            Issue.record("\(verdict)")
            return
        }
    }

    static let right: [NamedHistory] = [
        NamedHistory("a key is gone after its time to live") {
            $0.put("a", 0, 1, "x", version: 1, untilAtLeast: 10)
            $0.get("b", 11, 12, nil)
        },
        NamedHistory("a key lives longer than its time to live") {
            $0.put("a", 0, 1, "x", version: 1, untilAtLeast: 10)
            $0.get("b", 50, 51, "x", version: 1)
            $0.get("b", 52, 53, nil)
        },
        NamedHistory("a read that ends after the time to live sees nothing") {
            $0.put("a", 0, 1, "x", version: 1, untilAtLeast: 10)
            $0.get("b", 5, 11, nil)
        },
        NamedHistory("a key that is gone is put again") {
            $0.put("a", 0, 1, "x", version: 1, untilAtLeast: 10)
            $0.put("b", 20, 21, "y", version: 2, if: .absent)
            $0.get("a", 22, 23, "y", version: 2)
        },
        NamedHistory("a touch shortens the time to live") {
            $0.put("a", 0, 1, "x", version: 1, untilAtLeast: 1000)
            $0.touch("b", 2, 3, untilAtLeast: 10)
            $0.get("a", 12, 13, nil)
        },
        NamedHistory("a touch without an answer shortens the time to live") {
            $0.put("a", 0, 1, "x", version: 1, untilAtLeast: 1000)
            $0.touch("b", 2, .max / 1_000_000, .unknown, untilAtLeast: 10)
            $0.get("a", 12, 13, nil)
        },
        NamedHistory("a touch of a key that is gone") {
            $0.put("a", 0, 1, "x", version: 1, untilAtLeast: 10)
            $0.get("a", 12, 13, nil)
            $0.touch("b", 14, 15, .conditionFailed, untilAtLeast: 30)
        },
    ]

    static let wrong: [NamedHistory] = [
        NamedHistory("a key is gone before its time to live is over") {
            $0.put("a", 0, 1, "x", version: 1, untilAtLeast: 10)
            $0.get("b", 2, 9, nil)
        },
        NamedHistory("a key without a time to live is gone") {
            $0.put("a", 0, 1, "x", version: 1)
            $0.get("b", 200, 201, nil)
        },
        NamedHistory("a key is back after it was gone") {
            $0.put("a", 0, 1, "x", version: 1, untilAtLeast: 10)
            $0.get("b", 11, 12, nil)
            $0.get("b", 13, 14, "x", version: 1)
        },
        NamedHistory("a touch was forgotten") {
            $0.put("a", 0, 1, "x", version: 1, untilAtLeast: 10)
            $0.touch("b", 2, 3, untilAtLeast: 100)
            $0.get("a", 12, 13, nil)
        },
        NamedHistory("a touch that removes the time to live was forgotten") {
            $0.put("a", 0, 1, "x", version: 1, untilAtLeast: 10)
            $0.touch("b", 2, 3, untilAtLeast: nil)
            $0.get("a", 120, 130, nil)
        },
        NamedHistory("a put without a time to live keeps the former one") {
            $0.put("a", 0, 1, "x", version: 1, untilAtLeast: 10)
            $0.put("a", 2, 3, "y", version: 2)
            $0.get("b", 20, 21, nil)
        },
        NamedHistory("a touch brings a key back") {
            $0.put("a", 0, 1, "x", version: 1, untilAtLeast: 10)
            $0.get("b", 11, 12, nil)
            $0.touch("a", 13, 14, untilAtLeast: 100)
            $0.get("b", 15, 16, "x", version: 1)
        },
    ]
}
