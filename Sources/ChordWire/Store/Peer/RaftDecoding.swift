// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
internal import CProtobufC
internal import ChordCore

extension WireRaftEntry.Kind: WireEnumeration {
    var packed: Chord__V1__RaftEntryKind {
        switch self {
        case .normal: CHORD__V1__RAFT_ENTRY_KIND__RAFT_ENTRY_KIND_NORMAL
        case .empty: CHORD__V1__RAFT_ENTRY_KIND__RAFT_ENTRY_KIND_EMPTY
        case .configuration: CHORD__V1__RAFT_ENTRY_KIND__RAFT_ENTRY_KIND_CONFIGURATION
        }
    }
}

extension WireRaftEntry {
    init(_ packed: Chord__V1__RaftEntry) throws(WireError) {
        term = try packed.term.counted(.field("term"))
        kind = try Kind(packed.kind, .field("kind"), "kind of entry")
        payload = try packed.payload.bytes(WireLimits.entryBytes, .field("payload"))
        if kind == .empty, !payload.isEmpty {
            throw FieldPath.field("payload").error(
                .contradictory,
                "\(payload.count) bytes in an empty entry"
            )
        }
    }
}

extension WireRaftConfiguration {
    init(_ packed: Chord__V1__RaftConfiguration) throws(WireError) {
        voters = try packed.voters.replicas(count: packed.n_voters, .field("voters"))
        outgoing = try packed.outgoing.replicas(count: packed.n_outgoing, .field("outgoing"))
        learners = try packed.learners.replicas(count: packed.n_learners, .field("learners"))
        guard !voters.isEmpty else {
            throw FieldPath.field("voters").error(.missing, "empty")
        }
    }
}

extension Optional where Wrapped == UnsafeMutablePointer<UInt64> {
    /// Replica numbers, each other than the rest.
    fileprivate func replicas(count: Int, _ path: FieldPath) throws(WireError) -> [UInt64] {
        let limit = WireLimits.rangeReplicas.upperBound
        try path.check(count, in: 0...limit, "replicas")
        var numbers: [UInt64] = []
        for index in 0..<count {
            let number = try self![index].counted(path.element(index))
            guard !numbers.contains(number) else {
                throw path.element(index).error(.contradictory, "\(number) is there twice")
            }
            numbers.append(number)
        }
        return numbers
    }
}

extension WireRaftAppend {
    init(_ packed: Chord__V1__RaftAppend) throws(WireError) {
        previous = WireLogPosition(
            index: try packed.previous_index.checked(.field("previous_index")),
            term: try packed.previous_term.checked(.field("previous_term"))
        )
        entries = try packed.entries.list(
            count: packed.n_entries,
            of: 0...WireLimits.raftEntries,
            "entries",
            .field("entries"),
            WireRaftEntry.init
        )
        commit = try packed.commit.checked(.field("commit"))
        acknowledged = try packed.acknowledged.checked(.field("acknowledged"))
        let last = previous.index + UInt64(entries.count)
        guard last <= WireLimits.counter.upperBound else {
            throw FieldPath.field("entries").error(
                .outOfBounds,
                "the last has index \(last), at most \(WireLimits.counter.upperBound)"
            )
        }
    }
}

extension WireRaftMessage {
    init(_ packed: Chord__V1__RaftMessage, _ space: IdentifierSpace) throws(WireError) {
        range = try packed.range.bits(.field("range"))
        from = try packed.from.counted(.field("from"))
        to = try packed.to.counted(.field("to"))
        term = try packed.term.checked(.field("term"))
        descriptor = try packed.descriptor.ifPresent(.field("descriptor")) {
            descriptor throws(WireError) in
            try WireRangeDescriptor(descriptor, space)
        }
        content = try packed.decodedContent()
        if let descriptor, descriptor.range != range {
            throw FieldPath.field("descriptor").error(.contradictory, "of another range")
        }
    }
}

extension Chord__V1__RaftMessage {
    fileprivate func decodedContent() throws(WireError) -> WireRaftMessage.Content {
        switch content_case {
        case CHORD__V1__RAFT_MESSAGE__CONTENT_VOTE:
            return try vote.value(.field("vote")) { vote throws(WireError) in
                guard vote.pre == 0 || vote.transfer == 0 else {
                    throw FieldPath.field("transfer").error(.contradictory, "in a pre-vote")
                }
                return .vote(
                    last: WireLogPosition(
                        index: try vote.last_index.checked(.field("last_index")),
                        term: try vote.last_term.checked(.field("last_term"))
                    ),
                    isPre: vote.pre != 0,
                    isTransfer: vote.transfer != 0
                )
            }
        case CHORD__V1__RAFT_MESSAGE__CONTENT_VOTE_REPLY:
            return try vote_reply.value(.field("vote_reply")) { reply throws(WireError) in
                .voteReply(isPre: reply.pre != 0, isGranted: reply.granted != 0)
            }
        case CHORD__V1__RAFT_MESSAGE__CONTENT_APPEND:
            return .append(try append.value(.field("append"), WireRaftAppend.init))
        case CHORD__V1__RAFT_MESSAGE__CONTENT_APPEND_REPLY:
            return try append_reply.value(.field("append_reply")) { reply throws(WireError) in
                let index = try reply.index.checked(.field("index"))
                guard reply.rejected != 0 else { return .appendAccepted(index) }
                return .appendRejected(
                    previous: index,
                    hint: WireLogPosition(
                        index: try reply.hint_index.checked(.field("hint_index")),
                        term: try reply.hint_term.checked(.field("hint_term"))
                    )
                )
            }
        case CHORD__V1__RAFT_MESSAGE__CONTENT_SNAPSHOT:
            return try snapshot.value(.field("snapshot")) { snapshot throws(WireError) in
                .snapshot(
                    WireLogPosition(
                        index: try snapshot.index.counted(.field("index")),
                        term: try snapshot.snapshot_term.counted(.field("snapshot_term"))
                    ),
                    try snapshot.configuration.value(
                        .field("configuration"),
                        WireRaftConfiguration.init
                    )
                )
            }
        case CHORD__V1__RAFT_MESSAGE__CONTENT_TIMEOUT_NOW: return .timeoutNow
        case CHORD__V1__RAFT_MESSAGE__CONTENT_QUIET:
            return try quiet.value(.field("quiet")) { quiet throws(WireError) in
                .quiet(
                    WireLogPosition(
                        index: try quiet.index.checked(.field("index")),
                        term: try quiet.entry_term.checked(.field("entry_term"))
                    )
                )
            }
        case CHORD__V1__RAFT_MESSAGE__CONTENT_QUIET_REPLY:
            return try quiet_reply.value(.field("quiet_reply")) { reply throws(WireError) in
                .quietReply(try reply.index.checked(.field("index")))
            }
        case CHORD__V1__RAFT_MESSAGE__CONTENT_WAKE: return .wake
        case CHORD__V1__RAFT_MESSAGE__CONTENT_NEWER_TERM: return .newerTerm
        default: throw FieldPath.field("content").error(.malformed, "of an unknown kind")
        }
    }
}

extension WireRaftHeartbeat {
    init(_ packed: Chord__V1__RaftHeartbeat, _ space: IdentifierSpace) throws(WireError) {
        range = try packed.range.bits(.field("range"))
        from = try packed.from.counted(.field("from"))
        to = try packed.to.counted(.field("to"))
        term = try packed.term.checked(.field("term"))
        round = try packed.round.checked(.field("round"))
        commit = try packed.commit.checked(.field("commit"))
        acknowledged = try packed.acknowledged.checked(.field("acknowledged"))
        descriptor = try packed.descriptor.ifPresent(.field("descriptor")) {
            descriptor throws(WireError) in
            try WireRangeDescriptor(descriptor, space)
        }
        guard commit <= acknowledged else {
            throw FieldPath.field("commit").error(
                .contradictory,
                "\(commit), and the receiver has acknowledged \(acknowledged)"
            )
        }
    }
}

extension WireRaftRefusal {
    init(_ packed: Chord__V1__RaftRefusal) throws(WireError) {
        range = try packed.range.bits(.field("range"))
        replica = try packed.replica.counted(.field("replica"))
        switch packed.kind {
        case CHORD__V1__RAFT_REFUSAL_KIND__RAFT_REFUSAL_KIND_REMOVED:
            reason = .removed(nextReplica: try packed.next_replica.counted(.field("next_replica")))
        case CHORD__V1__RAFT_REFUSAL_KIND__RAFT_REFUSAL_KIND_UNKNOWN_SENDER:
            reason = .unknownSender
        case CHORD__V1__RAFT_REFUSAL_KIND__RAFT_REFUSAL_KIND_LOST: reason = .lost
        case CHORD__V1__RAFT_REFUSAL_KIND__RAFT_REFUSAL_KIND_WAITS_FOR_SPLIT:
            reason = .waitsForSplit
        case CHORD__V1__RAFT_REFUSAL_KIND__RAFT_REFUSAL_KIND_NOT_LEADER: reason = .notLeader
        case CHORD__V1__RAFT_REFUSAL_KIND__RAFT_REFUSAL_KIND_UNSPECIFIED:
            throw FieldPath.field("kind").error(.missing, "absent")
        // A refusal of a later version refuses too; nothing else follows from it here.
        default: reason = .unknownReplica
        }
    }
}
