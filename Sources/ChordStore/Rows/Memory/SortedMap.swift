// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A map in the order of its keys: a B+ tree with value semantics.
///
/// Reading, inserting and removing take O(log n). A copy is made in O(1) and shares all nodes; a change
/// after that copies the nodes on the way to the changed leaf. Nodes that become empty are removed, others
/// are not merged: the order of removal decides about the shape only.
struct SortedMap<Key: Comparable, Value> {
    private final class Node {
        /// Of a leaf: its keys. Of an inner node: the first possible key of each child but the first.
        var keys: [Key]
        var values: [Value]
        /// Empty in a leaf.
        var children: [Node]

        init(keys: [Key] = [], values: [Value] = [], children: [Node] = []) {
            self.keys = keys
            self.values = values
            self.children = children
        }

        var isLeaf: Bool { children.isEmpty }
        var copy: Node { Node(keys: keys, values: values, children: children) }

        /// The number of keys before `key`, and with `orEqual` also of the same key.
        func count(before key: Key, orEqual: Bool) -> Int {
            var low = 0
            var high = keys.count
            while low < high {
                let middle = (low + high) / 2
                if keys[middle] < key || (orEqual && !(key < keys[middle])) {
                    low = middle + 1
                } else {
                    high = middle
                }
            }
            return low
        }
    }

    /// A node that grows beyond this is split. Larger nodes are faster to search and slower to change.
    private static var capacity: Int { 64 }

    private var root = Node()
    private(set) var count = 0

    /// The value of a key.
    subscript(key: Key) -> Value? {
        var node = root
        while !node.isLeaf {
            node = node.children[node.count(before: key, orEqual: true)]
        }
        let place = node.count(before: key, orEqual: false)
        guard place < node.keys.count, !(key < node.keys[place]) else { return nil }
        return node.values[place]
    }

    /// Sets the value of a key.
    ///
    /// - Returns: the former value.
    @discardableResult
    mutating func insert(_ value: Value, for key: Key) -> Value? {
        let (former, split) = Self.insert(value, for: key, into: &root)
        if let split {
            root = Node(keys: [split.key], children: [root, split.node])
        }
        if former == nil { count += 1 }
        return former
    }

    private static func insert(
        _ value: Value,
        for key: Key,
        into node: inout Node
    ) -> (former: Value?, split: (key: Key, node: Node)?) {
        if !isKnownUniquelyReferenced(&node) { node = node.copy }
        guard !node.isLeaf else {
            let place = node.count(before: key, orEqual: false)
            if place < node.keys.count, !(key < node.keys[place]) {
                let former = node.values[place]
                node.values[place] = value
                return (former, nil)
            }
            node.keys.insert(key, at: place)
            node.values.insert(value, at: place)
            return (nil, split(node))
        }
        let place = node.count(before: key, orEqual: true)
        let (former, splitChild) = insert(value, for: key, into: &node.children[place])
        guard let splitChild else { return (former, nil) }
        node.keys.insert(splitChild.key, at: place)
        node.children.insert(splitChild.node, at: place + 1)
        return (former, split(node))
    }

    /// Takes the second half of a node that is too large.
    private static func split(_ node: Node) -> (key: Key, node: Node)? {
        guard node.keys.count > capacity else { return nil }
        let middle = node.keys.count / 2
        let separator = node.keys[middle]
        let second: Node
        if node.isLeaf {
            second = Node(keys: Array(node.keys[middle...]), values: Array(node.values[middle...]))
            node.values.removeLast(node.values.count - middle)
        } else {
            second = Node(
                keys: Array(node.keys[(middle + 1)...]),
                children: Array(node.children[(middle + 1)...])
            )
            node.children.removeLast(node.children.count - middle - 1)
        }
        node.keys.removeLast(node.keys.count - middle)
        return (separator, second)
    }

    /// Removes a key.
    ///
    /// - Returns: its value; nil if there was none.
    @discardableResult
    mutating func remove(_ key: Key) -> Value? {
        // A key that is not there must not copy nodes.
        guard let former = self[key] else { return nil }
        Self.remove(key, from: &root)
        while root.children.count == 1 { root = root.children[0] }
        count -= 1
        return former
    }

    /// Removes a key that is there.
    private static func remove(_ key: Key, from node: inout Node) {
        if !isKnownUniquelyReferenced(&node) { node = node.copy }
        guard !node.isLeaf else {
            let place = node.count(before: key, orEqual: false)
            node.keys.remove(at: place)
            node.values.remove(at: place)
            return
        }
        let place = node.count(before: key, orEqual: true)
        remove(key, from: &node.children[place])
        let child = node.children[place]
        guard child.keys.isEmpty, child.children.isEmpty else { return }
        node.children.remove(at: place)
        if !node.keys.isEmpty { node.keys.remove(at: max(place - 1, 0)) }
    }

    /// Visits keys and values in order, from the first key that is not before `start`, until `visit`
    /// returns false.
    func forEach(from start: Key, _ visit: (Key, Value) -> Bool) {
        _ = Self.forEach(in: root, from: start, visit)
    }

    private static func forEach(
        in node: Node,
        from start: Key?,
        _ visit: (Key, Value) -> Bool
    ) -> Bool {
        if node.isLeaf {
            let first = start.map { node.count(before: $0, orEqual: false) } ?? 0
            for place in first..<node.keys.count {
                guard visit(node.keys[place], node.values[place]) else { return false }
            }
            return true
        }
        let first = start.map { node.count(before: $0, orEqual: true) } ?? 0
        for place in first..<node.children.count {
            let start = place == first ? start : nil
            guard forEach(in: node.children[place], from: start, visit) else { return false }
        }
        return true
    }
}
