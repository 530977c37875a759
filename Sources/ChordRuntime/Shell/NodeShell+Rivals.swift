// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import Logging

// Two live processes of one name: the older one stops.

extension NodeShell {
    /// Finds out whether another life of this node is alive, and stops if it is the newer one.
    func verifyRival(_ rival: NodeReference) {
        guard rival.address != machine.node.address else {
            return raiseIncarnation(above: rival.incarnation)
        }
        state(of: rival, isCertain: false) { [weak self] answer, _ in
            self?.assumeIsolated { shell in
                guard case .state(let state) = answer, state.node.name == shell.machine.node.name,
                    state.node.address != shell.machine.node.address
                else {
                    if answer == .dead || answer == .notMember {
                        shell.raiseIncarnation(above: rival.incarnation)
                    }
                    return
                }
                guard state.node.outranks(shell.machine.node) else { return }
                shell.giveWay(to: state.node)
            }
        }
    }

    /// Stops, once the neighbours have heard of the newer life or their time is over.
    private func giveWay(to rival: NodeReference) {
        guard end == nil, untoldNeighbours == nil else { return }
        let error = ChordError(
            .replaced,
            "a newer process named \(rival.name) runs at \(rival.address); this one at "
                + "\(machine.node.address) stops"
        )
        logger.error("replaced", metadata: [LogKeys.error: "\(error)"])
        let neighbours = machine.neighboursToTell(of: rival)
        guard !neighbours.isEmpty else { return fail(error) }
        untoldNeighbours = neighbours.count
        for neighbour in neighbours {
            meet(neighbour, contact: rival) { shell in
                let left = (shell.untoldNeighbours ?? 1) - 1
                shell.untoldNeighbours = left
                if left == 0 { shell.fail(error) }
            }
        }
    }
}
