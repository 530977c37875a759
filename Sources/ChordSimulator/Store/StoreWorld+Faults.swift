// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordStore

extension StoreWorld {
    /// Nodes that are down at the same time at most.
    private static let mostDown = 2
    /// Identifiers of members that came and went at most. Each makes a range, and ranges do not merge.
    private static let mostFormerPositions = 10

    /// Does one random thing to the store.
    ///
    /// - Parameter isScarce: whether the run has had few kinds of faults so far: of its mix, most are not possible.
    /// - Returns: the fault, nil where one has ended instead; and words for the report.
    func injectFault(
        of mix: StoreFaultMix,
        isScarce: Bool
    ) -> (fault: StoreFault?, words: String) {
        let all = StoreFault.allCases
        let next =
            isScarce
            ? all[Int(generator.below(UInt64(all.count)))] : mix.next(using: &generator)
        guard let fault = next, let words = inject(fault) else {
            return (nil, repair())
        }
        return (fault, words)
    }

    private func randomName() -> String {
        names[Int(generator.below(UInt64(names.count)))]
    }

    /// - Returns: what was done; nil if the fault is not possible now.
    private func inject(_ fault: StoreFault) -> String? {
        let name = randomName()
        guard let node = nodes[name] else { return nil }
        switch fault {
        case .crash:
            guard node.isRunning, nodes.values.count(where: { !$0.isRunning }) < Self.mostDown
            else {
                return nil
            }
            node.crash()
            // The ring may go on naming the node for a while.
            if generator.below(2) == 0 { updateRing() }
            return "crash \(name)"
        case .ambush:
            let kinds = StoreAmbush.allCases
            ambushes.append(kinds[Int(generator.below(UInt64(kinds.count)))])
            return "crash at the next \(ambushes[ambushes.count - 1])"
        case .powerCut: return cutPower()
        case .slowDisks: return slowDisks()
        case .slowRows: return slowRows()
        case .fullDisk:
            fillDisk(
                of: name,
                for: .milliseconds(
                    Int64(generator.below(generator.below(2) == 0 ? 15_000 : 60_000))
                ),
                alsoLog: generator.below(2) == 0
            )
            return "fill the disk of \(name)"
        case .lostDisk:
            // Not again, as nothing says when all ranges have their voters again.
            guard !hasLostDisk, canLoseDisk() else { return nil }
            hasLostDisk = true
            loseDisk(name)
            return "lose the disk of \(name)"
        case .damagedRow:
            guard !hasLostDisk, canLoseDisk() else { return nil }
            hasLostDisk = true
            damageRow(of: name)
            return "damage a row of \(name)"
        case .pause:
            node.pause()
            let time = Int64(generator.below(5_000_000_000))
            scheduler.schedule(at: now + time, for: nil) { node.resume() }
            return "pause \(name)"
        case .cutNode:
            for other in names where generator.below(2) == 0 {
                network.cut(from: name, to: other)
                network.cut(from: other, to: name)
            }
            return "cut \(name)"
        case .cutLink:
            let other = randomName()
            network.cut(from: name, to: other)
            if generator.below(2) == 0 { network.cut(from: other, to: name) }
            return "cut \(name) from \(other)"
        case .partition: return divideRing()
        case .lossyNetwork:
            network.lossPermille = Int(generator.below(100))
            network.repeatPermille = Int(generator.below(100))
            return "lossy network"
        case .slowSnapshots:
            snapshotLimit = Int64(generator.below(8_000_000_000))
            return "slow snapshots"
        case .membership:
            let newcomers = outside.sorted()
            let place = Int(generator.below(UInt64(max(1, newcomers.count) * 2)))
            return changeMembership(of: place < newcomers.count ? newcomers[place] : name)
        case .passingMember:
            guard ring.formerPositions.count < Self.mostFormerPositions else { return nil }
            ring.formerPositions.append(Self.position(generator.below(65_536)))
            return "a member comes and goes"
        case .replicas: return setReplicas()
        }
    }

    /// Ends one fault.
    private func repair() -> String {
        let down = names.filter { nodes[$0]?.isRunning == false }
        switch generator.below(4) {
        case 0, 1:
            guard !down.isEmpty else { fallthrough }
            let name = down[Int(generator.below(UInt64(down.count)))]
            nodes[name]?.start()
            updateRing()
            return "start \(name)"
        case 2:
            network.healCuts()
            ring.parts = [:]
            return "restore links"
        default:
            network.lossPermille = 0
            network.repeatPermille = 0
            snapshotLimit = 0
            restartAll()
            return "start all"
        }
    }

    /// What an ambush waits for has happened at a node.
    func spring(_ ambush: StoreAmbush, at name: String) {
        guard let place = ambushes.firstIndex(of: ambush) else { return }
        ambushes.remove(at: place)
        let isPowerCut = generator.below(3) == 0
        let delay = Int64(generator.below(generator.below(2) == 0 ? 4_000_000 : 60_000_000))
        scheduler.schedule(at: now + delay, for: nil) { [self] in
            guard !faultsAreOver else { return }
            isPowerCut ? cutPowerOnce() : crashForAMoment(name)
        }
    }

    /// Crashes a node, which starts again soon.
    private func crashForAMoment(_ name: String) {
        guard let node = nodes[name] else { return }
        if node.isRunning { node.crash() }
        let delay = Int64(generator.below(1_500_000_000))
        scheduler.schedule(at: now + delay, for: nil) { [self] in
            // Another fault may have started it, or replaced it, meanwhile.
            guard nodes[name] === node, !node.isRunning else { return }
            node.start()
            updateRing()
        }
    }

    /// Takes the power from all nodes, up to four times in a row. They start one after the other.
    private func cutPower() -> String {
        let times = generator.below(2) == 0 ? 1 : 2 + generator.below(3)
        var moment = now
        for _ in 0..<times {
            scheduler.schedule(at: moment, for: nil) { [self] in
                if !faultsAreOver { cutPowerOnce() }
            }
            moment += Int64(generator.below(4_000_000_000))
        }
        return times == 1 ? "power cut" : "power cut \(times) times"
    }

    private func cutPowerOnce() {
        for name in names { crashForAMoment(name) }
    }

    /// Makes the disks of some nodes slow for a while. The power may fail meanwhile.
    private func slowDisks() -> String {
        let limit: Duration = .milliseconds(5 + Int64(generator.below(400)))
        let end = now + 1_000_000_000 + Int64(generator.below(6_000_000_000))
        let slow = names.filter { _ in generator.below(3) != 0 }
        for name in slow {
            guard let node = nodes[name] else { continue }
            node.slowDown(to: limit)
            scheduler.schedule(at: end, for: nil) { node.slowDown(to: nil) }
        }
        guard generator.below(2) == 0 else { return "slow disks of \(slow.joined(separator: " "))" }
        let cut = now + Int64(generator.below(UInt64(end - now)))
        scheduler.schedule(at: cut, for: nil) { [self] in
            if !faultsAreOver { cutPowerOnce() }
        }
        return "slow disks of \(slow.joined(separator: " ")) and power cut"
    }

    /// Makes the rows of some nodes lag behind their logs for a while, also for longer than placement waits between two
    /// steps.
    private func slowRows() -> String {
        let limit = Int64(generator.below(2) == 0 ? 200 : 4_000)
        let end = now + 1_000_000_000 + Int64(generator.below(20_000_000_000))
        let slow = names.filter { _ in generator.below(2) == 0 }
        for name in slow {
            guard let node = nodes[name] else { continue }
            node.delayWorks(by: .milliseconds(1 + Int64(generator.below(UInt64(limit)))))
            scheduler.schedule(at: end, for: nil) { node.delayWorks(by: .zero) }
        }
        return "slow rows of \(slow.joined(separator: " "))"
    }

    /// Divides the ring in two or three parts, which merge after a while.
    private func divideRing() -> String? {
        guard ring.parts.isEmpty, names.count > 1 else { return nil }
        let count = 2 + generator.below(2)
        var parts: [String: Int] = [:]
        for name in names { parts[name] = Int(generator.below(count)) }
        ring.parts = parts
        for one in names {
            for other in names where parts[one] != parts[other] {
                network.cut(from: one, to: other)
            }
        }
        let end = now + 1_000_000_000 + Int64(generator.below(40_000_000_000))
        scheduler.schedule(at: end, for: nil) { [self, parts] in
            guard ring.parts == parts else { return }
            ring.parts = [:]
            network.healCuts()
        }
        return "divide the ring in \(count)"
    }

    /// Sets the number of replicas of the ranges that have a leader now; in half of the cases of some of them only.
    private func setReplicas() -> String? {
        let counts = [1, 3, 5].filter { $0 <= names.count - outside.count }
        guard !counts.isEmpty else { return nil }
        let count = counts[Int(generator.below(UInt64(counts.count)))]
        let share = 1 + generator.below(2)
        setReplicas(count, ofOneIn: share)
        return "set \(count) replicas"
    }

    /// Sets the number of replicas of the ranges that have a leader now, or of a random part of them.
    package func setReplicas(_ count: Int, ofOneIn share: UInt64 = 1) {
        lowestReplication = min(lowestReplication, count)
        for name in names {
            guard let node = nodes[name]?.node, let executor = nodes[name]?.executor else {
                continue
            }
            executor.execute { [self] in
                node.assumeIsolated { node in
                    for led in node.ledPositions where generator.below(share) == 0 {
                        node.setReplication(count, at: led.position) { _ in }
                    }
                }
            }
        }
    }

    /// A node tells all others that it leaves for good, and repeats it. It stays in the ring meanwhile.
    package func announceLeaving(of name: String) {
        guard let member = nodes[name]?.member else { return }
        for other in names {
            guard let node = nodes[other]?.node, let executor = nodes[other]?.executor else {
                continue
            }
            executor.execute {
                node.assumeIsolated { $0.noteLeaving(member.disk, said: member.node) }
            }
        }
        scheduler.schedule(at: now + 1_000_000_000, for: nil) { [self] in
            announceLeaving(of: name)
        }
    }

    /// A node leaves the ring and keeps its data, or comes back. It may change its mind several times.
    private func changeMembership(of name: String) -> String? {
        guard let words = changeMembershipOnce(of: name) else { return nil }
        guard generator.below(2) == 0 else { return words }
        var moment = now
        for _ in 0..<(1 + generator.below(3)) {
            moment += Int64(
                generator.below(generator.below(2) == 0 ? 3_000_000_000 : 12_000_000_000)
            )
            scheduler.schedule(at: moment, for: nil) { [self] in
                if !faultsAreOver, nodes[name] != nil { _ = changeMembershipOnce(of: name) }
            }
        }
        return "\(words) and change its mind"
    }

    private func changeMembershipOnce(of name: String) -> String? {
        defer { updateRing() }
        if outside.remove(name) != nil { return "join \(name)" }
        guard names.count - outside.count > 1 else { return nil }
        outside.insert(name)
        return "leave \(name)"
    }
}
