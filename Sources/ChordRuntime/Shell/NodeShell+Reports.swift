// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import Logging

// Logs, counts and passes on what has changed.

extension NodeShell {
    func report(_ event: RingEvent) {
        metrics.record(event)
        switch event {
        case .joined(let state):
            logger.info(
                "joined",
                metadata: [
                    LogKeys.predecessor: "\(state.predecessor)",
                    LogKeys.successors: .names(state.successors),
                ]
            )
        case .rangeChanged(let from, let to, let cause):
            logger.info(
                "range changed",
                metadata: [
                    LogKeys.from: .range(from, width: parameters.space.width),
                    LogKeys.to: .range(to, width: parameters.space.width),
                    LogKeys.cause: "\(cause)",
                ]
            )
        case .predecessorChanged(let from, let to, let cause):
            logger.info(
                "predecessor changed",
                metadata: [
                    LogKeys.from: "\(from)", LogKeys.to: "\(to)", LogKeys.cause: "\(cause)",
                ]
            )
        case .successorsChanged(let from, let to, let cause):
            logger.info(
                "successors changed",
                metadata: [
                    LogKeys.from: .names(from), LogKeys.to: .names(to),
                    LogKeys.cause: "\(cause)",
                ]
            )
            reportGuarantee(from: from, to: to)
            reportLoneliness(from: from, to: to, cause: cause)
        case .successorsLost(let lost):
            // The change of the list, which follows, is reported together with this.
            if failingList.isEmpty { failingList = lost }
        case .left:
            logger.info("left")
        }
        if case .joined = event { joined() }
        events.send(event)
        watchers.send(event)
    }

    /// A full list proves r other members, so r + 1 in all. The proof's guarantee starts there.
    private func reportGuarantee(from: [NodeReference], to: [NodeReference]) {
        let count = parameters.successorCount
        guard from.count < count, to.count == count else { return }
        logger.info(
            "the ring has \(count + 1) members or more: it survives \(count - 1) crashes at once"
        )
    }

    /// If the list held all other members, this node is alone now, without a failure of the ring.
    /// If the list was full, the ring may have had more members.
    private func reportLoneliness(
        from: [NodeReference],
        to: [NodeReference],
        cause: RingEvent.Cause
    ) {
        guard cause == .failed else {
            failingList = []
            if to.isEmpty, !from.isEmpty {
                logger.notice(
                    "this node is alone now: the last other member has left",
                    metadata: [LogKeys.from: .names(from), LogKeys.cause: "\(cause)"]
                )
            }
            return
        }
        if failingList.isEmpty { failingList = from }
        guard to.isEmpty else { return }
        let lost = failingList
        failingList = []
        let reasons = lost.map { node in
            "\(node.name): \(peers.failures.last(of: node.address).map(\.description) ?? "no answer")"
        }
        let metadata: Logger.Metadata = [
            LogKeys.from: .names(lost),
            LogKeys.error: "\(reasons.joined(separator: "; "))",
        ]
        if lost.count >= parameters.successorCount {
            logger.error(
                "all successors failed at once: this node is alone, and other members may form a ring without it",
                metadata: metadata
            )
        } else {
            logger.notice(
                "this node is alone now: the last other member does not answer",
                metadata: metadata
            )
        }
    }
}
