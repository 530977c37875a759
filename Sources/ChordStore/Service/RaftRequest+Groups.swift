// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordBase
package import ChordWire

extension RaftRequest {
    /// A call with the messages of several groups.
    package init(header: WirePeerHeader, _ messages: [GroupMessage]) {
        self.init(header: header)
        for message in messages {
            let descriptor = message.descriptor.map { WireRangeDescriptor($0) }
            switch message.message.wire(of: message.range, creating: descriptor) {
            case .message(let message): self.messages.append(message)
            case .heartbeat(let heartbeat): heartbeats.append(heartbeat)
            case .heartbeatReply(let reply): heartbeatReplies.append(reply)
            }
        }
    }

    /// The messages for the groups. One that makes no sense is left out: Raft bears lost messages.
    package var groupMessages: [GroupMessage] {
        var all: [GroupMessage] = []
        all.reserveCapacity(messages.count + heartbeats.count + heartbeatReplies.count)
        func add(
            _ range: UInt128,
            _ message: RaftMessage,
            _ descriptor: WireRangeDescriptor? = nil
        ) {
            all.append(
                GroupMessage(
                    range: RangeID(RandomBits(wire: range)),
                    message: message,
                    descriptor: descriptor.map { RangeDescriptor($0) }
                )
            )
        }
        for message in messages {
            guard let read = try? RaftMessage(message) else { continue }
            add(message.range, read, message.descriptor)
        }
        for heartbeat in heartbeats {
            add(heartbeat.range, RaftMessage(heartbeat: heartbeat), heartbeat.descriptor)
        }
        for reply in heartbeatReplies { add(reply.range, RaftMessage(heartbeatReply: reply)) }
        return all
    }
}

extension WirePeerHeader {
    /// The header of a call from one store to another.
    package init(_ identity: StoreIdentity, to disk: DiskID?) {
        self.init(
            store: identity.store.bits.wire,
            fromDisk: identity.member.disk.bits.wire,
            toDisk: disk?.bits.wire,
            starts: identity.starts
        )
    }
}
