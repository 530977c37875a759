// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A part of a snapshot on its way.
package struct SnapshotPart: Hashable, Sendable {
    package var snapshot: UInt128
    package var offset: UInt64
    package var sender: String
    package var receiver: String
}

/// What happens in the middle of a snapshot.
package enum SnapshotInterruption: CaseIterable, Sendable {
    case senderCrashes
    case receiverCrashes
    /// Nothing passes between the two for a while.
    case linkIsCut
    case receiversDiskIsFull
    case sendersDiskIsFull
}

extension StoreWorld {
    /// Runs until a node has sent a part of a snapshot to another one that is neither the first nor one of the last.
    ///
    /// - Returns: the part; nil if there was none in time.
    package func runToMiddleOfSnapshot(
        to receiver: String,
        atMost duration: Duration
    ) -> SnapshotPart? {
        let before = parts.count
        let isInMiddle = run(atMost: duration) {
            guard let last = parts.dropFirst(before).last, last.receiver == receiver else {
                return false
            }
            return last.offset > 0 && last.offset <= (snapshotBytes[last.snapshot] ?? 0) / 2
        }
        return isInMiddle ? parts.last : nil
    }

    /// Disturbs the way of a snapshot, and ends the disturbance after some seconds.
    package func interrupt(_ part: SnapshotPart, by interruption: SnapshotInterruption) {
        switch interruption {
        case .senderCrashes, .receiverCrashes:
            let name = interruption == .senderCrashes ? part.sender : part.receiver
            crash(name)
            run(for: .seconds(3))
            restart(name)
        case .linkIsCut:
            network.cut(from: part.sender, to: part.receiver)
            network.cut(from: part.receiver, to: part.sender)
            // A learner that is silent for longer is replaced by another one.
            run(for: .milliseconds(700))
            network.healCuts()
        case .receiversDiskIsFull: fillDisk(of: part.receiver, for: .seconds(10), alsoLog: false)
        case .sendersDiskIsFull: fillDisk(of: part.sender, for: .seconds(10), alsoLog: false)
        }
    }

    /// The parts of a snapshot after a moment, as places in the order of all parts.
    package func offsets(of snapshot: UInt128, after count: Int) -> [UInt64] {
        parts.dropFirst(count).filter { $0.snapshot == snapshot }.map(\.offset)
    }

    /// The first parts after a moment.
    package func describeParts(after count: Int) -> String {
        parts.dropFirst(count).prefix(8).map { "\($0)" }.joined(separator: "\n")
    }

    package var partCount: Int { parts.count }
}
