// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordIdentity
import ChordRPC
import ChordWire
import Logging

// Nodes that want to join this ring but compute identifiers by another rule. They call again and
// again, so the log names them at a limited rate.

/// The misfits that were logged lately.
struct Misfits {
    /// The time between two log lines about one node. A shorter time repeats lines; a longer one
    /// makes them easy to miss.
    private static let interval = Duration.seconds(60)
    /// The largest number of lines about all misfits in that time.
    private static let most = 8

    private var said: [String: MonotonicTime] = [:]

    /// Whether a line about the node with this key is due.
    mutating func isDue(_ key: String, now: MonotonicTime) -> Bool {
        said = said.filter { now - $0.value < Self.interval }
        guard said[key] == nil, said.count < Self.most else { return false }
        said[key] = now
        return true
    }
}

extension NodeShell {
    /// A node claims an identifier that the ring's rule does not give it.
    func misplaced(_ claim: NodeReference) {
        guard misfits.isDue(claim.address, now: executor.now),
            let misplacement = Misplacement(
                of: claim,
                in: parameters,
                hash: configuration.hash
            )
        else { return }
        logger.warning(
            "a node that wants to join computes identifiers differently: all members need the same --hash and --width",
            metadata: [
                LogKeys.peer: "\(claim.name) at \(claim.address)",
                LogKeys.error: "\(misplacement)",
            ]
        )
    }

    /// A call contains an identifier of the wrong width.
    func misunderstood(_ peer: PeerIdentity, _ error: WireError) {
        guard misfits.isDue("\(peer)", now: executor.now) else { return }
        logger.warning(
            "a calling node has identifiers with more bits than the ring's: all members need the same --hash and --width",
            metadata: [LogKeys.peer: "\(peer)", LogKeys.error: "\(error)"]
        )
    }
}
