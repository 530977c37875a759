// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordRPC

/// Calls that wait until the test answers them.
package final class HeldCalls: Sendable {
    private struct Held {
        var responders: [Responder] = []
        var mostAtOnce = 0
    }

    private let held = Watched(Held())

    package init() {}

    package var count: Int { held.withLockedValue { $0.responders.count } }
    /// The most calls that waited at the same time.
    package var mostAtOnce: Int { held.withLockedValue { $0.mostAtOnce } }

    /// Waits until so many calls are held.
    package func reaches(_ count: Int) async throws {
        try await held.until { $0.responders.count == count }
    }

    package func hold(_ responder: Responder) {
        held.withLockedValue { held in
            held.responders.append(responder)
            held.mostAtOnce = max(held.mostAtOnce, held.responders.count)
        }
    }

    package func answerAll(_ message: [UInt8] = []) {
        let taken = held.withLockedValue { held in
            defer { held.responders = [] }
            return held.responders
        }
        for responder in taken { responder.succeed(message) }
    }
}
