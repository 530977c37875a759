// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers

/// The handler for lost connections of all event loops. A peer that was called is its address; one that
/// called is its identity.
final class ConnectionLosses<Peer: Sendable>: Sendable {
    private let handler = NIOLockedValueBox<(@Sendable (Peer) -> Void)?>(nil)

    func setHandler(_ handler: @escaping @Sendable (Peer) -> Void) {
        self.handler.withLockedValue { $0 = handler }
    }

    func report(_ peer: Peer) {
        handler.withLockedValue { $0 }?(peer)
    }
}
