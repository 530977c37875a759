// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import Logging

/// Detects that this node owns more of the circle than chance explains. The leading bits of the
/// ring's hash are then not evenly distributed.
struct BalanceWatch {
    /// The number of maintenance rounds in which the share must stay too large. While nodes crash,
    /// ranges are large for a moment and dead nodes still count as known.
    static let patience = 30

    private var rounds = 0

    /// Checks the node's place once per round.
    ///
    /// - Returns: the node's share of the circle if a warning is due, else nil. After a warning the
    ///   next one is due only after the share was normal again.
    mutating func observe(_ view: RoutingView) -> Double? {
        guard view.isMember, view.predecessor.id != view.node.id else {
            rounds = 0
            return nil
        }
        let share = view.parameters.space.fraction(from: view.predecessor.id, to: view.node.id)
        var known = Set(view.table.entries.map(\.id))
        known.formUnion(view.successors.map(\.id))
        known.formUnion([view.predecessor.id, view.node.id])
        guard ShareBalance.isBeyondChance(share: share, members: known.count) else {
            rounds = 0
            return nil
        }
        rounds = min(rounds + 1, Self.patience + 1)
        return rounds == Self.patience ? share : nil
    }
}

extension NodeShell {
    func watchBalance() {
        guard let share = balance.observe(machine.view) else { return }
        logger.warning(
            """
            this node owns more of the ring than chance explains: the leading bits of the ring's hash are \
            not evenly distributed, or names were chosen on purpose
            """,
            metadata: [
                LogKeys.share: .stringConvertible(share),
                LogKeys.hash: "\(parameters.hash)",
            ]
        )
    }
}
