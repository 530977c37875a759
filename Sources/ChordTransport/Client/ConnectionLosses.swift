// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers

/// The handler for lost connections of all event loops.
final class ConnectionLosses: Sendable {
    private let handler = NIOLockedValueBox<(@Sendable (String) -> Void)?>(nil)

    func setHandler(_ handler: @escaping @Sendable (String) -> Void) {
        self.handler.withLockedValue { $0 = handler }
    }

    func report(_ address: String) {
        handler.withLockedValue { $0 }?(address)
    }
}
