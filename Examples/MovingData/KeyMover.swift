// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord

/// Keeps values in memory at the node that owns their keys, and moves them when ranges change.
///
/// A value leaves a node only after another has taken it, so that none is lost: at worst two nodes hold it
/// for a moment.
actor KeyMover {
    /// Hands values to another node. In this example both nodes are in one process; a program of several
    /// processes calls a service of its own there.
    typealias Send = @Sendable (NodeReference, [String: String]) async throws -> Void

    private let node: ChordNode
    private let send: Send
    private(set) var values: [String: String] = [:]
    /// Keys that have come since values were given away last: they must not go with those.
    private var arrived: Set<String> = []
    private var isLeaving = false

    init(node: ChordNode, send: @escaping Send) {
        self.node = node
        self.send = send
    }

    /// Moves values until the node ends. The first change is the range that the node has now.
    func run() async {
        for await change in node.rangeChanges() { await apply(change) }
    }

    /// Moves the values that are another node's after this change.
    func apply(_ change: RangeChange) async {
        // Without a range the node has just left, or waits for its first one.
        guard let range = change.to else { return }
        await moveValues(outside: range)
    }

    /// Takes values from another node, or from the program itself.
    ///
    /// - Throws: `Leaving` at a node that gives its own away: they stay where they are.
    func receive(_ moved: [String: String]) async throws {
        guard !isLeaving else { throw Leaving() }
        values.merge(moved) { $1 }
        arrived.formUnion(moved.keys)
        // Who sent them may have known an older ring.
        if let range = node.range { await moveValues(outside: range) }
    }

    /// Gives all values to the successor, which owns this node's range once it has left.
    func leave() async throws {
        isLeaving = true
        guard let heir = node.successors.first else { return }
        try await give(values, to: heir)
    }

    private func moveValues(outside range: IdentifierRange) async {
        let others = values.filter { !range.contains(node.identifier(of: $0.key)) }
        // What a node loses to one that joins is its new predecessor's, or a node's before that, which
        // the predecessor sends it on to.
        guard !others.isEmpty, node.predecessor != node.reference else { return }
        // What cannot be given stays, and is tried again with the next change.
        try? await give(others, to: node.predecessor)
    }

    private func give(_ moved: [String: String], to other: NodeReference) async throws {
        arrived.subtract(moved.keys)
        try await send(other, moved)
        // Another node may have given one back meanwhile.
        for key in moved.keys where !arrived.contains(key) { values[key] = nil }
    }

    /// The node is leaving and takes nothing.
    struct Leaving: Error {}
}
