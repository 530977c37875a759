// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
public import ChordRuntime

// A node's place in the ring, as it is and as it changes. Each iterator begins with the present state at its
// first `next()`, so that there is no moment between looking and listening in which something is missed.

extension ChordNode {
    /// What this node owns, and each change of it.
    ///
    /// The first element is the present range, as if all of it had just been gained; its cause is nil. Each
    /// further one begins where the one before ended, however slowly they are read: changes that pile up
    /// become one. The sequence ends with the node.
    public func rangeChanges() -> RangeChanges { RangeChanges(node: self) }

    /// This node's description, and then each event of its place in the ring. A reader that is more than
    /// 1,024 events behind loses the oldest. The sequence ends with the node.
    public func events() -> NodeEvents { NodeEvents(node: self) }
}

/// What a node owns, and each change of it: ``ChordNode/rangeChanges()``.
public struct RangeChanges: AsyncSequence, Sendable {
    /// What is told.
    public typealias Element = RangeChange
    /// It ends without an error.
    public typealias Failure = Never

    let node: ChordNode

    /// A reader, which begins with the state at its first `next()`.
    public func makeAsyncIterator() -> Iterator { Iterator(node: node) }

    /// One reader.
    public struct Iterator: AsyncIteratorProtocol {
        let node: ChordNode
        private var events: AsyncStream<RingEvent>.Iterator?
        private var range: IdentifierRange?

        init(node: ChordNode) { self.node = node }

        /// The present range, then what changes it; nil when the node has ended or the task is cancelled.
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async -> RangeChange? {
            guard var reading = events else {
                guard let (view, stream) = await node.present() else { return nil }
                events = stream.makeAsyncIterator()
                range = view.ownedRange
                return RangeChange(from: nil, to: range, cause: nil)
            }
            defer { events = reading }
            while let event = await reading.next(isolation: actor) {
                guard case .rangeChanged(_, let to, let cause) = event, to != range else {
                    continue
                }
                defer { range = to }
                return RangeChange(from: range, to: to, cause: cause)
            }
            return nil
        }

        /// The present range, then what changes it.
        public mutating func next() async -> RangeChange? { await next(isolation: nil) }
    }
}

/// A node's description and then its events: ``ChordNode/events()``.
public struct NodeEvents: AsyncSequence, Sendable {
    /// What is told.
    public typealias Element = NodeNews.Content
    /// It ends without an error.
    public typealias Failure = Never

    let node: ChordNode

    /// A reader, which begins with the state at its first `next()`.
    public func makeAsyncIterator() -> Iterator { Iterator(node: node) }

    /// One reader.
    public struct Iterator: AsyncIteratorProtocol {
        let node: ChordNode
        private var events: AsyncStream<RingEvent>.Iterator?

        init(node: ChordNode) { self.node = node }

        /// What the node is, then what happens; nil when the node has ended or the task is cancelled.
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async -> NodeNews.Content? {
            guard var reading = events else {
                guard let (view, stream) = await node.present() else { return nil }
                events = stream.makeAsyncIterator()
                return .now(NodeDescription(view, version: ProgramVersion.number))
            }
            defer { events = reading }
            return await reading.next(isolation: actor).map { .event($0) }
        }

        /// What the node is, then what happens.
        public mutating func next() async -> NodeNews.Content? { await next(isolation: nil) }
    }
}

extension ChordNode {
    /// The present state, and what happens after it; nil when the node is closed.
    fileprivate func present() async -> (RoutingView, AsyncStream<RingEvent>)? {
        isClosed ? nil : await shell.present()
    }
}

extension NodeShell {
    /// The present state, and what happens after it: on the actor, where nothing happens in between.
    fileprivate func present() -> (RoutingView, AsyncStream<RingEvent>) { (view, events.events()) }
}

extension RoutingView {
    /// What the node owns; nil while it is no member, or one that its successor has not taken for its
    /// predecessor.
    var ownedRange: IdentifierRange? { isMember && tenure != .awaited ? range : nil }
}
