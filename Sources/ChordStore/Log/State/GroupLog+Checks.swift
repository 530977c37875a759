// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

extension GroupLog {
    /// Why an update does not fit what the group holds; nil where it does.
    func problem(with update: GroupUpdate) -> String? {
        if let next = update.removal {
            return update == GroupUpdate(update.range, removal: next)
                ? nil : "a removal excludes other changes of the group"
        }
        if let problem = update.hardState.flatMap({ problem(with: $0) }) { return problem }
        var (base, last) = (compactedThrough, last)
        if let position = update.reset {
            if let problem = contradiction(with: position) { return problem }
            (base, last) = (position, position)
        }
        if let index = update.truncateAfter {
            guard index >= base.index else {
                return "entries after \(index) cannot be removed: those up to \(base.index) are "
                    + "compacted"
            }
            if index < last.index {
                guard let term = term(at: index) else { return "entry \(index) is missing" }
                last = LogPosition(index: index, term: term)
            }
        }
        if let position = update.compactThrough {
            if let problem = problem(with: position, base, last) { return problem }
        }
        return Self.problem(with: update.entries, after: last)
    }

    /// A replica that forgets its term or its vote can elect two leaders of one term.
    func problem(with new: HardState) -> String? {
        guard new.term.isPlausible, new.commit.isPlausible else {
            return "term \(new.term) or commit \(new.commit) is out of range"
        }
        guard let old = hardState?.value else { return nil }
        guard new.term >= old.term else { return "term \(new.term) follows term \(old.term)" }
        if new.term == old.term, let vote = old.vote, new.vote != vote {
            let other = new.vote.map { "\($0)" } ?? "nobody"
            return "the vote of term \(old.term) changes from \(vote) to \(other)"
        }
        return nil
    }

    private func problem(
        with position: LogPosition,
        _ base: LogPosition,
        _ last: LogPosition
    ) -> String? {
        if let problem = contradiction(with: position, mayBeOld: true) { return problem }
        guard position.index > base.index else { return nil }
        guard position.index <= last.index else {
            return "compaction through \(position.index), but the last entry is \(last.index); an "
                + "installed snapshot is a reset"
        }
        guard let term = term(at: position.index), term == position.term else {
            return "compaction through \(position), but the entry there has another term"
        }
        return nil
    }

    /// Why a compacted place contradicts the former one.
    func contradiction(with position: LogPosition, mayBeOld: Bool = false) -> String? {
        guard position.isPlausible else {
            return "index or term of \(position) is out of range"
        }
        let former = compactedThrough
        if position.index == former.index, position.term != former.term {
            return "compaction through \(position), but through \(former) before"
        }
        if position.index < former.index, !mayBeOld {
            return "compaction through \(position) follows that through \(former)"
        }
        return nil
    }

    private static func problem(with entries: [LogEntry], after last: LogPosition) -> String? {
        var last = last
        for entry in entries {
            guard entry.index.isPlausible, entry.term.isPlausible else {
                return "index \(entry.index) or term \(entry.term) is out of range"
            }
            guard entry.index == last.index.successor else {
                return "entry \(entry.index) does not follow \(last.index)"
            }
            guard entry.term >= last.term else {
                return "entry \(entry.index) has term \(entry.term), but the one before "
                    + "has term \(last.term)"
            }
            last = LogPosition(index: entry.index, term: entry.term)
        }
        return nil
    }
}
