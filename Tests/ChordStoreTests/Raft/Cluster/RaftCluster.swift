// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordStore

/// A group of replicas under a virtual clock, from a seed: messages are lost, delayed, duplicated and
/// reordered, writes take their time, replicas crash and lose what was not durable, processes stop, clocks run
/// at different rates, the configuration changes. After every event the properties of Raft are checked
/// [Ongaro, figure 3.2], and that reads are linearizable. Then everything heals, and all must commit.
///
/// It uses only what a shell may use, so that mutants of the machine can be run under it.
struct RaftCluster {
    /// A property that does not hold.
    struct Violation: Error, CustomStringConvertible {
        var property: String
        var details: String
        var time: Int64 = 0

        var description: String { "\(property) at \(time) µs: \(details)" }
    }

    /// What a run is like; drawn from its seed.
    struct Options {
        var voters = 3
        var settings = RaftSettings.local
        /// In thousandths.
        var loss: UInt64 = 0
        var duplication: UInt64 = 0
        var straggling: UInt64 = 0
        var slowWrites: UInt64 = 0
        /// In microseconds.
        var latency: ClosedRange<Int64> = 500...4000
        var stragglerLatency: ClosedRange<Int64> = 20_000...300_000
        var writeTime: ClosedRange<Int64> = 200...4000
        var slowWriteTime: ClosedRange<Int64> = 20_000...150_000
        var applyTime: ClosedRange<Int64> = 100...3000
        var operationGap: ClosedRange<Int64> = 1000...15_000
        var faultGap: ClosedRange<Int64> = 50_000...500_000
        var changeGap: ClosedRange<Int64> = 30_000...400_000
        /// How long a replica is down, cut off or stopped.
        var outage: ClosedRange<Int64> = 1000...500_000
        /// How often, in thousandths, a replica fails right after it was elected; a third as often after it has
        /// taken a command or has come to a new term; twice as often after it has begun a transfer.
        var strikesLeaders: UInt64 = 0
        var transfersOften = false
        var changesConfiguration = true
        var compacts = true
    }

    enum Event {
        case deliver(RaftMessage, AppliedState?)
        case timer
        case written
        case applied([LogEntry])
        case stateSynced
        case snapshotMade(ReplicaNumber)
        case snapshotStreamed(ReplicaNumber, isComplete: Bool)
        case snapshotReceived(RaftSnapshot)
        /// A read by lease: the row is read, then the clock is looked at.
        case leaseRowRead(LeaseRead, floor: LogIndex)
        case leaseChecked(LeaseRead, floor: LogIndex, seen: LogIndex)
        case resume
    }

    enum Occurrence {
        /// Something reaches a replica in one of its lives; life 0 stands for any.
        case node(Int, life: Int, Event)
        case restart(Int)
        case operation
        case fault
        /// A replica fails at a sensitive moment.
        case strike(Int)
        case change
        case liveness
        case heal(from: Int, to: Int)
    }

    let options: Options
    var generator: SeededGenerator
    var queue = EventQueue<Occurrence>()
    var now: Int64 = 0
    var nodes: [ClusterNode] = []
    var isHealed = false
    /// Blocked links, from and to.
    var blocked: Set<[Int]> = []
    var checks = ClusterChecks()
    var nextCommand: UInt64 = 0
    var events = 0

    init(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        options = Options(using: &generator)
        self.generator = generator
        let voters = (1...UInt64(options.voters)).map { ReplicaNumber($0) }
        let birth = RaftSnapshot.birth(of: try RaftConfiguration(voters: voters))
        checks.maximumCommit = birth.index
        checks.committed[birth.index] = birth.term
        checks.states[birth.index] = AppliedState(snapshot: birth)
        for _ in voters { try addNode(AppliedState(snapshot: birth)) }
        for occurrence in [Occurrence.operation, .fault, .change, .liveness] {
            queue.add(occurrence, at: self.generator.integer(in: 0...50_000))
        }
    }

    mutating func addNode(_ state: AppliedState) throws {
        var disk = ClusterDisk(base: state.snapshot.position, state: state)
        disk.hardState = HardState(term: state.snapshot.term, commit: state.index)
        nodes.append(
            ClusterNode(
                disk: disk,
                state: state,
                clockDrift: generator.integer(in: -20...20),
                clockStart: generator.integer(in: 0...10_000_000)
            )
        )
        try start(nodes.count - 1)
    }

    // MARK: Running

    /// Runs through faults and healing.
    ///
    /// - Parameters:
    ///   - duration: how long there are faults, in virtual microseconds.
    /// - Returns: how many events there were, or the violation.
    static func run(seed: UInt64, duration: Int64 = 2_000_000) -> Result<RaftCluster, Violation> {
        do {
            var cluster = try RaftCluster(seed: seed)
            do {
                try cluster.run(until: duration)
                try cluster.heal()
                return .success(cluster)
            } catch var violation as Violation {
                violation.time = cluster.now
                return .failure(violation)
            }
        } catch {
            return .failure(Violation(property: "error", details: "\(error)"))
        }
    }

    mutating func run(until end: Int64) throws {
        while now < end, let (time, occurrence) = queue.next() {
            now = max(now, time)
            events += 1
            try occur(occurrence)
        }
    }

    private mutating func occur(_ occurrence: Occurrence) throws {
        switch occurrence {
        case .node(let place, let life, let event):
            let node = nodes[place]
            guard node.machine != nil, life == 0 || life == node.life else { return }
            if case .resume = event {
                try resume(place)
            } else if node.isPaused {
                nodes[place].backlog.append(event)
            } else {
                try handle(event, at: place)
            }
        case .restart(let place): try start(place)
        case .operation: try operate()
        case .fault: if !isHealed { try cause() }
        case .strike(let place): if !isHealed { strike(place) }
        case .change: if !isHealed { try changeMembership() }
        case .liveness: try tellLiveness()
        case .heal(let from, let to): blocked.remove([from, to])
        }
    }

    // MARK: Healing

    /// Everything works again: a leader must be found, and all must commit and apply the same.
    mutating func heal() throws {
        isHealed = true
        blocked = []
        for place in nodes.indices where !nodes[place].isRetired {
            if nodes[place].machine == nil {
                try start(place)
            } else {
                try resume(place)
            }
        }
        let limit = now + 8_000_000
        repeat {
            try run(until: now + 100_000)
            if isSettled { return }
        } while now < limit
        throw Violation(property: "liveness", details: describe())
    }

    /// Whether a leader has committed everything, and all members have applied it.
    private var isSettled: Bool {
        guard
            let leader = nodes.compactMap(\.machine).filter({ $0.role == .leader })
                .max(by: { $0.term < $1.term })
        else { return false }
        guard leader.commit == leader.last.index, checks.committedAfterHealing > 0,
            !leader.configuration.isJoint
        else { return false }
        return leader.configuration.members.allSatisfy { member in
            let node = nodes[Int(member.number) - 1]
            return node.machine?.commit == leader.commit && node.state.index == leader.commit
                && (options.settings.quietAfter == nil || node.machine?.isQuiet == true
                    || !leader.configuration.isVoter(member))
        }
    }

    func describe() -> String {
        nodes.enumerated().map { place, node in
            guard let machine = node.machine else { return "\(place + 1) down" }
            return "\(place + 1) \(machine.status.role) term \(machine.term) last \(machine.last) "
                + "commit \(machine.commit) applied \(node.state.index) \(machine.configuration)"
                + (machine.isQuiet ? " quiet" : "") + (node.isRetired ? " retired" : "")
        }
        .joined(separator: "; ")
    }
}

extension RaftCluster.Options {
    init(using generator: inout SeededGenerator) {
        voters = generator.element(of: [1, 2, 3, 3, 3, 4, 5, 5]) ?? 3
        settings.quietAfter = generator.chance(perMille: 500) ? .milliseconds(90) : nil
        settings.leaseDuration =
            generator.chance(perMille: 500)
            ? .milliseconds(generator.integer(in: 60...135)) : nil
        settings.messageBytes = Int(generator.element(of: [1, 100, 200, 1 << 20]) ?? 1)
        settings.windowMessages = Int(generator.integer(in: 1...8))
        settings.windowBytes = 1 << 20
        settings.uncommittedBytes = Int(generator.element(of: [100, 2000, 1 << 20]) ?? 100)
        // With an entry per message a long backlog outlasts the time that healing may take.
        if settings.messageBytes < 1000 {
            settings.uncommittedBytes = min(settings.uncommittedBytes, 2000)
        }
        settings.applyBytes = Int(generator.element(of: [1, 200, 1 << 20]) ?? 1)
        loss = generator.element(of: [0, 10, 50, 200]) ?? 0
        duplication = generator.element(of: [0, 10, 100]) ?? 0
        straggling = generator.element(of: [0, 10, 50, 150, 300]) ?? 0
        slowWrites = generator.element(of: [0, 30, 200]) ?? 0
        strikesLeaders = generator.element(of: [0, 100, 300, 500]) ?? 0
        if generator.chance(perMille: 500) { outage = 80_000...300_000 }
        if generator.chance(perMille: 400) { operationGap = 500...4000 }
        changesConfiguration = generator.chance(perMille: 700)
        compacts = generator.chance(perMille: 700)
        if generator.chance(perMille: 300) { faultGap = 10_000...100_000 }
        if generator.chance(perMille: 300) { changeGap = 5000...100_000 }
        if generator.chance(perMille: 250) { becomeDuel(using: &generator) }
    }

    /// Leaders follow each other quickly in a small group, and each leaves the others behind.
    private mutating func becomeDuel(using generator: inout SeededGenerator) {
        voters = 3
        changesConfiguration = false
        transfersOften = true
        strikesLeaders = 500
        outage = 80_000...300_000
        operationGap = 500...4000
        faultGap = 50_000...200_000
        settings.messageBytes = 1
        settings.uncommittedBytes = 2000
        let hasLease = settings.leaseDuration != nil || generator.chance(perMille: 500)
        settings.leaseDuration = hasLease ? .milliseconds(135) : nil
    }
}
