// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// One entry of the log of a group.
package struct LogEntry: Hashable, Sendable {
    /// What an entry is for.
    package enum Kind: UInt8, Hashable, Sendable {
        /// The payload is a command of the state machine.
        case normal = 0
        /// No payload: a new leader appends it to commit what came before [Ongaro 6.4].
        case empty = 1
        /// The payload is the configuration of the group [Ongaro 4.3].
        case configuration = 2
    }

    package var term: Term
    package var index: LogIndex
    package var kind: Kind
    package var payload: [UInt8]

    package init(term: Term, index: LogIndex, kind: Kind = .normal, payload: [UInt8] = []) {
        self.term = term
        self.index = index
        self.kind = kind
        self.payload = payload
    }

    /// Bytes that the entry counts for in limits: its payload and a fixed amount for the rest.
    package var size: Int { payload.count + Self.overhead }

    /// What an entry without payload counts for, so that many empty entries are bounded too: a message of 1 MiB
    /// has at most 16,384 of them, the limit of the contract.
    package static let overhead = 64
}
