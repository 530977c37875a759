// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordStore

/// The versions above which ranges were raised, as imports do it.
struct VersionRaises {
    /// An acknowledged raise: the range with the position has higher versions from then on, and so have all ranges that
    /// are split from it.
    struct Floor {
        var position: Identifier
        var version: LogIndex
    }

    /// A stream of its own, so that runs without raises do not depend on it.
    fileprivate var generator: SeededGenerator
    fileprivate(set) var floors: [Floor] = []

    init(seed: UInt64) {
        generator = SeededGenerator(seed: seed ^ 0x7261_6973_6573)
    }
}

extension StoreWorld {
    /// Raises the versions of random ranges by random amounts until the faults are over.
    func startRaisingVersions() {
        let pause = Int64(raises.generator.below(6_000_000_000))
        scheduler.schedule(at: now + pause, for: nil) { [self] in
            guard !faultsAreOver else { return }
            raiseVersions()
            startRaisingVersions()
        }
    }

    /// Asks all nodes; the leader does it.
    private func raiseVersions() {
        let position = Self.position(raises.generator.below(65_536))
        // Mostly a floor near the present versions, which leaves some ranges as they are.
        let isHigh = raises.generator.below(8) == 0
        let floor = LogIndex(raises.generator.below(isHigh ? 1 << 40 : 4_000))
        for name in names {
            guard let node = nodes[name]?.node, let executor = nodes[name]?.executor else {
                continue
            }
            executor.execute {
                node.assumeIsolated { node in
                    node.raiseVersions(above: floor, at: position) { [weak self] result in
                        guard case .done(_, let view) = result,
                            view.descriptor.bounds.contains(position)
                        else { return }
                        self?.raised(position, above: floor)
                    }
                }
            }
        }
    }

    private func raised(_ position: Identifier, above floor: LogIndex) {
        raises.floors.append(VersionRaises.Floor(position: position, version: floor))
    }
}
