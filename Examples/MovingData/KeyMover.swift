// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord

/// Stores values in memory at the node that owns their keys, and moves them when ranges change.
///
/// A node deletes a value only after another node has accepted it, so no value is lost. For a
/// moment two nodes may have it.
actor KeyMover {
    /// Sends values to another node. In this example both nodes are in one process. A program with
    /// several processes would call a service of its own.
    typealias Send = @Sendable (NodeReference, [String: String]) async throws -> Void

    private let node: ChordNode
    private let send: Send
    private(set) var values: [String: String] = [:]
    /// Keys received while values are being sent. They are not deleted after the sending.
    private var arrived: Set<String> = []
    private var isLeaving = false

    init(node: ChordNode, send: @escaping Send) {
        self.node = node
        self.send = send
    }

    /// Moves values until the node ends. The first change contains the node's present range.
    func run() async {
        for await change in node.rangeChanges() { await apply(change) }
    }

    /// Moves the values that belong to other nodes after this change.
    func apply(_ change: RangeChange) async {
        // A node without a range has just left, or waits for its first range.
        guard let range = change.to else { return }
        await moveValues(outside: range)
    }

    /// Accepts values from another node, or from this program.
    ///
    /// - Throws: `Leaving` if the node is giving its own values away. The values then stay with the
    ///   sender.
    func receive(_ moved: [String: String]) async throws {
        guard !isLeaving else { throw Leaving() }
        values.merge(moved) { $1 }
        arrived.formUnion(moved.keys)
        // The sender may have had an older view of the ring.
        if let range = node.range { await moveValues(outside: range) }
    }

    /// Gives all values to the successor, which owns this node's range after it has left.
    func leave() async throws {
        isLeaving = true
        guard let heir = node.successors.first else { return }
        try await give(values, to: heir)
    }

    private func moveValues(outside range: IdentifierRange) async {
        let others = values.filter { !range.contains(node.identifier(of: $0.key)) }
        // A range lost to a joiner belongs to the new predecessor, or to a node before it. The
        // predecessor passes those values on.
        guard !others.isEmpty, node.predecessor != node.reference else { return }
        // Values that cannot be sent stay here, and are sent again at the next change.
        try? await give(others, to: node.predecessor)
    }

    private func give(_ moved: [String: String], to other: NodeReference) async throws {
        arrived.subtract(moved.keys)
        try await send(other, moved)
        // Another node may have returned a key in the meantime.
        for key in moved.keys where !arrived.contains(key) { values[key] = nil }
    }

    /// The node is leaving and accepts no values.
    struct Leaving: Error {}
}
