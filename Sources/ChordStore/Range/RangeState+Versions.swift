// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// The version of an entry is its index and the range's offset. Indices grow by one and the offset never falls, so
// versions grow from entry to entry, over elections, restarts, snapshots and splits, as indices do: the offset is part
// of the replicated state, and a child takes it over with its parent's rows. An import raises the offset, so that
// versions go on above those of the store from which the rows came.

extension RangeState {
    /// The highest version above which a range's versions can be raised. It leaves room for as many entries as a log
    /// may have before a version would be one that no peer accepts.
    package static let highestFloor = LogIndex(LogIndex.highest.number / 2)

    /// The version of the last applied entry.
    package var version: LogIndex { version(at: applied) }

    /// The version that an entry gets if it is applied now.
    package func version(at index: LogIndex) -> LogIndex { LogIndex(index.number + versionOffset) }

    /// Makes the versions of all entries after `index` higher than `floor`. Where they are already, or where the floor
    /// is not allowed, nothing changes.
    mutating func raiseVersions(above floor: LogIndex, at index: LogIndex) {
        guard floor <= Self.highestFloor, floor.number > index.number else { return }
        versionOffset = max(versionOffset, floor.number - index.number)
    }
}
