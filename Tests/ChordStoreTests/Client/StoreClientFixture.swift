// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordIdentity
import ChordRPC
import ChordStore
import ChordWire

/// A hint about a range with replicas on n1, n2 and n3, of which replica 1 is on n1.
func hint(
    _ range: UInt128,
    after: UInt64,
    through: UInt64,
    bounds: UInt64 = 1,
    configuration: UInt64 = 1,
    leader: UInt64? = 1,
    term: UInt64 = 1
) -> WireRangeHint {
    WireRangeHint(
        WireRangeDescriptor(
            range: range,
            epoch: WireRangeEpoch(configuration: configuration, bounds: bounds),
            bounds: IdentifierRange(after: Identifier(after), through: Identifier(through)),
            replicas: (1...3).map {
                WireReplica(number: $0, node: "n\($0)", address: "n\($0):1", disk: UInt128($0))
            },
            nextReplica: 4,
            wantedVoters: 3
        ),
        leader: leader,
        term: term
    )
}

extension PeerTarget {
    static func contact(_ address: String) -> PeerTarget {
        PeerTarget(address: address, expected: ExpectedPeer(host: "host"))
    }
}
