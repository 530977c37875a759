// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import Logging

// Which incarnations are believed. They are numbers that peers choose, near the time at which a life of a
// node began. A node that is named with one far in the future would have to exceed it, and no later life
// could.

extension NodeShell {
    /// The source of an incarnation. Each kind allows more than the one before, so that a node whose clock is a
    /// little behind does not refuse an incarnation that another node has accepted.
    enum IncarnationSource {
        /// Other nodes name it for a former life of this node.
        case ofOurselves
        /// A node names it for itself.
        case claimed
        /// Other nodes name it for a node.
        case hearsay

        fileprivate var share: Int {
            switch self {
            case .ofOurselves: 4
            case .claimed: 2
            case .hearsay: 1
            }
        }
    }

    /// The highest incarnation that is believed now.
    nonisolated func latestIncarnation(_ source: IncarnationSource) -> UInt64 {
        Self.latestIncarnation(source, configuration.clockTolerance, executor)
    }

    static func latestIncarnation(
        _ source: IncarnationSource,
        _ tolerance: Duration,
        _ executor: any NodeExecutor
    ) -> UInt64 {
        let ahead = tolerance / source.share
        let milliseconds =
            UInt64(clamping: ahead.components.seconds).multipliedReportingOverflow(by: 1000)
        let (sum, isTooMuch) = executor.wallClockMilliseconds.addingReportingOverflow(
            milliseconds.overflow ? .max : milliseconds.partialValue
        )
        return isTooMuch ? Incarnation.highest : min(sum, Incarnation.highest)
    }

    /// Exceeds the incarnation of a former life, as far as it is plausible.
    func raiseIncarnation(above former: UInt64) {
        guard former <= latestIncarnation(.ofOurselves) else {
            logger.warning(
                """
                a peer names a life of this node that begins in the future; it is not believed. Is this \
                machine's clock right?
                """,
                metadata: [LogKeys.incarnation: "\(former)"]
            )
            return
        }
        perform(machine.raiseIncarnation(above: former))
    }
}
