// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ChordCore
import ChordRPC
import ChordWire

/// What a node says of itself while it is watched.
public struct NodeNews: Hashable, Sendable {
    /// What there is, or what happened.
    public enum Content: Hashable, Sendable {
        /// What the node is and sees now. It comes first, and once.
        case now(NodeDescription)
        /// Something happened to the node's place in the ring.
        case event(RingEvent)
    }

    /// What there is, or what happened.
    public var content: Content
    /// When, since the beginning of 1970 (UTC), by the node's clock.
    public var time: Duration
    /// How many events before this one the node left out, because they were not read in time.
    public var missed: Int

    /// News from their parts.
    public init(_ content: Content, time: Duration, missed: Int = 0) {
        self.content = content
        self.time = time
        self.missed = missed
    }
}

/// What happens to one node's place in its ring, for as long as the node lives.
///
/// The first element says what there is, each further one what happened since. Every iterator asks anew:
/// nothing is asked before its first `next()`, and the node is told to stop when the iterator goes. Elements
/// are taken from the connection as they are read; a node whose reader falls more than 1,024 events behind
/// drops the oldest and says how many: ``NodeNews/missed``.
///
/// The sequence never ends by itself. It throws a `ChordError`:
/// - `noContact` where no node answers, or where the connection is lost later;
/// - `stopped` where the node has left its ring and ends;
/// - `refused` where the node does not tell this client;
/// - `invalidAnswer` where what it says makes no sense.
///
/// In a task that is cancelled it ends without an error.
public struct NodeWatch: AsyncSequence, Sendable {
    /// What is told.
    public typealias Element = NodeNews
    /// How it ends.
    public typealias Failure = ChordError

    let client: RingClient

    /// Begins to ask with the first `next()`.
    public func makeAsyncIterator() -> Iterator { Iterator(client: client) }

    /// One reader's call.
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

        /// Waits for what happens next; nil where the task is cancelled, or the sequence has thrown.
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
                // It is the cancellation that ended the call.
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
            // Answers in time or is passed over for the next, which a stream without deadline would not be.
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
                throw ChordError(.stopped, "\(target.address) tells no more")
            }
            do throws(WireError) {
                return NodeNews(try WatchReply(decoding: message, space: space))
            } catch {
                throw ChordError(.invalidAnswer, "the news of \(target.address)", cause: error)
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
            self.init(.refused, "\(address) does not tell this client: \(status.message)")
        default:
            self.init(.noContact, status.told(by: address), reasons: Reason.of(status))
        }
    }
}

extension RingClient {
    /// What happens to the first node that answers.
    package func watch() -> NodeWatch { NodeWatch(client: self) }
}
