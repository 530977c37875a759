// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
internal import ChordCore

// MARK: - Decoding

extension WireReplicaProgress {
    init(_ packed: Chord__V1__ReplicaProgress) throws(WireError) {
        number = try packed.number.counted(.field("number"))
        acknowledged = try packed.acknowledged.checked(.field("acknowledged"))
        silence = try packed.silent_ms.milliseconds(.field("silent_ms"))
    }
}

extension WireRangeIssue.Kind: WireEnumeration {
    var packed: Chord__V1__RangeIssueKind {
        switch self {
        case .fewMembers: CHORD__V1__RANGE_ISSUE_KIND__RANGE_ISSUE_KIND_FEW_MEMBERS
        case .silentReplica: CHORD__V1__RANGE_ISSUE_KIND__RANGE_ISSUE_KIND_SILENT_REPLICA
        case .catchingUp: CHORD__V1__RANGE_ISSUE_KIND__RANGE_ISSUE_KIND_CATCHING_UP
        case .noLeader: CHORD__V1__RANGE_ISSUE_KIND__RANGE_ISSUE_KIND_NO_LEADER
        case .replicaLost: CHORD__V1__RANGE_ISSUE_KIND__RANGE_ISSUE_KIND_REPLICA_LOST
        case .misplaced: CHORD__V1__RANGE_ISSUE_KIND__RANGE_ISSUE_KIND_MISPLACED
        }
    }
}

extension WireRangeIssue {
    init(_ packed: Chord__V1__RangeIssue) throws(WireError) {
        kind = try Kind(packed.kind, .field("kind"), "kind of issue")
        detail = try packed.detail.text(WireLimits.reasonBytes, .field("detail"))
    }
}

extension WireRangeMove.Kind: WireEnumeration {
    var packed: Chord__V1__RangeMoveKind {
        switch self {
        case .add: CHORD__V1__RANGE_MOVE_KIND__RANGE_MOVE_KIND_ADD
        case .exchange: CHORD__V1__RANGE_MOVE_KIND__RANGE_MOVE_KIND_EXCHANGE
        case .remove: CHORD__V1__RANGE_MOVE_KIND__RANGE_MOVE_KIND_REMOVE
        case .transferLeadership:
            CHORD__V1__RANGE_MOVE_KIND__RANGE_MOVE_KIND_TRANSFER_LEADERSHIP
        case .split: CHORD__V1__RANGE_MOVE_KIND__RANGE_MOVE_KIND_SPLIT
        }
    }
}

extension WireRangeMove {
    init(_ packed: Chord__V1__RangeMove) throws(WireError) {
        kind = try Kind(packed.kind, .field("kind"), "kind of move")
        node = try packed.node.text(0...WireLimits.nameBytes.upperBound, .field("node"))
        sentBytes = try packed.sent_bytes.checked(.field("sent_bytes"))
        totalBytes = try packed.total_bytes.checked(.field("total_bytes"))
    }
}

extension WireStoreState: WireEnumeration {
    var packed: Chord__V1__StoreState {
        switch self {
        case .starting: CHORD__V1__STORE_STATE__STORE_STATE_STARTING
        case .serving: CHORD__V1__STORE_STATE__STORE_STATE_SERVING
        case .full: CHORD__V1__STORE_STATE__STORE_STATE_FULL
        case .draining: CHORD__V1__STORE_STATE__STORE_STATE_DRAINING
        case .leaving: CHORD__V1__STORE_STATE__STORE_STATE_LEAVING
        case .failed: CHORD__V1__STORE_STATE__STORE_STATE_FAILED
        }
    }
}

extension WireRangeStatus {
    init(_ packed: Chord__V1__RangeStatus, _ space: IdentifierSpace) throws(WireError) {
        descriptor = try packed.range.value(.field("range")) { range throws(WireError) in
            try WireRangeDescriptor(range, space)
        }
        replica = try packed.replica.counted(.field("replica"))
        leader = try packed.leader.ifSet(.field("leader"))
        term = try packed.term.checked(.field("term"))
        commit = try packed.commit.checked(.field("commit"))
        applied = try packed.applied.checked(.field("applied"))
        rows = try packed.rows.checked(.field("rows"))
        bytes = try packed.bytes.checked(.field("bytes"))
        lag = try packed.lag.value(.field("lag"), WireReplicaLag.init)
        isQuiet = packed.quiet != 0
        progress = try packed.progress.list(
            count: packed.n_progress,
            of: 0...WireLimits.rangeReplicas.upperBound,
            "replicas",
            .field("progress"),
            WireReplicaProgress.init
        )
        issues = try packed.issues.list(
            count: packed.n_issues,
            of: 0...WireLimits.rangeIssues,
            "issues",
            .field("issues"),
            WireRangeIssue.init
        )
        move = try packed.move.ifPresent(.field("move"), WireRangeMove.init)
    }
}

// MARK: - Encoding

extension EncodingArena {
    private mutating func progress(
        _ progress: WireReplicaProgress
    ) -> UnsafeMutablePointer<Chord__V1__ReplicaProgress> {
        let message = message(chord__v1__replica_progress__init)
        message.pointee.number = progress.number
        message.pointee.acknowledged = progress.acknowledged
        message.pointee.silent_ms = progress.silence.wireMilliseconds
        return message
    }

    private mutating func issue(
        _ issue: WireRangeIssue
    ) -> UnsafeMutablePointer<Chord__V1__RangeIssue> {
        let message = message(chord__v1__range_issue__init)
        message.pointee.kind = issue.kind.packed
        message.pointee.detail = text(issue.detail.cut(toBytes: WireLimits.reasonBytes.upperBound))
        return message
    }

    private mutating func move(
        _ move: WireRangeMove
    ) -> UnsafeMutablePointer<Chord__V1__RangeMove> {
        let message = message(chord__v1__range_move__init)
        message.pointee.kind = move.kind.packed
        message.pointee.node = text(move.node)
        message.pointee.sent_bytes = move.sentBytes
        message.pointee.total_bytes = move.totalBytes
        return message
    }

    mutating func status(
        _ status: WireRangeStatus,
        _ space: IdentifierSpace
    ) -> UnsafeMutablePointer<Chord__V1__RangeStatus> {
        let message = message(chord__v1__range_status__init)
        message.pointee.range = descriptor(status.descriptor, space)
        message.pointee.replica = status.replica
        message.pointee.leader = status.leader ?? 0
        message.pointee.term = status.term
        message.pointee.commit = status.commit
        message.pointee.applied = status.applied
        message.pointee.rows = status.rows
        message.pointee.bytes = status.bytes
        message.pointee.lag = lag(status.lag)
        message.pointee.quiet = status.isQuiet ? 1 : 0
        (message.pointee.n_progress, message.pointee.progress) = messages(
            status.progress.prefix(WireLimits.rangeReplicas.upperBound)
        ) { $0.progress($1) }
        (message.pointee.n_issues, message.pointee.issues) = messages(
            status.issues.prefix(WireLimits.rangeIssues)
        ) { $0.issue($1) }
        message.pointee.move = status.move.map { move($0) }
        return message
    }
}
