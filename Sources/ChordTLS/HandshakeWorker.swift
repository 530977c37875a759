// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// Runs the steps of handshakes beside the event loop, which answers calls meanwhile.
///
/// A handshake costs as much processor time as hundreds of calls. A burst of them on the loop would take most of its
/// time.
package struct HandshakeWorker: Sendable {
    private let run: @Sendable (@escaping @Sendable () -> Void) -> Void

    /// - Parameter run: runs a piece of work later, on another thread, and each exactly once.
    package init(_ run: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void) {
        self.run = run
    }

    /// Takes the next step of a connection's handshake. Nobody else may use the connection until `completion` is
    /// called, on the loop.
    func advance(
        _ connection: TLSConnection,
        then loop: any EventLoop,
        _ completion: @escaping @Sendable (Result<Bool, TLSError>) -> Void
    ) {
        // The caller leaves the connection alone until the completion, and the loop's queue orders the two threads.
        nonisolated(unsafe) let connection = connection
        run {
            let result = Result { () throws(TLSError) in try connection.advanceHandshake() }
            loop.execute { completion(result) }
        }
    }
}

/// A step of a handshake that runs beside the loop, and what happens meanwhile. Confined to the loop.
final class HandshakeStep {
    /// Ciphertext that the peer has sent meanwhile.
    private(set) var received: ByteBuffer?
    /// The channel was to read, which waits for the end of the step.
    var isReadWanted = false

    func receive(_ bytes: ByteBuffer) {
        if received == nil {
            received = bytes
        } else {
            received?.writeImmutableBuffer(bytes)
        }
    }
}
