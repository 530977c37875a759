// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The transport's side of a stream, called by its reader and writer. Every method is called on
/// `executor`. Calls that are over are ignored.
package protocol StreamLink: AnyObject, Sendable {
    var executor: any NodeExecutor { get }

    /// The outbox has items to send.
    func outputWaits()

    /// Returns credit to the peer, in bytes, because the reader has read them or waits for the rest
    /// of a message.
    func returnCredit(_ bytes: Int)

    /// Ends the call with a status and tells the peer.
    func abandon(_ status: Status)
}

/// The source of a message sequence.
package protocol MessageSource: AnyObject, Sendable {
    nonisolated(nonsending) func nextMessage() async throws(Status) -> [UInt8]?
}

/// The messages of a stream's peer, in order. The sequence ends if the peer ended them normally,
/// and throws the call's status otherwise.
///
/// The sequence belongs to the stream: a second iteration continues after the first one, and two at
/// the same time are refused. A slow reader slows the peer down, not the node: unread bytes fill
/// the stream's window, and then the peer must wait.
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
