// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord

/// The movers of this process, by the names of their nodes.
actor Movers {
    private var byName: [String: KeyMover] = [:]

    func add(_ node: ChordNode) -> KeyMover {
        let mover = KeyMover(node: node) { [self] other, values in
            guard let receiver = await self.mover(of: other) else { throw KeyMover.Leaving() }
            try await receiver.receive(values)
        }
        byName[node.reference.name] = mover
        return mover
    }

    private func mover(of node: NodeReference) -> KeyMover? { byName[node.name] }
}
