// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos

/// Who calls which node's store; the first field of each request between store nodes.
package struct WirePeerHeader: Hashable, Sendable {
    package var store: UInt128
    /// The caller's disk.
    package var fromDisk: UInt128
    /// The receiver's disk; nil if the caller does not know it.
    package var toDisk: UInt128?
    /// How often the caller has started with its disk, 1 or more.
    package var starts: UInt64
    /// The caller sends a Raft call in every heartbeat interval to each node with which it shares a range.
    package var sendsHeartbeats: Bool

    package init(
        store: UInt128,
        fromDisk: UInt128,
        toDisk: UInt128?,
        starts: UInt64,
        sendsHeartbeats: Bool = false
    ) {
        self.store = store
        self.fromDisk = fromDisk
        self.toDisk = toDisk
        self.starts = starts
        self.sendsHeartbeats = sendsHeartbeats
    }
}

extension WirePeerHeader {
    init(_ packed: UnsafeMutablePointer<Chord__V1__PeerHeader>?) throws(WireError) {
        self = try packed.value(.field("header")) { header throws(WireError) in
            // The version is read first: in another version the rest may mean something else.
            let path = FieldPath.field("version")
            guard header.version != 0 else { throw path.error(.missing, "absent") }
            guard header.version == WireLimits.peerVersion else {
                throw path.error(
                    .unknownVersion,
                    "\(header.version), and this release knows version \(WireLimits.peerVersion)"
                )
            }
            return WirePeerHeader(
                store: try header.store.bits(.field("store")),
                fromDisk: try header.from_disk.bits(.field("from_disk")),
                toDisk: try header.to_disk.bitsIfPresent(.field("to_disk")),
                starts: try header.starts.counted(.field("starts")),
                sendsHeartbeats: header.heartbeats != 0
            )
        }
    }
}

extension EncodingArena {
    mutating func header(
        _ header: WirePeerHeader
    ) -> UnsafeMutablePointer<Chord__V1__PeerHeader> {
        let message = message(chord__v1__peer_header__init)
        message.pointee.version = WireLimits.peerVersion
        message.pointee.store = bits(header.store)
        message.pointee.from_disk = bits(header.fromDisk)
        message.pointee.to_disk = bits(header.toDisk)
        message.pointee.starts = header.starts
        message.pointee.heartbeats = header.sendsHeartbeats ? 1 : 0
        return message
    }
}
