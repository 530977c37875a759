// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
internal import CProtobufC
internal import ChordCore

extension EncodingArena {
    private mutating func entry(
        _ entry: WireRaftEntry
    ) -> UnsafeMutablePointer<Chord__V1__RaftEntry> {
        let message = message(chord__v1__raft_entry__init)
        message.pointee.term = entry.term
        message.pointee.kind = entry.kind.packed
        message.pointee.payload = bytes(entry.payload)
        return message
    }

    private mutating func append(
        _ append: WireRaftAppend
    ) -> UnsafeMutablePointer<Chord__V1__RaftAppend> {
        let message = message(chord__v1__raft_append__init)
        message.pointee.previous_index = append.previous.index
        message.pointee.previous_term = append.previous.term
        (message.pointee.n_entries, message.pointee.entries) = messages(append.entries) {
            $0.entry($1)
        }
        message.pointee.commit = append.commit
        message.pointee.acknowledged = append.acknowledged
        return message
    }

    mutating func configuration(
        _ configuration: WireRaftConfiguration
    ) -> UnsafeMutablePointer<Chord__V1__RaftConfiguration> {
        let message = message(chord__v1__raft_configuration__init)
        (message.pointee.n_voters, message.pointee.voters) = numbers(configuration.voters)
        (message.pointee.n_outgoing, message.pointee.outgoing) = numbers(configuration.outgoing)
        (message.pointee.n_learners, message.pointee.learners) = numbers(configuration.learners)
        return message
    }

    mutating func raftMessage(
        _ value: WireRaftMessage,
        _ space: IdentifierSpace
    ) -> UnsafeMutablePointer<Chord__V1__RaftMessage> {
        let message = message(chord__v1__raft_message__init)
        message.pointee.range = bits(value.range)
        message.pointee.from = value.from
        message.pointee.to = value.to
        message.pointee.term = value.term
        message.pointee.descriptor = value.descriptor.map { descriptor($0, space) }
        fill(&message.pointee, with: value.content)
        return message
    }

    private mutating func fill(
        _ message: inout Chord__V1__RaftMessage,
        with content: WireRaftMessage.Content
    ) {
        switch content {
        case .vote(let last, let isPre, let isTransfer):
            message.content_case = CHORD__V1__RAFT_MESSAGE__CONTENT_VOTE
            message.vote = self.message(chord__v1__raft_vote__init)
            message.vote.pointee.pre = isPre ? 1 : 0
            message.vote.pointee.last_index = last.index
            message.vote.pointee.last_term = last.term
            message.vote.pointee.transfer = isTransfer ? 1 : 0
        case .voteReply(let isPre, let isGranted):
            message.content_case = CHORD__V1__RAFT_MESSAGE__CONTENT_VOTE_REPLY
            message.vote_reply = self.message(chord__v1__raft_vote_reply__init)
            message.vote_reply.pointee.pre = isPre ? 1 : 0
            message.vote_reply.pointee.granted = isGranted ? 1 : 0
        case .append(let entries):
            message.content_case = CHORD__V1__RAFT_MESSAGE__CONTENT_APPEND
            message.append = append(entries)
        case .appendAccepted(let index):
            message.content_case = CHORD__V1__RAFT_MESSAGE__CONTENT_APPEND_REPLY
            message.append_reply = self.message(chord__v1__raft_append_reply__init)
            message.append_reply.pointee.index = index
        case .appendRejected(let previous, let hint):
            message.content_case = CHORD__V1__RAFT_MESSAGE__CONTENT_APPEND_REPLY
            message.append_reply = self.message(chord__v1__raft_append_reply__init)
            message.append_reply.pointee.rejected = 1
            message.append_reply.pointee.index = previous
            message.append_reply.pointee.hint_index = hint.index
            message.append_reply.pointee.hint_term = hint.term
        case .snapshot(let position, let members):
            message.content_case = CHORD__V1__RAFT_MESSAGE__CONTENT_SNAPSHOT
            message.snapshot = self.message(chord__v1__raft_snapshot__init)
            message.snapshot.pointee.index = position.index
            message.snapshot.pointee.snapshot_term = position.term
            message.snapshot.pointee.configuration = configuration(members)
        case .timeoutNow:
            message.content_case = CHORD__V1__RAFT_MESSAGE__CONTENT_TIMEOUT_NOW
            message.timeout_now = self.message(chord__v1__raft_timeout_now__init)
        case .quiet(let position):
            message.content_case = CHORD__V1__RAFT_MESSAGE__CONTENT_QUIET
            message.quiet = self.message(chord__v1__raft_quiet__init)
            message.quiet.pointee.index = position.index
            message.quiet.pointee.entry_term = position.term
        case .quietReply(let index):
            message.content_case = CHORD__V1__RAFT_MESSAGE__CONTENT_QUIET_REPLY
            message.quiet_reply = self.message(chord__v1__raft_quiet_reply__init)
            message.quiet_reply.pointee.index = index
        case .wake:
            message.content_case = CHORD__V1__RAFT_MESSAGE__CONTENT_WAKE
            message.wake = self.message(chord__v1__raft_wake__init)
        case .newerTerm:
            message.content_case = CHORD__V1__RAFT_MESSAGE__CONTENT_NEWER_TERM
            message.newer_term = self.message(chord__v1__raft_newer_term__init)
        }
    }

    mutating func heartbeat(
        _ heartbeat: WireRaftHeartbeat,
        _ space: IdentifierSpace
    ) -> UnsafeMutablePointer<Chord__V1__RaftHeartbeat> {
        let message = message(chord__v1__raft_heartbeat__init)
        message.pointee.range = bits(heartbeat.range)
        message.pointee.from = heartbeat.from
        message.pointee.to = heartbeat.to
        message.pointee.term = heartbeat.term
        message.pointee.round = heartbeat.round
        message.pointee.commit = heartbeat.commit
        message.pointee.acknowledged = heartbeat.acknowledged
        message.pointee.descriptor = heartbeat.descriptor.map { descriptor($0, space) }
        return message
    }

    mutating func refusal(
        _ refusal: WireRaftRefusal
    ) -> UnsafeMutablePointer<Chord__V1__RaftRefusal> {
        let message = message(chord__v1__raft_refusal__init)
        message.pointee.range = bits(refusal.range)
        message.pointee.replica = refusal.replica
        switch refusal.reason {
        case .unknownReplica:
            message.pointee.kind = CHORD__V1__RAFT_REFUSAL_KIND__RAFT_REFUSAL_KIND_UNKNOWN_REPLICA
        case .removed(let next):
            message.pointee.kind = CHORD__V1__RAFT_REFUSAL_KIND__RAFT_REFUSAL_KIND_REMOVED
            message.pointee.next_replica = next
        case .unknownSender:
            message.pointee.kind = CHORD__V1__RAFT_REFUSAL_KIND__RAFT_REFUSAL_KIND_UNKNOWN_SENDER
        case .lost:
            message.pointee.kind = CHORD__V1__RAFT_REFUSAL_KIND__RAFT_REFUSAL_KIND_LOST
        case .waitsForSplit:
            message.pointee.kind =
                CHORD__V1__RAFT_REFUSAL_KIND__RAFT_REFUSAL_KIND_WAITS_FOR_SPLIT
        case .notLeader:
            message.pointee.kind = CHORD__V1__RAFT_REFUSAL_KIND__RAFT_REFUSAL_KIND_NOT_LEADER
        }
        return message
    }
}
