// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordStore

// Clients, faults and changes of the configuration.

extension RaftCluster {
    private var running: [Int] { nodes.indices.filter { nodes[$0].machine != nil } }

    private var leaders: [Int] { running.filter { nodes[$0].machine?.role == .leader } }

    // MARK: Clients

    mutating func operate() throws {
        if isHealed, checks.committedAfterHealing > 2 { return }
        queue.add(.operation, at: now + generator.integer(in: options.operationGap))
        let place =
            generator.chance(perMille: 900)
            ? generator.element(of: leaders) : generator.element(of: running)
        guard let place = place ?? generator.element(of: running),
            !nodes[place].isPaused
        else { return }
        switch generator.below(5) {
        case 0: try write(place)
        case 1, 2: try read(place)
        case 3 where options.settings.leaseDuration == nil: try write(place)
        default: try readByLease(place)
        }
    }

    private mutating func write(_ place: Int) throws {
        nextCommand += 1
        let command = nextCommand
        let length = Int(generator.element(of: [0, 1, 60]) ?? 0)
        let payload =
            withUnsafeBytes(of: command.littleEndian) { Array($0) }
            + [UInt8](repeating: 7, count: length)
        var position: LogPosition?
        try perform(at: place) { position = try $0.propose(payload) }
        if let position {
            nodes[place].proposals[position.index] = position.term
            mayStrike(place, perMille: options.strikesLeaders / 3)
        }
        // A shell that has a call and no leader wakes its replica.
        if position == nil { try perform(at: place) { $0.wake() } }
    }

    private mutating func read(_ place: Int) throws {
        nextCommand += 1
        let id = nextCommand
        checks.asked(id)
        try perform(at: place) { try $0.read(id) }
    }

    mutating func readByLease(_ place: Int) throws {
        var read: LeaseRead?
        try perform(at: place) { read = $0.leaseRead }
        guard let read else { return }
        let delay: Int64 = generator.integer(in: 0...1000)
        let event = Event.leaseRowRead(read, floor: checks.acknowledged)
        schedule(event, at: place, after: delay)
    }

    // MARK: Faults

    mutating func cause() throws {
        queue.add(.fault, at: now + generator.integer(in: options.faultGap))
        guard let place = generator.element(of: running) else { return }
        let victim =
            generator.chance(perMille: 400) ? generator.element(of: leaders) ?? place : place
        switch generator.below(options.transfersOften ? 15 : 8) {
        case 0, 1, 2: strike(victim)
        case 3, 4:
            guard let other = generator.element(of: running), other != victim else { return }
            block(from: victim, to: other, for: generator.integer(in: options.outage))
        default:
            guard let leader = generator.element(of: leaders),
                let target = generator.element(of: running)
            else { return }
            let replica = number(target)
            try perform(at: leader) { try $0.transferLeadership(to: replica) }
            mayStrike(leader, perMille: options.strikesLeaders * 2)
        }
    }

    /// Lets a replica fail soon, now and then.
    mutating func mayStrike(_ place: Int, perMille: UInt64) {
        guard generator.chance(perMille: perMille) else { return }
        queue.add(.strike(place), at: now + generator.integer(in: 0...4000))
    }

    mutating func strike(_ place: Int) {
        guard nodes[place].machine != nil else { return }
        switch generator.below(5) {
        case 0, 1: isolate(place)
        case 2: pause(place)
        default:
            crash(place)
            // A process that comes back at once has forgotten what it had not written.
            let outage = generator.chance(perMille: 400) ? 500...5000 : options.outage
            queue.add(.restart(place), at: now + generator.integer(in: outage))
        }
    }

    /// Stops a process for a while, or suspends its computer.
    private mutating func pause(_ place: Int) {
        guard !nodes[place].isPaused else { return }
        nodes[place].isPaused = true
        let isSuspension = generator.chance(perMille: 400)
        if isSuspension { nodes[place].suspendedSince = now }
        // Long enough that another leader has written meanwhile.
        let time = isSuspension ? 300_000...1_500_000 : options.outage
        schedule(.resume, at: place, after: generator.integer(in: time))
    }

    /// Cuts a replica off from all others, in one direction or both.
    private mutating func isolate(_ place: Int) {
        let time = generator.integer(in: options.outage)
        let direction = generator.below(4)
        for other in nodes.indices where other != place {
            if direction != 0 { block(from: place, to: other, for: time) }
            if direction != 1 { block(from: other, to: place, for: time) }
        }
    }

    private mutating func block(from: Int, to: Int, for time: Int64) {
        blocked.insert([from, to])
        queue.add(.heal(from: from, to: to), at: now + time)
    }

    /// What nodes hear of each other besides the messages of their groups.
    mutating func tellLiveness() throws {
        queue.add(.liveness, at: now + 100_000)
        let silent = Set(nodes.indices.filter { nodes[$0].machine == nil }.map(number))
        for place in running where !nodes[place].isPaused {
            let isNews = nodes[place].heardSilent != silent
            guard isNews || !isHealed && generator.chance(perMille: 50) else { continue }
            nodes[place].heardSilent = silent
            let delay = Duration.microseconds(generator.integer(in: 0...100_000))
            try perform(at: place) {
                $0.setMembers(silent: silent)
                $0.wake(campaigningAfter: delay)
            }
        }
    }

    // MARK: Membership

    mutating func changeMembership() throws {
        guard options.changesConfiguration else { return }
        queue.add(.change, at: now + generator.integer(in: options.changeGap))
        guard let leader = generator.element(of: leaders),
            let present = nodes[leader].machine?.configuration
        else { return }
        var voters = present.voters
        var learners = present.learners
        switch generator.below(6) {
        case 0, 1:
            guard nodes.count < 9, learners.count < 2 else { break }
            try addNode(AppliedState(snapshot: .none))
            learners.append(number(nodes.count - 1))
        case 2:
            guard let learner = generator.element(of: learners), voters.count < 5 else { break }
            learners.removeAll { $0 == learner }
            voters.append(learner)
        case 3:
            guard let voter = generator.element(of: voters), voters.count > 1 else { break }
            voters.removeAll { $0 == voter }
        case 4:
            guard let voter = generator.element(of: voters), voters.count > 1 else { break }
            voters.removeAll { $0 == voter }
            learners.append(voter)
        default:
            guard let voter = generator.element(of: voters),
                let learner = generator.element(of: learners)
            else { break }
            voters.removeAll { $0 == voter }
            learners.removeAll { $0 == learner }
            voters.append(learner)
        }
        let target = try RaftConfiguration(voters: voters, learners: learners)
        try perform(at: leader) { _ = try $0.changeConfiguration(to: target) }
    }
}
