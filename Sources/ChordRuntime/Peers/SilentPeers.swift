// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import NIOConcurrencyHelpers

/// Members that did not answer a lookup just before.
///
/// Until maintenance has decided about such a member, lookups go around it: a stopped member costs one lookup its
/// silence, and not each lookup. From time to time one lookup may ask it again, while the others go on around it.
final class SilentPeers: Sendable {
    private struct Silence {
        /// When a lookup may ask the member again.
        var until: MonotonicTime
        /// When nothing is known of the member any more.
        var forgotten: MonotonicTime
    }

    /// More are not remembered. With so many silent members, lookups fail anyway.
    private static let limit = 64
    /// The number of times that a member may be asked again before it is forgotten.
    private static let trials = 10

    private let time: Duration
    private let silences = NIOLockedValueBox<[Identifier: Silence]>([:])

    /// - Parameter time: how long nobody asks a member after its silence.
    init(for time: Duration) {
        self.time = time
    }

    func add(_ id: Identifier, at now: MonotonicTime) {
        silences.withLockedValue { silences in
            guard silences.count < Self.limit || silences[id] != nil else { return }
            silences[id] = Silence(until: now + time, forgotten: now + time * Self.trials)
        }
    }

    func remove(_ id: Identifier) {
        silences.withLockedValue { silences in
            guard !silences.isEmpty else { return }
            silences[id] = nil
        }
    }

    /// Whether a member is not known to have answered since its silence, also while one lookup may ask it again.
    func contains(_ id: Identifier, at now: MonotonicTime) -> Bool {
        silences.withLockedValue { silences in
            silences[id].map { now < $0.forgotten } ?? false
        }
    }

    /// Those that a lookup is to go around. The first that asks for them after a member's time may ask that one.
    func toGoAround(at now: MonotonicTime) -> [Identifier] {
        silences.withLockedValue { silences in
            guard !silences.isEmpty else { return [] }
            silences = silences.filter { now < $0.value.forgotten }
            var ids: [Identifier] = []
            for (id, silence) in silences {
                if now < silence.until {
                    ids.append(id)
                } else {
                    silences[id]?.until = now + time
                }
            }
            return ids.sorted()
        }
    }
}
