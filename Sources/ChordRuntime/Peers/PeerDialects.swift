// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore
import ChordRPC
import ChordWire
import NIOConcurrencyHelpers

/// The dialect of each peer, as far as it is known.
///
/// A peer is first called in our own dialect. If it does not know the service it answers
/// UNIMPLEMENTED, and the next dialect is tried. The dialect is remembered while the connection
/// lasts: on a new connection another program may answer.
package final class PeerDialects: Sendable {
    private struct Peer {
        var dialect: DialectName
        /// The newest connection on which the dialect was used successfully.
        var connection: UInt64
        /// The connection is new, so our own dialect is tried first.
        var isOutdated = false
    }

    /// The number of remembered peers. If it is exceeded, all are forgotten.
    private static let capacity = 4096

    private let foreign: [any ForeignDialect]
    private let peers = NIOLockedValueBox<[String: Peer]>([:])

    /// - Parameter enabled: the dialects besides our own.
    package init(_ enabled: Set<DialectName>) {
        foreign = DialectName.foreign.filter(enabled.contains).compactMap(Dialects.foreign)
    }

    /// Whether any dialect besides our own is enabled.
    var hasForeign: Bool { !foreign.isEmpty }

    /// The dialects to try with a peer, in order.
    func order(for address: String) -> [any Dialect] {
        guard hasForeign else { return [Dialects.native] }
        let peer = peers.withLockedValue { $0[address] }
        let all = [Dialects.native] + foreign.map { $0 as any Dialect }
        guard let peer, !peer.isOutdated else { return all }
        return all.filter { $0.name == peer.dialect } + all.filter { $0.name != peer.dialect }
    }

    /// The known dialect of a peer; nil if it is unknown.
    package func dialect(of address: String) -> DialectName? {
        guard hasForeign else { return nil }
        return peers.withLockedValue { $0[address]?.dialect }
    }

    /// Whether a peer is known to speak a dialect other than our own.
    func isForeign(_ address: String) -> Bool {
        dialect(of: address).map { $0 != .native } ?? false
    }

    /// Records that a peer has answered in a dialect on a connection.
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
                // Our own dialect was tried and refused, so the known one still holds.
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

    /// Forgets a peer that speaks none of the dialects: the known one belonged to another program.
    func forget(_ address: String) {
        _ = peers.withLockedValue { $0.removeValue(forKey: address) }
    }
}
