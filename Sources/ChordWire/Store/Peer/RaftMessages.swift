// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
internal import ChordCore

/// Messages of any number of Raft groups to one node.
///
/// Encoding leaves nothing out. The sender splits what exceeds ``WireLimits`` into several calls, with the help
/// of ``WireRaftMessage/sizeBound``.
package struct RaftRequest: StoreMessage, Hashable {
    package var header: WirePeerHeader
    package var messages: [WireRaftMessage]
    package var heartbeats: [WireRaftHeartbeat]
    /// Answers to heartbeats of the receiver.
    package var heartbeatReplies: [WireRaftHeartbeat]
    /// Groups in which the caller rests and follows the receiver.
    package var resting: [WireRaftHeartbeat]
    /// Of the disks that the caller knows to be given up; 0 if there are none.
    package var givenUpChecksum: UInt32

    package init(
        header: WirePeerHeader,
        messages: [WireRaftMessage] = [],
        heartbeats: [WireRaftHeartbeat] = [],
        heartbeatReplies: [WireRaftHeartbeat] = [],
        resting: [WireRaftHeartbeat] = [],
        givenUpChecksum: UInt32 = 0
    ) {
        self.header = header
        self.messages = messages
        self.heartbeats = heartbeats
        self.heartbeatReplies = heartbeatReplies
        self.resting = resting
        self.givenUpChecksum = givenUpChecksum
    }

    /// The most bytes that the header has.
    package static let headerSizeBound = 128

    static let codec = StoreMessageCodec(
        "RaftRequest",
        .raft,
        chord__v1__raft_request__init,
        chord__v1__raft_request__unpack
    )

    init(_ packed: Chord__V1__RaftRequest, _ space: IdentifierSpace) throws(WireError) {
        header = try WirePeerHeader(packed.header)
        var entries = 0
        let path = FieldPath.field("messages")
        messages = try packed.messages.list(
            count: packed.n_messages,
            of: 0...WireLimits.raftMessages,
            "messages",
            path
        ) { message throws(WireError) in
            let message = try WireRaftMessage(message, space)
            if case .append(let append) = message.content { entries += append.entries.count }
            return message
        }
        guard entries <= WireLimits.raftEntries else {
            throw path.error(.tooMany, "\(entries) entries, at most \(WireLimits.raftEntries)")
        }
        heartbeats = try packed.heartbeats.list(
            count: packed.n_heartbeats,
            of: 0...WireLimits.raftHeartbeats,
            "heartbeats",
            .field("heartbeats")
        ) { heartbeat throws(WireError) in try WireRaftHeartbeat(heartbeat, space) }
        heartbeatReplies = try packed.heartbeat_replies.list(
            count: packed.n_heartbeat_replies,
            of: 0...WireLimits.raftHeartbeats,
            "heartbeats",
            .field("heartbeat_replies")
        ) { reply throws(WireError) in try WireRaftHeartbeat(reply, space) }
        resting = try packed.resting.list(
            count: packed.n_resting,
            of: 0...WireLimits.raftHeartbeats,
            "groups",
            .field("resting")
        ) { group throws(WireError) in try WireRaftHeartbeat(group, space) }
        givenUpChecksum = packed.given_up_checksum
    }

    func fill(
        _ packed: inout Chord__V1__RaftRequest,
        _ arena: inout EncodingArena,
        _ space: IdentifierSpace
    ) {
        packed.header = arena.header(header)
        (packed.n_messages, packed.messages) = arena.messages(messages) {
            $0.raftMessage($1, space)
        }
        (packed.n_heartbeats, packed.heartbeats) = arena.messages(heartbeats) {
            $0.heartbeat($1, space)
        }
        (packed.n_heartbeat_replies, packed.heartbeat_replies) = arena.messages(heartbeatReplies) {
            $0.heartbeat($1, space)
        }
        (packed.n_resting, packed.resting) = arena.messages(resting) { $0.heartbeat($1, space) }
        packed.given_up_checksum = givenUpChecksum
    }
}

extension WireRaftMessage {
    /// The most bytes that the message adds to a ``RaftRequest``.
    package var sizeBound: Int {
        var bytes = 192
        switch content {
        case .append(let append):
            bytes += append.entries.reduce(0) { $0 + $1.sizeBound }
        case .snapshot(_, let configuration):
            let count =
                configuration.voters.count + configuration.outgoing.count
                + configuration.learners.count
            bytes += 16 + 10 * count
        default: break
        }
        return bytes + (descriptor?.sizeBound ?? 0)
    }
}

extension WireRaftEntry {
    /// The most bytes that the entry adds to a message.
    package var sizeBound: Int { payload.count + 32 }
}

extension WireRangeDescriptor {
    fileprivate var sizeBound: Int { 256 + replicas.reduce(0) { $0 + $1.sizeBound } }
}

extension WireReplica {
    fileprivate var sizeBound: Int { node.utf8.count + address.utf8.count + 64 }
}

extension WireRaftHeartbeat {
    /// The most bytes that the heartbeat adds to a ``RaftRequest``.
    package var sizeBound: Int { 96 + (descriptor?.sizeBound ?? 0) }
}

/// What the receiver of Raft messages did not take.
package struct RaftReply: StoreMessage, Hashable {
    /// How often the receiver has started with its disk, 1 or more.
    package var starts: UInt64
    /// Groups that are not listed took all their messages.
    package var refusals: [WireRaftRefusal]
    /// Disks that the receiver knows to be given up.
    package var givenUp: [UInt128]

    package init(starts: UInt64, refusals: [WireRaftRefusal] = [], givenUp: [UInt128] = []) {
        self.starts = starts
        self.refusals = refusals
        self.givenUp = givenUp
    }

    static let codec = StoreMessageCodec(
        "RaftReply",
        .raft,
        chord__v1__raft_reply__init,
        chord__v1__raft_reply__unpack
    )

    init(_ packed: Chord__V1__RaftReply, _ space: IdentifierSpace) throws(WireError) {
        starts = try packed.starts.counted(.field("starts"))
        refusals = try packed.refusals.list(
            count: packed.n_refusals,
            of: 0...(WireLimits.raftMessages + 3 * WireLimits.raftHeartbeats),
            "refusals",
            .field("refusals"),
            WireRaftRefusal.init
        )
        givenUp = try bitsList(
            packed.given_up,
            packed.n_given_up,
            WireLimits.disksGivenUp,
            .field("given_up")
        )
    }

    func fill(
        _ packed: inout Chord__V1__RaftReply,
        _ arena: inout EncodingArena,
        _ space: IdentifierSpace
    ) {
        packed.starts = starts
        (packed.n_refusals, packed.refusals) = arena.messages(refusals) { $0.refusal($1) }
        (packed.n_given_up, packed.given_up) = arena.list(givenUp[...]) { $0.bits($1) }
    }
}
