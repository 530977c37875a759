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
        /// It was silent for the whole peer timeout, and not only for longer than usual.
        var isWhole: Bool
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

    /// - Parameter isWhole: whether the member was silent for the whole peer timeout. If not, lookups only go around it.
    func add(_ id: Identifier, at now: MonotonicTime, isWhole: Bool = true) {
        silences.withLockedValue { silences in
            let former = silences[id]
            guard silences.count < Self.limit || former != nil else { return }
            silences[id] = Silence(
                until: now + time,
                forgotten: now + time * Self.trials,
                isWhole: isWhole || former?.isWhole == true
            )
        }
    }

    func remove(_ id: Identifier) {
        silences.withLockedValue { silences in
            guard !silences.isEmpty else { return }
            silences[id] = nil
        }
    }

    /// Whether a member was silent for the whole peer timeout and has not answered since, also while one lookup may
    /// ask it again.
    func wasSilent(_ id: Identifier, at now: MonotonicTime) -> Bool {
        silences.withLockedValue { silences in
            guard let silence = silences[id] else { return false }
            return silence.isWhole && now < silence.forgotten
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
