// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers

/// Waits for the value that `start` delivers, once and on any thread.
///
/// The value goes through a lock. If it arrives before the caller waits, the runtime passes a
/// continuation's value on in a way that the thread sanitizer does not see and reports as a race.
package func handedOver<Value: Sendable>(
    _ start: (_ handOver: @escaping @Sendable (Value) -> Void) -> Void
) async -> Value {
    let box = NIOLockedValueBox<Value?>(nil)
    await withCheckedContinuation { continuation in
        start { value in
            box.withLockedValue { $0 = value }
            continuation.resume()
        }
    }
    guard let value = box.withLockedValue({ $0 }) else { preconditionFailure("nothing came") }
    return value
}
