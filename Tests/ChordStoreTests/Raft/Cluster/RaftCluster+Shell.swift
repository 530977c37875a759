// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordStore

// What a shell does: it tells the machine time and results, and carries out its directives.

extension RaftCluster {
    func number(_ place: Int) -> ReplicaNumber { ReplicaNumber(UInt64(place + 1)) }

    mutating func schedule(_ event: Event, at place: Int, after delay: Int64) {
        queue.add(.node(place, life: nodes[place].life, event), at: now + delay)
    }

    /// Gives a replica an input, carries out what it directs, and checks what has become of it.
    mutating func perform(
        at place: Int,
        data: AppliedState? = nil,
        _ input: (inout RaftMachine) throws -> Void
    ) throws {
        guard nodes[place].machine != nil else { return }
        let clock = nodes[place].clock(now)
        nodes[place].machine?.advance(to: clock)
        do {
            if nodes[place].machine != nil { try input(&nodes[place].machine!) }
        } catch is RaftRefusal {
            // A refused input changes nothing; the directives of the time that passed remain.
        }
        let directives = nodes[place].machine?.takeDirectives() ?? []
        for directive in directives { try carryOut(directive, at: place, data: data) }
        try check(place)
        setTimer(place)
    }

    private mutating func setTimer(_ place: Int) {
        guard let deadline = nodes[place].machine?.nextDeadline else { return }
        let time = max(now + 1, nodes[place].time(deadline))
        if let timer = nodes[place].timer, timer <= time { return }
        nodes[place].timer = time
        schedule(.timer, at: place, after: time - now)
    }

    mutating func handle(_ event: Event, at place: Int) throws {
        switch event {
        case .deliver(let message, let data):
            try perform(at: place, data: data) { try $0.step(message, from: message.from) }
        case .timer:
            nodes[place].timer = nil
            try perform(at: place) { _ in }
        case .resume: break
        case .written:
            let write = nodes[place].writes.removeFirst()
            nodes[place].disk.write(write)
            try perform(at: place) { $0.persisted(write.token) }
        case .applied(let entries): try apply(entries, at: place)
        case .stateSynced: try syncState(place)
        case .snapshotMade(let replica):
            try perform(at: place) { [index = nodes[place].state.index] machine in
                try machine.sendSnapshot(to: replica, at: index)
            }
        case .snapshotStreamed(let replica, let isComplete):
            try perform(at: place) { $0.snapshotSent(to: replica, isComplete: isComplete) }
        case .snapshotReceived(let snapshot): try install(snapshot, at: place)
        case .leaseRowRead(let read, let floor):
            guard nodes[place].state.index >= read.index else {
                schedule(event, at: place, after: 500)
                return
            }
            let seen = nodes[place].state.index
            let pause: Int64 =
                generator.chance(perMille: 100) ? generator.integer(in: 0...200_000) : 50
            schedule(.leaseChecked(read, floor: floor, seen: seen), at: place, after: pause)
        case .leaseChecked(let read, let floor, let seen):
            guard let machine = nodes[place].machine,
                machine.leaseHolds(at: nodes[place].clock(now), for: read)
            else { return }
            try checks.leaseRead(seen: seen, floor: floor)
        }
    }

    /// A stopped process goes on: first it sees the time, then what has reached it meanwhile. A client may come before
    /// that. A computer that was suspended may find its connections gone, and what they carried.
    mutating func resume(_ place: Int) throws {
        guard nodes[place].isPaused else { return }
        nodes[place].isPaused = false
        let wasSuspended = nodes[place].suspendedSince != nil
        nodes[place].endSuspension(at: now)
        try perform(at: place) { _ in }
        if generator.chance(perMille: 500) { try readByLease(place) }
        var backlog = nodes[place].backlog
        nodes[place].backlog = []
        if wasSuspended, generator.chance(perMille: 500) {
            backlog.removeAll { if case .deliver(_, nil) = $0 { true } else { false } }
        }
        for event in backlog where nodes[place].machine != nil { try handle(event, at: place) }
    }

    // MARK: Directives

    private mutating func carryOut(
        _ directive: RaftDirective,
        at place: Int,
        data: AppliedState?
    ) throws {
        switch directive {
        case .persist(let persistence):
            try checks.written(persistence, by: nodes[place].machine)
            let time =
                !isHealed && generator.chance(perMille: options.slowWrites)
                ? options.slowWriteTime : options.writeTime
            let done = max(nodes[place].writesDone, now + generator.integer(in: time))
            nodes[place].writes.append(persistence)
            nodes[place].writesDone = done
            schedule(.written, at: place, after: done - now)
        case .send(let message): try send(message, from: place)
        case .apply(let entries):
            let done = max(nodes[place].appliesDone, now + generator.integer(in: options.applyTime))
            nodes[place].appliesDone = done
            schedule(.applied(entries), at: place, after: done - now)
        case .readsReady(let reads, let index): try checks.ready(reads, at: index)
        case .readsFailed(let reads): checks.failed(reads)
        case .needsSnapshot(let replica):
            schedule(.snapshotMade(replica), at: place, after: generator.integer(in: 100...20_000))
        case .installSnapshot(let snapshot, _):
            nodes[place].incoming = data
            let done = max(nodes[place].appliesDone, now + generator.integer(in: 500...50_000))
            nodes[place].appliesDone = done
            schedule(.snapshotReceived(snapshot), at: place, after: done - now)
        case .halted(let reason):
            throw Violation(property: "halted", details: "replica \(place + 1): \(reason)")
        case .statusChanged, .configurationChanged, .transferAborted, .quietChanged: break
        }
    }

    private mutating func send(_ message: RaftMessage, from place: Int) throws {
        try checks.sent(message)
        let target = Int(message.to.number) - 1
        guard nodes.indices.contains(target) else { return }
        var isLost = !isHealed && generator.chance(perMille: options.loss)
        if blocked.contains([place, target]) || nodes[target].machine == nil { isLost = true }
        var data: AppliedState?
        if case .snapshot = message.body {
            data = nodes[place].state
            let delay: Int64 = generator.integer(in: 5000...80_000)
            let end = Event.snapshotStreamed(message.to, isComplete: !isLost)
            schedule(end, at: place, after: delay)
        }
        guard !isLost else { return }
        let copies = !isHealed && generator.chance(perMille: options.duplication) ? 2 : 1
        for _ in 0..<copies {
            let isStraggler = !isHealed && generator.chance(perMille: options.straggling)
            let range = isStraggler ? options.stragglerLatency : options.latency
            let arrival = now + generator.integer(in: range)
            queue.add(.node(target, life: 0, .deliver(message, data)), at: arrival)
        }
    }

    // MARK: State

    private mutating func apply(_ entries: [LogEntry], at place: Int) throws {
        for entry in entries {
            guard entry.index == nodes[place].state.index.successor else {
                throw Violation(
                    property: "order",
                    details: "\(place + 1) applies \(entry.index) at \(nodes[place].state.index)"
                )
            }
            try nodes[place].state.apply(entry)
            try checks.applied(nodes[place].state)
            if nodes[place].proposals[entry.index] == entry.term {
                checks.acknowledged = max(checks.acknowledged, entry.index)
            }
        }
        if generator.chance(perMille: 300) {
            schedule(.stateSynced, at: place, after: generator.integer(in: 100...10_000))
        }
        let index = nodes[place].state.index
        try perform(at: place) { $0.applied(through: index) }
    }

    private mutating func syncState(_ place: Int) throws {
        nodes[place].disk.state = nodes[place].state
        guard options.compacts, generator.chance(perMille: 300) else { return }
        let kept = Int(generator.below(6))
        let index = nodes[place].disk.state.index.number
        guard index > UInt64(kept) else { return }
        let compacted = LogIndex(index - UInt64(kept))
        nodes[place].disk.compact(through: compacted)
        try perform(at: place) { $0.compact(through: compacted) }
    }

    private mutating func install(_ snapshot: RaftSnapshot, at place: Int) throws {
        guard let data = nodes[place].incoming, data.snapshot == snapshot,
            !generator.chance(perMille: 100)
        else {
            try perform(at: place) { $0.snapshotAbandoned() }
            return
        }
        nodes[place].state = data
        nodes[place].disk.state = data
        try checks.applied(data)
        try perform(at: place) { $0.snapshotInstalled(snapshot) }
    }

    // MARK: Crashes

    mutating func start(_ place: Int) throws {
        guard nodes[place].machine == nil, !nodes[place].isRetired else { return }
        let disk = nodes[place].disk
        nodes[place].life += 1
        nodes[place].timer = nil
        nodes[place].isPaused = false
        nodes[place].endSuspension(at: now)
        nodes[place].backlog = []
        nodes[place].state = disk.state
        nodes[place].writesDone = now
        nodes[place].appliesDone = now
        nodes[place].seenLeading = nil
        nodes[place].heardSilent = []
        nodes[place].machine = try RaftMachine(
            number: number(place),
            restored: RaftMachine.Restored(
                hardState: disk.hardState,
                base: disk.base,
                entries: disk.entries,
                applied: disk.state.snapshot
            ),
            settings: options.settings,
            seed: generator.next(),
            now: nodes[place].clock(now)
        )
        try perform(at: place) { _ in }
    }

    /// Some of the writes under way are done, in their order; the rest is lost.
    mutating func crash(_ place: Int) {
        guard nodes[place].machine != nil else { return }
        let done = Int(generator.below(UInt64(nodes[place].writes.count + 1)))
        for write in nodes[place].writes.prefix(done) { nodes[place].disk.write(write) }
        nodes[place].machine = nil
        nodes[place].writes = []
        nodes[place].incoming = nil
        nodes[place].proposals = [:]
    }
}
