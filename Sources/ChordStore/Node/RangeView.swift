// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase

/// What the executor knows of a replica's applied state. The state itself changes on the thread of the rows.
package struct RangeView: Hashable, Sendable {
    package var descriptor: RangeDescriptor
    package var configuration: RaftConfiguration
    package var applied: LogIndex
    /// The term of the last applied entry.
    package var appliedTerm: Term
    /// The version of the last applied entry.
    package var version: LogIndex
    package var time: RangeTime
    package var size: RangeSize

    /// Whether the replica has the state of its range. One that a message has made waits for it.
    package var hasData: Bool { applied > .zero }

    package init(_ state: RangeState) {
        descriptor = state.descriptor
        configuration = state.configuration
        applied = state.applied
        appliedTerm = state.appliedTerm
        version = state.version
        time = state.time
        size = state.size
    }
}
