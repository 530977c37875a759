// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore
import ChordRPC
import ChordWire
import NIOConcurrencyHelpers

/// Which dialect each peer speaks, as far as this node has learned.
///
/// A peer is first called in our own; one that does not know the service answers UNIMPLEMENTED, and is
/// called in the next. What it speaks is remembered while the connection lasts: behind a new one there may
/// be another program.
package final class PeerDialects: Sendable {
    private struct Peer {
        var dialect: DialectName
        /// The newest connection that it was learned or confirmed over.
        var connection: UInt64
        /// The connection is new, and our own dialect is to be tried first.
        var isOutdated = false
    }

    /// Peers that are remembered; beyond that all are forgotten, and learned anew.
    private static let capacity = 4096

    private let foreign: [any ForeignDialect]
    private let peers = NIOLockedValueBox<[String: Peer]>([:])

    /// - Parameter enabled: the dialects besides our own.
    package init(_ enabled: Set<DialectName>) {
        foreign = DialectName.foreign.filter(enabled.contains).compactMap(Dialects.foreign)
    }

    /// Whether there is any but our own.
    var hasForeign: Bool { !foreign.isEmpty }

    /// The dialects to try with a peer, in this order.
    func order(for address: String) -> [any Dialect] {
        guard hasForeign else { return [Dialects.native] }
        let peer = peers.withLockedValue { $0[address] }
        let all = [Dialects.native] + foreign.map { $0 as any Dialect }
        guard let peer, !peer.isOutdated else { return all }
        return all.filter { $0.name == peer.dialect } + all.filter { $0.name != peer.dialect }
    }

    /// The dialect that a peer was found to speak; nil where nothing is known.
    package func dialect(of address: String) -> DialectName? {
        guard hasForeign else { return nil }
        return peers.withLockedValue { $0[address]?.dialect }
    }

    /// Whether a peer was found to speak another dialect than ours.
    func isForeign(_ address: String) -> Bool {
        dialect(of: address).map { $0 != .native } ?? false
    }

    /// A peer has answered in a dialect, over a connection.
    func answered(_ address: String, in dialect: DialectName, over connection: UInt64?) {
        guard hasForeign else { return }
        let connection = connection ?? 0
        peers.withLockedValue { peers in
            guard let known = peers[address], known.dialect == dialect else {
                if peers.count >= Self.capacity { peers.removeAll(keepingCapacity: true) }
                peers[address] = Peer(dialect: dialect, connection: connection)
                return
            }
            if known.isOutdated {
                // Our own was tried and refused, so it is this one still.
                peers[address] = Peer(
                    dialect: dialect,
                    connection: max(known.connection, connection)
                )
            } else if connection > known.connection {
                peers[address]?.connection = connection
                peers[address]?.isOutdated = dialect != .native
            }
        }
    }

    /// A peer speaks none of the dialects: the remembered one belonged to another program.
    func forget(_ address: String) {
        _ = peers.withLockedValue { $0.removeValue(forKey: address) }
    }
}
