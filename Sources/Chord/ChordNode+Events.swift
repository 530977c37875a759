// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
public import ChordRuntime

// A node's place in the ring and its changes. Each iterator starts with the present state at its
// first `next()`, so that no change can be missed between reading the state and listening.

extension ChordNode {
    /// The range that this node owns, and each change of it.
    ///
    /// The first element is the present range, with the whole range as gained and without a cause.
    /// Each further element starts from the range of the element before, however slowly they are
    /// read: several changes are combined into one. The sequence ends with the node.
    public func rangeChanges() -> RangeChanges { RangeChanges(node: self) }

    /// This node's description, then each change of its place in the ring. A reader that is more
    /// than 1,024 events behind loses the oldest ones. The sequence ends with the node.
    public func events() -> NodeEvents { NodeEvents(node: self) }
}

/// The range that a node owns, and each change of it: ``ChordNode/rangeChanges()``.
public struct RangeChanges: AsyncSequence, Sendable {
    /// A change of the range.
    public typealias Element = RangeChange
    /// The sequence throws no errors.
    public typealias Failure = Never

    let node: ChordNode

    /// Makes a reader, which starts with the present state at its first `next()`.
    public func makeAsyncIterator() -> Iterator { Iterator(node: node) }

    /// One reader.
    public struct Iterator: AsyncIteratorProtocol {
        let node: ChordNode
        private var events: AsyncStream<RingEvent>.Iterator?
        private var range: IdentifierRange?

        init(node: ChordNode) { self.node = node }

        /// The present range, then each change of it. Nil if the node has ended or the task is
        /// cancelled.
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

        /// The present range, then each change of it.
        public mutating func next() async -> RangeChange? { await next(isolation: nil) }
    }
}

/// A node's description and then its events: ``ChordNode/events()``.
public struct NodeEvents: AsyncSequence, Sendable {
    /// A description or an event.
    public typealias Element = NodeNews.Content
    /// The sequence throws no errors.
    public typealias Failure = Never

    let node: ChordNode

    /// Makes a reader, which starts with the present state at its first `next()`.
    public func makeAsyncIterator() -> Iterator { Iterator(node: node) }

    /// One reader.
    public struct Iterator: AsyncIteratorProtocol {
        let node: ChordNode
        private var events: AsyncStream<RingEvent>.Iterator?

        init(node: ChordNode) { self.node = node }

        /// The node's description, then its events. Nil if the node has ended or the task is
        /// cancelled.
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

        /// The node's description, then its events.
        public mutating func next() async -> NodeNews.Content? { await next(isolation: nil) }
    }
}

extension ChordNode {
    /// The present state and the events after it; nil if the node is closed.
    fileprivate func present() async -> (RoutingView, AsyncStream<RingEvent>)? {
        isClosed ? nil : await shell.present()
    }
}

extension NodeShell {
    /// The present state and the events after it. Both are taken on the actor, so no event is
    /// between them.
    fileprivate func present() -> (RoutingView, AsyncStream<RingEvent>) { (view, events.events()) }
}

extension RoutingView {
    /// The range that the node owns. Nil if it is not a member, or if its successor has not
    /// accepted it as its predecessor yet.
    var ownedRange: IdentifierRange? { isMember && tenure != .awaited ? range : nil }
}
