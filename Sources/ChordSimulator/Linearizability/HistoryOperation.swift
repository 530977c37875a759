// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// One operation of a client on a store, as the client saw it.
///
/// An operation has one step or several; several are a batch, which happens at one moment. An operation that
/// was refused did not happen, and is not part of a history.
package struct HistoryOperation: Hashable, Sendable {
    /// What must hold of a key for the operation to change anything.
    package enum Condition: Hashable, Sendable {
        case none
        case absent
        case present
        case version(UInt64)
    }

    /// What a step does with its key.
    package enum Action: Hashable, Sendable {
        /// Nothing but its condition and its answer: a read, or a check.
        case get
        case put(String)
        case delete
        /// Gives a present key another time to live, or none, and leaves value and version as they are.
        case touch
    }

    /// One key of an operation.
    package struct Step: Hashable, Sendable {
        package var key: String
        package var action: Action
        package var condition: Condition
        package var seen: Observation
        /// Of a put or touch that gives a time to live: the earliest time at which the key may be gone. Nil
        /// gives the key no time to live.
        package var mayBeGoneFrom: Int64?

        package init(
            key: String,
            _ action: Action,
            if condition: Condition = .none,
            seen: Observation = .nothing,
            mayBeGoneFrom: Int64? = nil
        ) {
            self.key = key
            self.action = action
            self.condition = condition
            self.seen = seen
            self.mayBeGoneFrom = mayBeGoneFrom
        }
    }

    /// What the answer says of a key as it was just before the operation.
    package enum Observation: Hashable, Sendable {
        /// The answer does not say.
        case nothing
        case absent
        /// There was a row. Value and version are nil where the answer does not say.
        case row(value: String?, version: UInt64?)
    }

    /// What became of the operation.
    package enum Outcome: Hashable, Sendable {
        /// It happened. Its writes have this version; nil where the answer does not say.
        case applied(version: UInt64?)
        /// A condition did not hold: nothing was changed.
        case conditionFailed
        /// It happened at some time after the call, or never.
        case unknown
    }

    /// Names the operation in reports.
    package var number: Int
    package var client: String
    package var partition: String
    package var steps: [Step]
    package var outcome: Outcome
    /// Nanoseconds on a clock that all clients share, or that is exact enough between them.
    package var called: Int64
    /// Not used if the outcome is unknown.
    package var returned: Int64

    package init(
        number: Int,
        client: String,
        partition: String,
        steps: [Step],
        outcome: Outcome,
        called: Int64,
        returned: Int64
    ) {
        self.number = number
        self.client = client
        self.partition = partition
        self.steps = steps
        self.outcome = outcome
        self.called = called
        self.returned = returned
    }

    var isUnknown: Bool { outcome == .unknown }

    /// Whether the operation changes nothing, whatever its outcome.
    var isReadOnly: Bool { steps.allSatisfy { $0.action == .get } }

    var hasConditions: Bool { steps.contains { $0.condition != .none } }
}
