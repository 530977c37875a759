// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordBase
package import ChordWire

extension RaftRequest {
    /// A call with the messages of several groups.
    package init(header: WirePeerHeader, _ call: PeerCall) {
        self.init(header: header, givenUpChecksum: call.givenUpChecksum)
        resting = call.resting.map { claim in
            WireRaftHeartbeat(
                range: claim.range.bits.wire,
                from: claim.from.number,
                to: claim.to.number,
                term: claim.term.number,
                round: 0
            )
        }
        for message in call.messages {
            let descriptor = message.descriptor.map { WireRangeDescriptor($0) }
            switch message.message.wire(of: message.range, creating: descriptor) {
            case .message(let message): self.messages.append(message)
            case .heartbeat(let heartbeat): heartbeats.append(heartbeat)
            case .heartbeatReply(let reply): heartbeatReplies.append(reply)
            }
        }
    }

    /// What the call is to the receiver's store.
    package var call: PeerCall {
        PeerCall(
            messages: groupMessages,
            resting: resting.map { claim in
                RestingClaim(
                    range: RangeID(RandomBits(wire: claim.range)),
                    from: ReplicaNumber(claim.from),
                    to: ReplicaNumber(claim.to),
                    term: Term(claim.term)
                )
            },
            givenUpChecksum: givenUpChecksum
        )
    }

    /// The process that has sent the call.
    package var sender: PeerProcess {
        PeerProcess(
            disk: DiskID(RandomBits(wire: header.fromDisk)),
            starts: header.starts,
            sendsHeartbeats: header.sendsHeartbeats
        )
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

extension RaftReply {
    /// The answer as it travels.
    package init(_ answer: PeerAnswer) {
        self.init(
            starts: answer.starts,
            refusals: answer.notLed.map { $0.refusal(.notLeader) }
                + answer.lost.map { $0.refusal(.lost) },
            givenUp: answer.givenUp.sorted().map(\.bits.wire)
        )
    }

    /// The answer to the caller's store.
    package var answer: PeerAnswer {
        func groups(_ reason: WireRaftRefusal.Reason) -> [GroupReplica] {
            refusals.filter { $0.reason == reason }.map { refusal in
                GroupReplica(
                    range: RangeID(RandomBits(wire: refusal.range)),
                    number: ReplicaNumber(refusal.replica)
                )
            }
        }
        return PeerAnswer(
            starts: starts,
            notLed: groups(.notLeader),
            lost: groups(.lost),
            givenUp: Set(givenUp.map { DiskID(RandomBits(wire: $0)) })
        )
    }
}

extension GroupReplica {
    fileprivate func refusal(_ reason: WireRaftRefusal.Reason) -> WireRaftRefusal {
        WireRaftRefusal(range: range.bits.wire, replica: number.number, reason)
    }
}

extension WirePeerHeader {
    /// The header of a call from one store to another.
    package init(_ identity: StoreIdentity, to disk: DiskID?) {
        self.init(
            store: identity.store.bits.wire,
            fromDisk: identity.member.disk.bits.wire,
            toDisk: disk?.bits.wire,
            starts: identity.starts,
            sendsHeartbeats: true
        )
    }
}
