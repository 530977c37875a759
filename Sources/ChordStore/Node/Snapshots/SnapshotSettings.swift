// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordWire

/// How snapshots travel between nodes.
package struct SnapshotSettings: Hashable, Sendable {
    /// Bytes per second that this node sends in snapshots, all of them together; nil for no limit.
    ///
    /// More restores copies sooner. Less leaves more of the network and of both disks to callers.
    package var bytesPerSecond: UInt64? = 32 << 20
    /// Snapshots that are sent at once. Each of them is a file of the size of its range meanwhile.
    package var sentAtOnce = 4
    /// Snapshots that are received at once. More fill several ranges at once, and each of them more slowly.
    package var receivedAtOnce = 2
    /// Bytes of a part, 1 byte to 1 MiB. Sender and receiver keep one part of each snapshot in memory. Larger parts
    /// need fewer round trips, and keep other messages waiting for longer.
    package var partBytes = 256 << 10
    /// How long a sender may be silent before the receiver deletes what it has got of a snapshot.
    package var patience: Duration = .seconds(60)

    package init() {}

    /// - Throws: `invalidSettings`; the message names the setting.
    func validate() throws(StoreError) {
        if let bytesPerSecond, bytesPerSecond == 0 {
            throw StoreError(
                .invalidSettings,
                "snapshots.bytesPerSecond is 0: at least 1 is needed, or no limit"
            )
        }
        for (name, value) in [("sentAtOnce", sentAtOnce), ("receivedAtOnce", receivedAtOnce)]
        where value < 1 {
            throw StoreError(
                .invalidSettings,
                "snapshots.\(name) is \(value): at least 1 is needed"
            )
        }
        guard WireLimits.chunkBytes.contains(partBytes) else {
            throw StoreError(
                .invalidSettings,
                "snapshots.partBytes is \(partBytes), from 1 to \(WireLimits.chunkBytes.upperBound) is allowed"
            )
        }
        guard patience > .zero else {
            throw StoreError(
                .invalidSettings,
                "snapshots.patience is \(patience), it must be longer than zero"
            )
        }
    }
}

/// Shares a rate between all snapshots that a node sends.
struct SnapshotRate {
    private let bytesPerSecond: UInt64?
    /// When everything is sent that was asked for so far.
    private var free: Duration = .zero

    init(bytesPerSecond: UInt64?) {
        self.bytesPerSecond = bytesPerSecond
    }

    /// Takes the room of some bytes. Snapshots send in the order of these calls.
    ///
    /// - Returns: how long to wait before they are sent.
    mutating func delay(before bytes: Int, now: Duration) -> Duration {
        guard let bytesPerSecond else { return .zero }
        let start = max(now, free)
        free = start + .seconds(Double(bytes) / Double(bytesPerSecond))
        return start - now
    }
}
