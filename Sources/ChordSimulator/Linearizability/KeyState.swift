// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// What a search assumes of one key at one moment.
struct KeyState: Hashable {
    /// The number of the value; nil if the key is absent.
    var value: Int?
    /// The version of the last write, or a bound below it.
    var version: UInt64 = 0
    /// Whether the version is known. The version of a write without an answer is only known to be above that
    /// of the write before it. Of an absent key nobody sees the version, so it counts as known.
    var isExact = true
    /// The earliest time at which the key may be gone because its time to live is over; nil if it has none.
    var mayBeGoneFrom: Int64?

    /// When the key may be gone at the earliest; a time after all others if it has no time to live.
    var end: Int64 { mayBeGoneFrom ?? .max }

    func equalsApartFromEnd(_ other: Self) -> Bool {
        value == other.value && version == other.version && isExact == other.isExact
    }

    /// Whether the key can be absent at a time at the latest. If it was present until now, its time to live has
    /// ended, and it stays absent.
    mutating func assumeAbsent(by time: Int64) -> Bool {
        if value == nil { return true }
        guard mayBeGone(by: time) else { return false }
        value = nil
        mayBeGoneFrom = nil
        // What was not known of the version is not needed any more: the next one is higher.
        isExact = true
        return true
    }

    func mayBeGone(by time: Int64) -> Bool {
        mayBeGoneFrom.map { $0 <= time } ?? false
    }

    /// Whether the key can have this version. If so, it is known from now on.
    mutating func assume(version: UInt64) -> Bool {
        if isExact { return version == self.version }
        guard version > self.version else { return false }
        self.version = version
        isExact = true
        return true
    }
}

/// One step of an operation, with numbers in place of keys and values.
struct CompiledStep: Hashable {
    enum Action: Hashable {
        case get
        case put(Int)
        case delete
        case touch
    }

    enum Observation: Hashable {
        case nothing
        case absent
        case row(value: Int?, version: UInt64?)
    }

    var key: Int
    var action: Action
    var condition: HistoryOperation.Condition
    var seen: Observation
    var mayBeGoneFrom: Int64?

    var writes: Bool {
        if case .get = action { false } else { true }
    }

    /// Whether the step gives its key a new version.
    var changesVersion: Bool {
        switch action {
        case .get, .touch: false
        case .put, .delete: true
        }
    }

    /// Whether the step can fail to fit a state. One that cannot says nothing about the state before it.
    var observes: Bool {
        if case .nothing = seen { return condition != .none }
        return true
    }

    /// Whether a state fits what the answer says. What becomes known by it is kept.
    func fits(_ state: inout KeyState, by time: Int64) -> Bool {
        switch seen {
        case .nothing: return true
        case .absent: return state.assumeAbsent(by: time)
        case .row(let value, let version):
            guard let present = state.value, value == nil || value == present else { return false }
            return version.map { state.assume(version: $0) } ?? true
        }
    }

    /// Whether the condition can hold. What must be so for it is kept.
    func canHold(_ state: inout KeyState, by time: Int64) -> Bool {
        switch condition {
        case .none: true
        case .absent: state.assumeAbsent(by: time)
        case .present: state.value != nil
        case .version(let version): state.value != nil && state.assume(version: version)
        }
    }

    /// Whether the condition can fail.
    func canFail(_ state: KeyState, by time: Int64) -> Bool {
        switch condition {
        case .none: false
        case .absent: state.value != nil
        case .present: state.value == nil || state.mayBeGone(by: time)
        case .version(let version):
            state.value == nil || !state.isExact || state.version != version
                || state.mayBeGone(by: time)
        }
    }
}

/// An operation in the form that the search uses.
struct CompiledOperation: Hashable {
    var steps: [CompiledStep]
    var outcome: HistoryOperation.Outcome
    /// The latest time at which it happened.
    var returned: Int64
    /// The keys that the operation writes.
    var written: [Int]

    /// The state after the operation; nil if the operation cannot happen in this state.
    func applied(to states: [KeyState]) -> [KeyState]? {
        var next = states
        for step in steps {
            guard step.fits(&next[step.key], by: returned) else { return nil }
        }
        var version: UInt64?
        switch outcome {
        case .conditionFailed:
            return steps.contains { $0.canFail(next[$0.key], by: returned) } ? next : nil
        case .applied(let known): version = known
        case .unknown: break
        }
        for step in steps {
            guard step.canHold(&next[step.key], by: returned) else { return nil }
        }
        // Versions grow, also over deletes.
        if let version {
            for step in steps where step.changesVersion && next[step.key].version >= version {
                return nil
            }
        }
        for step in steps {
            switch step.action {
            case .get: continue
            case .touch:
                if next[step.key].value != nil {
                    next[step.key].mayBeGoneFrom = step.mayBeGoneFrom
                }
                continue
            case .put(let value): next[step.key].value = value
            case .delete: next[step.key].value = nil
            }
            next[step.key].mayBeGoneFrom = step.mayBeGoneFrom
            next[step.key].isExact = version != nil || next[step.key].value == nil
            if let version { next[step.key].version = version }
        }
        return next
    }

    /// Whether the operation, of which nobody knows whether it happened, would change what can follow. A time to live
    /// that ends later, or never, permits less than the one before.
    func mayMatter(from states: [KeyState], to next: [KeyState]) -> Bool {
        guard steps.count == 1, case .touch = steps[0].action else { return next != states }
        return next[0].end < states[0].end || !states[0].equalsApartFromEnd(next[0])
    }

    /// Whether the operation says something about a key that `other` writes, or, if `other` writes several
    /// keys, at least writes one of them.
    func depends(on other: CompiledOperation) -> Bool {
        steps.contains { step in
            (step.observes || other.written.count > 1) && other.written.contains(step.key)
        }
    }
}
