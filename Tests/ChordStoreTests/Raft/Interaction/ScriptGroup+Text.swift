// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

@testable import ChordStore

// How scripts show messages, directives and replicas.

extension ScriptGroup {
    static func isHeartbeat(_ message: RaftMessage) -> Bool {
        switch message.body {
        case .heartbeat, .heartbeatReply: true
        default: false
        }
    }

    static func text(of message: RaftMessage) -> String {
        "[\(message.from) -> \(message.to)] \(text(of: message.body)) (term \(message.term))"
    }

    private static func text(of body: RaftMessage.Body) -> String {
        switch body {
        case .preVote(let last): "pre-vote? log ends at \(last)"
        case .preVoteReply(let isGranted): isGranted ? "pre-vote" : "no pre-vote"
        case .vote(let last, let isTransfer):
            "vote? log ends at \(last)" + (isTransfer ? ", transfer" : "")
        case .voteReply(let isGranted): isGranted ? "vote" : "no vote"
        case .append(let append):
            "append after \(append.previous)" + text(of: append.entries)
                + ", commit \(append.commit)"
        case .appendAccepted(let index): "accepted \(index)"
        case .appendRejected(let rejection):
            "rejected after \(rejection.previous), perhaps \(rejection.hint)"
        case .heartbeat(let round, let commit, let acknowledged):
            "heartbeat round \(round), commit \(commit), acknowledged \(acknowledged)"
        case .heartbeatReply(let round): "heard round \(round)"
        case .snapshot(let snapshot): "snapshot at \(snapshot)"
        case .timeoutNow: "campaign now"
        case .quiet(let position): "rest at \(position)?"
        case .quietReply(let index): "resting at \(index)"
        case .wake: "wake"
        case .newerTerm: "there is a newer term"
        }
    }

    private static func text(of entries: [LogEntry]) -> String {
        entries.isEmpty ? "" : ":" + list(entries)
    }

    private static func list(_ entries: [LogEntry]) -> String {
        " " + entries.map(text(of:)).joined(separator: ", ")
    }

    private static func text(of entry: LogEntry) -> String {
        let place = "\(entry.index)@\(entry.term)"
        switch entry.kind {
        case .empty: return place
        case .normal: return "\(place) \(String(decoding: entry.payload, as: UTF8.self))"
        case .configuration:
            let configuration = try? RaftConfiguration(encoded: entry.payload)
            return "\(place) \(configuration?.description ?? "?")"
        }
    }

    static func text(of directive: RaftDirective) -> String? {
        switch directive {
        case .persist(let persistence):
            let state = persistence.hardState
            let parts: [String?] = [
                "term \(state.term)",
                state.vote.map { "vote \($0)" },
                persistence.reset.map { "new log after \($0)" },
                persistence.truncateAfter.map { "truncated after \($0)" },
                persistence.entries.isEmpty ? nil : "entries\(list(persistence.entries))",
            ]
            return "writes \(persistence.token): "
                + parts.compactMap(\.self).joined(separator: ", ")
        case .apply(let entries): return "applies\(list(entries))"
        case .readsReady(let reads, let index):
            return "answers reads \(reads.map(String.init).joined(separator: " ")) at \(index)"
        case .readsFailed(let reads):
            return "fails reads \(reads.map(String.init).joined(separator: " "))"
        case .statusChanged(let status):
            let leader = status.role != .leader ? status.leader.map { " of \($0)" } : nil
            return "is \(status.role)\(leader ?? "") in term \(status.term)"
        case .configurationChanged(let configuration): return "has configuration \(configuration)"
        case .needsSnapshot(let replica): return "makes a snapshot for \(replica)"
        case .installSnapshot(let snapshot, _): return "installs a snapshot at \(snapshot.position)"
        case .transferAborted(let target): return "gives up the transfer to \(target)"
        case .quietChanged(let isQuiet): return isQuiet ? "rests" : "wakes"
        case .halted(let reason): return "halts: \(reason)"
        case .send: return nil
        }
    }

    /// `1 leader term 2 log 1@1 | 1 2 2 commit 3 applied 3`: what the log follows, and the terms in it.
    func show(_ number: UInt64) -> String {
        guard let machine = nodes[number]?.machine else { return "\(number) down" }
        if let halt = machine.halt { return "\(number) halted: \(halt)" }
        var terms: [String] = []
        var index = machine.base.index
        while index < machine.last.index {
            index = index.successor
            terms.append(machine.term(at: index)?.description ?? "?")
        }
        return "\(number) \(machine.role) term \(machine.term) log \(machine.base) |"
            + terms.map { " \($0)" }.joined()
            + " commit \(machine.commit) applied \(machine.applied)"
            + " \(machine.configuration)" + (machine.isQuiet ? " resting" : "")
    }
}
