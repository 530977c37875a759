// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordTLS

/// Whether a peer that was accepted at the handshake would be accepted today: its certificate may have
/// expired, and authorities and revocation lists may have been replaced.
struct PeerTrust {
    /// The context by which the peer was accepted last.
    private(set) var context: TLSContext

    init(acceptedBy context: TLSContext) {
        self.context = context
    }

    /// Why the peer would be refused today; nil if it would be accepted.
    mutating func refusal(
        of peer: PeerIdentity?,
        by current: TLSContext,
        wallClockMilliseconds: UInt64,
        _ handler: TLSHandler?
    ) -> String? {
        if let peer, Self.isExpired(peer, wallClockMilliseconds) {
            return "the peer's certificate has expired"
        }
        guard current !== context else { return nil }
        if let error = handler?.revalidate(with: current) { return "\(error)" }
        context = current
        return nil
    }

    static func isExpired(_ peer: PeerIdentity, _ wallClockMilliseconds: UInt64) -> Bool {
        peer.notAfter < Int64(clamping: wallClockMilliseconds / 1000)
    }
}
