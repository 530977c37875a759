// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ChordCore
import ChordRPC
import ChordWire

/// One message of a watched node about itself.
public struct NodeNews: Hashable, Sendable {
    /// The node's state, or an event.
    public enum Content: Hashable, Sendable {
        /// The node's present state. It comes first, and once.
        case now(NodeDescription)
        /// A change of the node's place in the ring.
        case event(RingEvent)
    }

    /// The node's state, or an event.
    public var content: Content
    /// The time by the node's clock, since the beginning of 1970 (UTC).
    public var time: Duration
    /// The number of events before this one that were dropped because the reader was too slow.
    public var missed: Int

    /// Makes a message from its parts.
    public init(_ content: Content, time: Duration, missed: Int = 0) {
        self.content = content
        self.time = time
        self.missed = missed
    }
}

/// The changes of one node's place in its ring, for as long as the node runs.
///
/// The first element is the node's present state; each further element is an event. Every iterator
/// makes its own call: the call starts with the first `next()`, and is cancelled when the iterator
/// is released. Elements are read from the connection as they are consumed. If a reader falls more
/// than 1,024 events behind, the node drops the oldest ones and reports their number in
/// ``NodeNews/missed``.
///
/// The sequence does not end by itself. It throws a `ChordError`:
/// - `noContact` if no node answers, or if the connection breaks later;
/// - `stopped` if the node has left its ring and ends;
/// - `refused` if the node does not allow this client to watch;
/// - `invalidAnswer` if a message of the node makes no sense.
///
/// If the task is cancelled, the sequence ends without an error.
public struct NodeWatch: AsyncSequence, Sendable {
    /// A message of the node.
    public typealias Element = NodeNews
    /// The error that ends the sequence.
    public typealias Failure = ChordError

    let client: RingClient

    /// Makes an iterator, which starts its call with the first `next()`.
    public func makeAsyncIterator() -> Iterator { Iterator(client: client) }

    /// The call of one reader.
    public struct Iterator: AsyncIteratorProtocol {
        private enum State: Sendable {
            case idle
            case open(ClientStream, PeerTarget, IdentifierSpace)
            case over
        }

        private let client: RingClient
        private var state = State.idle

        fileprivate init(client: RingClient) {
            self.client = client
        }

        /// Waits for the next message. Nil if the task is cancelled, or after the sequence has
        /// thrown.
        ///
        /// - Throws: `ChordError` with `noContact`, `stopped`, `refused` or `invalidAnswer`.
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(ChordError) -> NodeNews? {
            let (client, former) = (client, state)
            do throws(ChordError) {
                let step = try await client.whileOpen { () throws(ChordError) in
                    try await Self.step(client, former)
                }
                state = step.state
                return step.news
            } catch {
                state = .over
                // The cancellation ended the call.
                if Task.isCancelled { return nil }
                throw error
            }
        }

        private static func step(
            _ client: RingClient,
            _ former: State
        ) async throws(ChordError) -> (state: State, news: NodeNews?) {
            var state = former
            if case .idle = state { state = try await open(client) }
            guard case .open(let stream, let target, let space) = state else {
                return (.over, nil)
            }
            guard let news = try await news(of: stream, target, space) else { return (.over, nil) }
            return (state, news)
        }

        private static func open(_ client: RingClient) async throws(ChordError) -> State {
            // A silent contact must be skipped. Describe has a time limit; a stream without
            // deadline has none.
            let node = try await client.described()
            let space = node.description.parameters.space
            let stream = client.transport.openStream(
                ClientStreamCall(target: node.target, method: AdminMethods.watch, deadline: nil),
                on: client.executor
            )
            do throws(Status) {
                try await stream.send(WatchRequest().encoded(in: space))
            } catch {
                throw ChordError(watching: error, at: node.target.address)
            }
            stream.finishSending()
            return .open(stream, node.target, space)
        }

        private static func news(
            of stream: ClientStream,
            _ target: PeerTarget,
            _ space: IdentifierSpace
        ) async throws(ChordError) -> NodeNews? {
            let message: [UInt8]?
            do throws(Status) {
                message = try await stream.nextMessage()
            } catch {
                throw ChordError(watching: error, at: target.address)
            }
            guard let message else {
                throw ChordError(.stopped, "\(target.address) has ended the stream")
            }
            do throws(WireError) {
                return NodeNews(try WatchReply(decoding: message, space: space))
            } catch {
                throw ChordError(.invalidAnswer, "a message of \(target.address)", cause: error)
            }
        }
    }
}

extension NodeNews {
    fileprivate init(_ reply: WatchReply) {
        let content: Content =
            switch reply.content {
            case .now(let description): .now(description)
            case .event(let event): .event(event)
            }
        self.init(
            content,
            time: .milliseconds(reply.time),
            missed: Int(clamping: reply.missed)
        )
    }
}

extension ChordError {
    fileprivate init(watching status: Status, at address: String) {
        switch (status.origin, status.code) {
        case (.peer, .unavailable):
            self.init(.stopped, "\(address): \(status.message)")
        case (.peer, .permissionDenied), (.peer, .unauthenticated):
            self.init(.refused, "\(address) does not let this client watch: \(status.message)")
        default:
            self.init(.noContact, status.told(by: address), reasons: Reason.of(status))
        }
    }
}

extension RingClient {
    /// Watches the first contact that answers.
    package func watch() -> NodeWatch { NodeWatch(client: self) }
}
