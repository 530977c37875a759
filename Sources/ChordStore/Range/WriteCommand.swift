// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore

/// A condition on the present row of a key.
package enum WriteCondition: Hashable, Sendable {
    case none
    /// The key is absent.
    case absent
    /// The key is present with this version.
    case version(LogIndex)
}

/// What an operation does when all conditions of its command hold.
package enum WriteAction: Hashable, Sendable {
    /// Stores the value; with a time to live it expires that long after the command was applied.
    case put(value: [UInt8], timeToLive: Duration?)
    case delete
    /// Sets the time to live of a present key, or removes it, and leaves value and version as they are.
    case touch(timeToLive: Duration?)
    /// Only checks the condition.
    case check
}

/// An operation on one key of the command's partition.
package struct WriteOperation: Hashable, Sendable {
    package var key: [UInt8]
    package var condition: WriteCondition
    package var action: WriteAction

    package init(key: [UInt8], condition: WriteCondition = .none, action: WriteAction) {
        self.key = key
        self.condition = condition
        self.action = action
    }
}

/// A client's write: operations on keys of one partition, all applied or none.
package struct WriteCommand: Hashable, Sendable {
    package var id: WriteID
    /// Name and role of the caller as its certificate has them. The request table is bounded per identity.
    package var identity: String
    package var position: Identifier
    package var partition: [UInt8]
    package var operations: [WriteOperation]
    /// Return the values that were there before.
    package var wantsPrevious: Bool

    package init(
        id: WriteID,
        identity: String,
        position: Identifier,
        partition: [UInt8],
        operations: [WriteOperation],
        wantsPrevious: Bool = false
    ) {
        self.id = id
        self.identity = identity
        self.position = position
        self.partition = partition
        self.operations = operations
        self.wantsPrevious = wantsPrevious
    }
}

/// How a write ended.
package struct WriteOutcome: Hashable, Sendable {
    /// How one operation ended.
    package struct Operation: Hashable, Sendable {
        /// Whether its own condition held.
        package var conditionHeld: Bool
        /// The version that was there before; nil if the key was absent.
        package var previousVersion: LogIndex?
        /// The value that was there before, if the caller wanted it. Not kept for repeated requests.
        package var previousValue: [UInt8]?

        package init(
            conditionHeld: Bool,
            previousVersion: LogIndex?,
            previousValue: [UInt8]? = nil
        ) {
            self.conditionHeld = conditionHeld
            self.previousVersion = previousVersion
            self.previousValue = previousValue
        }
    }

    /// Whether all conditions held, so that the operations were applied.
    package var applied: Bool
    /// The version of this write: the index of its entry.
    package var version: LogIndex
    package var operations: [Operation]
    /// Whether the write had been applied before, by an earlier copy of the request.
    package var isRepeated = false

    package init(applied: Bool, version: LogIndex, operations: [Operation]) {
        self.applied = applied
        self.version = version
        self.operations = operations
    }
}

/// Why a committed write was not applied.
package enum WriteRefusal: Hashable, Sendable {
    /// The position is not in the range any more: a split moved it.
    case outsideRange
    /// The client waits for higher numbers only, so it has the answer already.
    case answeredBefore
    /// The client is unknown and the write was prepared before the window of the request table: it may
    /// have been applied and forgotten.
    case mayHaveHappened
    /// The request table has no room for another client of this identity.
    case tooManyClients
    /// The request table has no room for another answer of this client.
    case tooManyUnanswered
}
