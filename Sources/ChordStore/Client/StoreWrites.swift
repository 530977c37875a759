// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A condition on the present state of a key.
public enum StoreCondition: Hashable, Sendable {
    /// The key is absent.
    case absent
    /// The key is present with this version.
    case version(UInt64)
}

/// One operation of a batch.
public struct StoreOperation: Hashable, Sendable {
    package enum Action: Hashable, Sendable {
        case put([UInt8], timeToLive: Duration?)
        case delete
        case touch(timeToLive: Duration?)
        case check
    }

    /// The key's name in the batch's partition.
    public let name: [UInt8]
    package let action: Action
    package let condition: StoreCondition?

    /// Stores a value. Without a time to live the key does not expire; a former time to live is replaced.
    public static func put(
        _ name: [UInt8],
        _ value: [UInt8],
        timeToLive: Duration? = nil,
        if condition: StoreCondition? = nil
    ) -> Self {
        Self(name: name, action: .put(value, timeToLive: timeToLive), condition: condition)
    }

    /// Deletes a key. An absent key is no error.
    public static func delete(_ name: [UInt8], if condition: StoreCondition? = nil) -> Self {
        Self(name: name, action: .delete, condition: condition)
    }

    /// Sets the time to live of a present key anew; nil for a key that does not expire. The batch is not applied if
    /// the key is absent.
    public static func touch(_ name: [UInt8], timeToLive: Duration?) -> Self {
        Self(name: name, action: .touch(timeToLive: timeToLive), condition: nil)
    }

    /// Changes nothing: the batch is applied only if the condition holds.
    public static func check(_ name: [UInt8], _ condition: StoreCondition) -> Self {
        Self(name: name, action: .check, condition: condition)
    }
}

/// The answer to a write of one key.
public struct StoreWriteResult: Hashable, Sendable {
    /// Whether the write was done. If not, its condition did not hold; of a touch: the key was absent.
    public var applied: Bool
    /// The version of the write, if it was done.
    public var version: UInt64
    /// The version of the key before the write, which is still the present one if the write was not done; nil if
    /// the key was absent.
    public var previousVersion: UInt64?
    /// The value before the write, if it was asked for and the key was present.
    public var previousValue: [UInt8]?
    /// Whether an earlier attempt of this operation was done, and its answer was lost. The previous value is then
    /// nil, and the previous version may be.
    public var isRepeated: Bool

    /// Makes an answer from its parts.
    public init(
        applied: Bool,
        version: UInt64,
        previousVersion: UInt64? = nil,
        previousValue: [UInt8]? = nil,
        isRepeated: Bool = false
    ) {
        self.applied = applied
        self.version = version
        self.previousVersion = previousVersion
        self.previousValue = previousValue
        self.isRepeated = isRepeated
    }
}

/// The answer to a batch.
public struct StoreBatchResult: Hashable, Sendable {
    /// How one operation ended.
    public struct Operation: Hashable, Sendable {
        /// Whether its own condition held.
        public var conditionHeld: Bool
        /// The version of its key before the batch; nil if the key was absent.
        public var previousVersion: UInt64?
        /// The value before the batch, if it was asked for and the key was present. Values beyond 3 MiB together
        /// are left out.
        public var previousValue: [UInt8]?

        /// Makes an answer from its parts.
        public init(
            conditionHeld: Bool,
            previousVersion: UInt64? = nil,
            previousValue: [UInt8]? = nil
        ) {
            self.conditionHeld = conditionHeld
            self.previousVersion = previousVersion
            self.previousValue = previousValue
        }
    }

    /// Whether the batch was done: all conditions held.
    public var applied: Bool
    /// The version of all keys that the batch wrote, if it was done.
    public var version: UInt64
    /// One for each operation, in their order. Empty if ``isRepeated`` and the details are forgotten.
    public var operations: [Operation]
    /// Whether an earlier attempt of this batch was done, and its answer was lost. Previous values are then nil.
    public var isRepeated: Bool

    /// Makes an answer from its parts.
    public init(
        applied: Bool,
        version: UInt64,
        operations: [Operation],
        isRepeated: Bool = false
    ) {
        self.applied = applied
        self.version = version
        self.operations = operations
        self.isRepeated = isRepeated
    }
}
