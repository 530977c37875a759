// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

@testable import ChordSimulator

/// A history written down by hand, in milliseconds.
struct HandMadeHistory {
    private(set) var operations: [HistoryOperation] = []

    /// An operation with one step or several on partition "p".
    mutating func add(
        _ client: String,
        _ called: Int64,
        _ returned: Int64,
        _ outcome: HistoryOperation.Outcome = .applied(version: nil),
        _ steps: HistoryOperation.Step...
    ) {
        operations.append(
            HistoryOperation(
                number: operations.count + 1,
                client: client,
                partition: "p",
                steps: steps,
                outcome: outcome,
                called: called * 1_000_000,
                returned: returned * 1_000_000
            )
        )
    }

    mutating func put(
        _ client: String,
        _ called: Int64,
        _ returned: Int64,
        _ value: String,
        version: UInt64,
        if condition: HistoryOperation.Condition = .none
    ) {
        let step = HistoryOperation.Step(key: "k", .put(value), if: condition)
        add(client, called, returned, .applied(version: version), step)
    }

    mutating func delete(_ client: String, _ called: Int64, _ returned: Int64, version: UInt64) {
        add(client, called, returned, .applied(version: version), .init(key: "k", .delete))
    }

    mutating func get(
        _ client: String,
        _ called: Int64,
        _ returned: Int64,
        _ value: String?,
        version: UInt64? = nil
    ) {
        let seen: HistoryOperation.Observation =
            value.map { .row(value: $0, version: version) } ?? .absent
        let step = HistoryOperation.Step(key: "k", .get, seen: seen)
        add(client, called, returned, .applied(version: nil), step)
    }

    /// A write without an answer.
    mutating func unknown(
        _ client: String,
        _ called: Int64,
        _ action: HistoryOperation.Action,
        if condition: HistoryOperation.Condition = .none
    ) {
        add(client, called, .max / 1_000_000, .unknown, .init(key: "k", action, if: condition))
    }
}
