// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordBase
package import ChordWire

// Messages of the Raft core as values of the wire, and back. Heartbeats and their answers travel apart from the
// other messages, because a call carries those of many groups.

/// A message of the Raft core as it travels.
package enum RaftWireMessage: Hashable, Sendable {
    case message(WireRaftMessage)
    case heartbeat(WireRaftHeartbeat)
    case heartbeatReply(WireRaftHeartbeat)
}

extension RaftMessage {
    /// The message of a group as it travels.
    ///
    /// - Parameters:
    ///   - range: the group's range.
    ///   - descriptor: set until the receiver has answered, because its replica is created by it.
    package func wire(
        of range: RangeID,
        creating descriptor: WireRangeDescriptor? = nil
    ) -> RaftWireMessage {
        let content: WireRaftMessage.Content
        switch body {
        case .preVote(let last):
            content = .vote(last: WireLogPosition(last), isPre: true, isTransfer: false)
        case .vote(let last, let isTransfer):
            content = .vote(last: WireLogPosition(last), isPre: false, isTransfer: isTransfer)
        case .preVoteReply(let isGranted):
            content = .voteReply(isPre: true, isGranted: isGranted)
        case .voteReply(let isGranted): content = .voteReply(isPre: false, isGranted: isGranted)
        case .append(let append): content = .append(WireRaftAppend(append))
        case .appendAccepted(let index): content = .appendAccepted(index.number)
        case .appendRejected(let rejection):
            content = .appendRejected(
                previous: rejection.previous.number,
                hint: WireLogPosition(rejection.hint)
            )
        case .heartbeat(let round, let commit, let acknowledged):
            return .heartbeat(
                heartbeat(
                    of: range,
                    round: round,
                    commit: commit.number,
                    acknowledged: acknowledged.number,
                    creating: descriptor
                )
            )
        case .heartbeatReply(let round):
            return .heartbeatReply(heartbeat(of: range, round: round))
        case .snapshot(let snapshot):
            content = .snapshot(
                WireLogPosition(snapshot.position),
                WireRaftConfiguration(snapshot.configuration)
            )
        case .timeoutNow: content = .timeoutNow
        case .quiet(let position): content = .quiet(WireLogPosition(position))
        case .quietReply(let index): content = .quietReply(index.number)
        case .wake: content = .wake
        case .newerTerm: content = .newerTerm
        }
        return .message(
            WireRaftMessage(
                range: range.bits.wire,
                from: from.number,
                to: to.number,
                term: term.number,
                content,
                descriptor: descriptor
            )
        )
    }

    private func heartbeat(
        of range: RangeID,
        round: UInt64,
        commit: UInt64 = 0,
        acknowledged: UInt64 = 0,
        creating descriptor: WireRangeDescriptor? = nil
    ) -> WireRaftHeartbeat {
        WireRaftHeartbeat(
            range: range.bits.wire,
            from: from.number,
            to: to.number,
            term: term.number,
            round: round,
            commit: commit,
            acknowledged: acknowledged,
            descriptor: descriptor
        )
    }

    /// Reads a message.
    ///
    /// - Throws: `invalidConfiguration` for a snapshot whose configuration no group can have.
    package init(_ message: WireRaftMessage) throws(StoreError) {
        self.init(
            from: ReplicaNumber(message.from),
            to: ReplicaNumber(message.to),
            term: Term(message.term),
            body: try Body(message.content)
        )
    }

    /// Reads a heartbeat.
    package init(heartbeat: WireRaftHeartbeat) {
        self.init(
            from: ReplicaNumber(heartbeat.from),
            to: ReplicaNumber(heartbeat.to),
            term: Term(heartbeat.term),
            body: .heartbeat(
                round: heartbeat.round,
                commit: LogIndex(heartbeat.commit),
                acknowledged: LogIndex(heartbeat.acknowledged)
            )
        )
    }

    /// Reads the answer to a heartbeat.
    package init(heartbeatReply reply: WireRaftHeartbeat) {
        self.init(
            from: ReplicaNumber(reply.from),
            to: ReplicaNumber(reply.to),
            term: Term(reply.term),
            body: .heartbeatReply(round: reply.round)
        )
    }
}

extension RaftMessage.Body {
    fileprivate init(_ content: WireRaftMessage.Content) throws(StoreError) {
        switch content {
        case .vote(let last, true, _): self = .preVote(LogPosition(last))
        case .vote(let last, false, let isTransfer):
            self = .vote(LogPosition(last), isTransfer: isTransfer)
        case .voteReply(true, let isGranted): self = .preVoteReply(isGranted: isGranted)
        case .voteReply(false, let isGranted): self = .voteReply(isGranted: isGranted)
        case .append(let append): self = .append(RaftAppend(append))
        case .appendAccepted(let index): self = .appendAccepted(LogIndex(index))
        case .appendRejected(let previous, let hint):
            self = .appendRejected(
                RaftRejection(previous: LogIndex(previous), hint: LogPosition(hint))
            )
        case .snapshot(let position, let configuration):
            self = .snapshot(
                RaftSnapshot(
                    index: LogIndex(position.index),
                    term: Term(position.term),
                    configuration: try RaftConfiguration(configuration)
                )
            )
        case .timeoutNow: self = .timeoutNow
        case .quiet(let position): self = .quiet(LogPosition(position))
        case .quietReply(let index): self = .quietReply(LogIndex(index))
        case .wake: self = .wake
        case .newerTerm: self = .newerTerm
        }
    }
}

// MARK: - Parts

extension RandomBits {
    /// The bits as one number.
    package var wire: UInt128 { UInt128(high) << 64 | UInt128(low) }

    package init(wire: UInt128) {
        self.init(
            high: UInt64(truncatingIfNeeded: wire >> 64),
            low: UInt64(truncatingIfNeeded: wire)
        )
    }
}

extension LogPosition {
    package init(_ wire: WireLogPosition) {
        self.init(index: LogIndex(wire.index), term: Term(wire.term))
    }
}

extension WireLogPosition {
    package init(_ position: LogPosition) {
        self.init(index: position.index.number, term: position.term.number)
    }
}

extension WireRaftAppend {
    fileprivate init(_ append: RaftAppend) {
        self.init(
            previous: WireLogPosition(append.previous),
            entries: append.entries.map { entry in
                let kind: WireRaftEntry.Kind =
                    switch entry.kind {
                    case .normal: .normal
                    case .empty: .empty
                    case .configuration: .configuration
                    }
                return WireRaftEntry(term: entry.term.number, kind: kind, payload: entry.payload)
            },
            commit: append.commit.number,
            acknowledged: append.acknowledged.number
        )
    }
}

extension RaftAppend {
    /// The index of each entry follows from its place. Decoding has checked that the last one is plausible.
    fileprivate init(_ wire: WireRaftAppend) {
        var index = LogIndex(wire.previous.index)
        self.init(
            previous: LogPosition(wire.previous),
            entries: wire.entries.map { entry in
                index = index.successor
                let kind: LogEntry.Kind =
                    switch entry.kind {
                    case .normal: .normal
                    case .empty: .empty
                    case .configuration: .configuration
                    }
                return LogEntry(
                    term: Term(entry.term),
                    index: index,
                    kind: kind,
                    payload: entry.payload
                )
            },
            commit: LogIndex(wire.commit),
            acknowledged: LogIndex(wire.acknowledged)
        )
    }
}

extension WireRaftConfiguration {
    package init(_ configuration: RaftConfiguration) {
        self.init(
            voters: configuration.voters.map(\.number),
            outgoing: configuration.outgoing.map(\.number),
            learners: configuration.learners.map(\.number)
        )
    }
}

extension RaftConfiguration {
    /// Reads a configuration.
    ///
    /// - Throws: `invalidConfiguration`.
    package init(_ wire: WireRaftConfiguration) throws(StoreError) {
        try self.init(
            checking: wire.voters.map { ReplicaNumber($0) },
            outgoing: wire.outgoing.map { ReplicaNumber($0) },
            learners: wire.learners.map { ReplicaNumber($0) }
        )
    }
}
