// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore
import NIOConcurrencyHelpers

/// What other nodes' programs can do, as far as they have said it to this node. Requests and answers of any
/// thread are recorded.
final class NeighbourCapabilities: Sendable {
    /// Nodes beyond which all are forgotten that are not known any more: several times the neighbours and
    /// fingers of a node.
    private static let capacity = 1024

    private let table = NIOLockedValueBox(CapabilityTable())

    /// A node has said what it can do.
    ///
    /// - Parameter known: the nodes that this node routes by.
    func record(
        _ capabilities: Capabilities,
        of node: NodeReference,
        known: () -> [NodeReference]
    ) {
        table.withLockedValue { table in
            table.record(capabilities, of: node)
            if table.count > Self.capacity { table.keep(only: known()) }
        }
    }

    /// What several nodes can do, all of them.
    func common(with nodes: [NodeReference]) -> Capabilities {
        table.withLockedValue { $0.common(with: nodes) }
    }

    /// What this node, its predecessor and its head can do.
    func common(in view: RoutingView) -> Capabilities {
        let neighbours = ([view.predecessor] + view.successors.prefix(1)).filter {
            $0.id != view.node.id
        }
        return common(with: neighbours)
    }
}

extension NodeShell {
    /// What this node and its neighbours can do: the predecessor and the head. A feature that all of them must
    /// have is used only where it is among these.
    package nonisolated var neighbourCapabilities: Capabilities {
        states.capabilities.common(in: view)
    }

    /// Another node has said what it can do.
    nonisolated func heard(_ capabilities: Capabilities, of node: NodeReference) {
        states.capabilities.record(capabilities, of: node, known: states.known)
    }
}
