// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase

extension RaftMessage {
    /// What is wrong with a message, whatever the receiver's state; nil where it makes sense by itself.
    ///
    /// Every number that passes can be counted up by one and compared without overflow.
    var defect: String? {
        guard term.isPlausible else { return "the term \(term)" }
        switch body {
        case .preVote(let last), .vote(let last, _), .quiet(let last):
            return last.isPlausible ? nil : "the position \(last)"
        case .append(let append):
            return append.defect(term: term)
        case .appendAccepted(let index), .quietReply(let index):
            return index.isPlausible ? nil : "the index \(index)"
        case .appendRejected(let rejection):
            guard rejection.previous.isPlausible, rejection.hint.isPlausible else {
                return "the rejection's numbers"
            }
            return nil
        case .heartbeat(_, let commit, let acknowledged):
            guard commit <= acknowledged, acknowledged.isPlausible else {
                return "a heartbeat with commit \(commit) and acknowledged \(acknowledged)"
            }
            return nil
        case .snapshot(let snapshot):
            guard snapshot.position.isPlausible, snapshot.term <= term else {
                return "a snapshot at \(snapshot.position) in term \(term)"
            }
            guard snapshot.index > .zero, !snapshot.configuration.voters.isEmpty else {
                return "a snapshot of nothing"
            }
            return nil
        case .preVoteReply, .voteReply, .heartbeatReply, .timeoutNow, .wake, .newerTerm:
            return nil
        }
    }
}

extension RaftAppend {
    /// What is wrong with the entries of a leader of this term.
    fileprivate func defect(term: Term) -> String? {
        guard previous.isPlausible, commit.isPlausible, acknowledged.isPlausible else {
            return "an append with numbers out of range"
        }
        guard previous.index.adding(entries.count) != nil else { return "an append too long" }
        var last = previous
        for entry in entries {
            guard entry.index == last.index.successor else {
                return "entry \(entry.index) after entry \(last.index)"
            }
            guard entry.term >= last.term, entry.term <= term else {
                return "entry \(entry.index) of term \(entry.term) after term \(last.term)"
            }
            if entry.kind == .configuration {
                do {
                    _ = try RaftConfiguration(encoded: entry.payload)
                } catch {
                    return error.message
                }
            }
            last = LogPosition(index: entry.index, term: entry.term)
        }
        return nil
    }
}
