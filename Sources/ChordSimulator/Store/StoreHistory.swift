// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordStore

/// What the clients of a run saw.
///
/// `@unchecked Sendable`: it is used only on the thread that drives the run.
package final class StoreHistory: @unchecked Sendable {
    /// One operation on one key.
    package struct Operation: Hashable, Sendable {
        package enum Kind: Hashable, Sendable {
            case get
            case put(value: UInt64, condition: WriteCondition)
            case delete
        }

        package enum Outcome: Hashable, Sendable {
            /// A read, with value and version if the key was present.
            case read(value: UInt64?, version: LogIndex?)
            case written(applied: Bool, version: LogIndex)
            /// Nobody knows whether the write was applied.
            case unknown
            /// It was not applied.
            case failed
        }

        package var client: Int
        package var key: Int
        package var kind: Kind
        package var began: Int64
        package var ended: Int64
        package var outcome: Outcome
    }

    package private(set) var operations: [Operation] = []

    package func add(_ operation: Operation) {
        operations.append(operation)
    }
}
