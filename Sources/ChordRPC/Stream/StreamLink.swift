// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A stream's end of its transport: what its reader and its writer tell the transport. Every method is
/// called on `executor`; a call that is over is passed over in silence.
package protocol StreamLink: AnyObject, Sendable {
    var executor: any NodeExecutor { get }

    /// The outbox has something to send, or has more than before.
    func outputWaits()

    /// The reader has taken so many bytes, or waits for the rest of what they begin: the peer may
    /// send as many more.
    func returnCredit(_ bytes: Int)

    /// This side gives the call up: it ends here with `status`, and the peer is told.
    func abandon(_ status: Status)
}

/// Where a sequence of messages takes them from.
package protocol MessageSource: AnyObject, Sendable {
    nonisolated(nonsending) func nextMessage() async throws(Status) -> [UInt8]?
}

/// The messages that a stream's peer sends, in order. It ends where the peer has ended them well and
/// throws how the call ended otherwise.
///
/// The messages are the stream's: a second iteration goes on where the first one stopped, and two at
/// once are refused. A reader that takes its time slows the peer down and not the node: what is not
/// read fills the stream's window, and then the peer must wait.
package struct MessageSequence: AsyncSequence, Sendable {
    package typealias Element = [UInt8]
    package typealias Failure = Status

    package struct Iterator: AsyncIteratorProtocol {
        let source: any MessageSource

        package mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(Status) -> [UInt8]? {
            try await source.nextMessage()
        }

        nonisolated(nonsending) package mutating func next() async throws(Status) -> [UInt8]? {
            try await source.nextMessage()
        }
    }

    let source: any MessageSource

    package func makeAsyncIterator() -> Iterator { Iterator(source: source) }
}
