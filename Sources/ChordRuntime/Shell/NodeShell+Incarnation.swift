// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import Logging

// Bounds for incarnations. An incarnation is chosen by the node itself, near its start time. If a
// peer could name a node with an incarnation far in the future, that node's own incarnation would
// have to exceed it, and no later start could exceed that one.

extension NodeShell {
    /// The source of an incarnation. Each kind tolerates more than the one before. A node whose
    /// clock is slightly slow therefore does not refuse an incarnation that another node has
    /// accepted.
    enum IncarnationSource {
        /// Another node names it for an earlier start of this node.
        case ofOurselves
        /// A node names it for itself.
        case claimed
        /// A node names it for another node.
        case hearsay

        fileprivate var share: Int {
            switch self {
            case .ofOurselves: 4
            case .claimed: 2
            case .hearsay: 1
            }
        }
    }

    /// The highest incarnation that is accepted now.
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

    /// Raises this node's incarnation above that of an earlier start, if that one is plausible.
    func raiseIncarnation(above former: UInt64) {
        guard former <= latestIncarnation(.ofOurselves) else {
            logger.warning(
                """
                a peer names an incarnation of this node that is in the future; it is ignored. Is this \
                machine's clock right?
                """,
                metadata: [LogKeys.incarnation: "\(former)"]
            )
            return
        }
        perform(machine.raiseIncarnation(above: former))
    }
}
