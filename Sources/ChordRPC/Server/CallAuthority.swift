// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordIdentity

/// Decides about calls beyond the roles of their methods, and hears of refusals. It is asked on the
/// executors of connections.
package protocol CallAuthority: Sendable {
    /// Why a peer may not call a method with a permission of its own (``MethodRule/permissions``); nil
    /// if it may.
    func refusal(of method: RPCMethod, to peer: PeerIdentity) -> Status?

    /// A peer was refused because of its role.
    func refusedByRole(_ method: RPCMethod, _ peer: PeerIdentity)
}
