// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
package import ChordStore

extension StoreWorld {
    /// Whether the store comes to what it should be once nobody disturbs it: every position is in one range,
    /// every range has its wanted replicas, they are equal byte by byte, and there are no other rows.
    ///
    /// - Returns: what is wrong at the end of the time, nothing if all is right; and the number of ranges.
    ///
    /// - Parameter isUsed: whether clients go on, so that replicas need not be equal at one moment.
    package func settle(
        atMost duration: Duration,
        isUsed: Bool = false
    ) -> (defects: [String], ranges: Int) {
        let end = now + duration.nanoseconds
        var found: (defects: [String], ranges: Int)
        repeat {
            run(for: .seconds(1))
            var check = audit()
            check.isUsed = isUsed
            found = (check.result(), check.ranges.count)
        } while !found.defects.isEmpty && now < end && !isStuck
        return found
    }

    /// How many voters a range has at an entry of its log.
    package struct VoterCount {
        package var applied: LogIndex
        package var count: Int
    }

    /// How many voters each range has, as the replica knows that has applied most.
    package func voterCounts() -> [RangeID: VoterCount] {
        audit().voterCounts()
    }

    /// Looks at what must hold at every time. The number of voters falls only to a number that was set, whatever the
    /// ring looks like, or by a damaged one, which leaves an even number until its node has a new replica. No fault
    /// but an old copy of a disk damages a replica or ends the store of a node.
    func checkAlways() {
        let check = audit()
        ring.problems += check.damages.filter { !ring.problems.contains($0) }
        hadDamage = hadDamage || nodes.values.contains { $0.hasOldCopy || $0.hasDamagedRow }
        for (range, present) in check.voterCounts() {
            if let former = voters[range], former.applied <= present.applied,
                former.count > present.count, present.count < lowestReplication,
                !(hadDamage && present.count.isMultiple(of: 2))
            {
                ring.problems.append(
                    "\(range.short) had \(former.count) voters and has \(present.count)"
                )
            }
            voters[range] = present
        }
    }

    /// Whether every range has three voters that all run, so that one disk may be lost.
    func canLoseDisk() -> Bool {
        guard nodes.values.allSatisfy({ $0.isRunning && !$0.isPaused }) else { return false }
        let check = audit()
        return check.defects.isEmpty && check.hasThreeVoters
    }

    /// The nodes whose stores answer.
    package var servingNodes: Set<String> { audit().answered }

    func audit() -> StoreCheck {
        let box = AuditBox()
        for name in names {
            guard let node = nodes[name]?.node, let executor = nodes[name]?.executor else {
                continue
            }
            executor.execute {
                node.assumeIsolated { node in node.audit { box.results[name] = $0 } }
            }
        }
        run(for: .milliseconds(20))
        var check = StoreCheck(members: ring)
        check.floors = raises.floors
        for name in names {
            guard let node = nodes[name] else { continue }
            switch box.results[name] {
            case .success(let audit):
                check.answered.insert(name)
                check.add(audit, of: node.member)
                guard !node.hasOldCopy else { continue }
                check.damages += audit.halted.sorted { $0.key < $1.key }.map { range, reason in
                    "\(name): the replica of \(range.short) has stopped: \(reason)"
                }
                guard !node.hasDamagedRow else { continue }
                check.damages += audit.damaged.map {
                    "\(name): the replica of \($0.short) is damaged, and nothing was done to the disk"
                }
            case .failure(let error):
                check.defects.append("\(name): \(error)")
                if !node.hasOldCopy {
                    check.damages.append("\(name) does not serve any more: \(error)")
                }
            case nil: check.defects.append("\(name) does not answer")
            }
        }
        return check
    }
}

/// Audits that have come.
///
/// `@unchecked Sendable`: it is used only on the thread that drives the run.
private final class AuditBox: @unchecked Sendable {
    var results: [String: Result<NodeAudit, StoreError>] = [:]
}

/// Compares what all nodes hold.
struct StoreCheck {
    fileprivate struct Held {
        var member: StoreMember
        var audit: ReplicaAudit
    }

    let members: SimulatedMembers
    var defects: [String] = []
    /// The nodes that have told what they hold.
    var answered: Set<String> = []
    /// Damage that no fault explains.
    var damages: [String] = []
    /// What was acknowledged about versions.
    var floors: [VersionRaises.Floor] = []
    /// Clients write, so replicas need not be equal at one moment.
    var isUsed = false
    /// What is wrong only if it stays so.
    private var late: [String] = []
    private(set) fileprivate var ranges: [RangeID: [Held]] = [:]

    init(members: SimulatedMembers) {
        self.members = members
    }

    mutating func add(_ audit: NodeAudit, of member: StoreMember) {
        for replica in audit.replicas {
            let id = replica.state.descriptor.id
            ranges[id, default: []].append(Held(member: member, audit: replica))
        }
        for range in audit.waiting {
            late.append("\(member.node): a replica of \(range.short) has no data")
        }
        if audit.isClearing { late.append("\(member.node): rows wait to be deleted") }
        if audit.strayRows != 0 {
            late.append("\(member.node): \(audit.strayRows) rows belong to no range")
        }
    }

    /// How many voters each range has, as the replica knows that has applied most.
    func voterCounts() -> [RangeID: StoreWorld.VoterCount] {
        ranges.compactMapValues { held in
            held.map(\.audit.state).max { $0.applied < $1.applied }.map { state in
                StoreWorld.VoterCount(
                    applied: state.applied,
                    count: state.configuration.voters.count
                )
            }
        }
    }

    /// What the leaders hold.
    var leaders: [ReplicaAudit] {
        ranges.values.flatMap { $0.map(\.audit).filter(\.isLeader) }
            .sorted { $0.state.descriptor.id < $1.state.descriptor.id }
    }

    /// How many replicas each node has.
    var replicasOfNodes: [String: Int] {
        ranges.values.reduce(into: [:]) { counts, held in
            for replica in held { counts[replica.member.node, default: 0] += 1 }
        }
    }

    mutating func result() -> [String] {
        for (range, held) in ranges.sorted(by: { $0.key < $1.key }) { check(range, held) }
        checkCircle()
        checkSizes()
        return defects + late
    }

    /// The sizes of all ranges together are those of their rows. One range alone may count too much, and another too
    /// little, where they were split while rows changed.
    private mutating func checkSizes() {
        var (counted, found) = (RangeSize(), RangeSize())
        for held in ranges.values.compactMap({ $0.first?.audit }) {
            counted = counted.with(held.state.size)
            for row in held.rows { found.add(row) }
        }
        guard counted != found, !isUsed else { return }
        late.append(
            "the ranges count \(counted.rows) rows of \(counted.bytes) bytes, and have \(found.rows) of "
                + "\(found.bytes)"
        )
    }

    /// Whether the replica of each range that has applied most knows three voters, and all of them have data.
    var hasThreeVoters: Bool {
        !ranges.isEmpty
            && ranges.values.allSatisfy { held in
                guard let first = held.max(by: { $0.audit.state.applied < $1.audit.state.applied })
                else { return false }
                let state = first.audit.state
                let disks = Set(held.map(\.member.disk))
                return !state.configuration.isJoint && state.configuration.voters.count >= 3
                    && state.configuration.voters.allSatisfy { voter in
                        state.descriptor.replica(voter).map { disks.contains($0.disk) } ?? false
                    }
            }
    }

    private mutating func check(_ range: RangeID, _ held: [Held]) {
        let name = range.short
        let leaders = held.filter(\.audit.isLeader)
        guard let leader = leaders.first, leaders.count == 1 else {
            defects.append("\(name) has \(leaders.count) leaders")
            return
        }
        let state = leader.audit.state
        if state.configuration.isJoint || !state.configuration.learners.isEmpty {
            defects.append("\(name) has the configuration \(state.configuration)")
        }
        let descriptor = state.descriptor
        let wanted = Set(
            (members.members(from: descriptor.bounds.upperBound) ?? [])
                .prefix(descriptor.replication).map(\.disk)
        )
        let voters = Set(descriptor.replicas.filter { $0.role == .voter }.map(\.disk))
        if voters != wanted { defects.append("\(name) has other voters than wanted") }
        if Set(held.map(\.member.disk)) != voters {
            let nodes = held.map(\.member.node).joined(separator: " ")
            defects.append("\(name) has replicas on \(nodes)")
        }
        for other in held where !isUsed && !other.audit.equals(leader.audit) {
            defects.append("\(name): \(other.member.node) differs from \(leader.member.node)")
        }
        checkRows(of: leader.audit, name)
        for floor in floors
        where descriptor.bounds.contains(floor.position) && state.version < floor.version {
            defects.append(
                "\(name) has version \(state.version), and was raised to \(floor.version)"
            )
        }
    }

    private mutating func checkRows(of audit: ReplicaAudit, _ name: String) {
        let state = audit.state
        if audit.rows.contains(where: { !state.bounds.contains($0.key.position) }) {
            defects.append("\(name) has rows outside its bounds")
        }
        if audit.rows.contains(where: { $0.row.version > state.version }) {
            defects.append("\(name) has a version above its last entry")
        }
        // While clients write, there are always some that wait for the next entry.
        if !isUsed, audit.rows.contains(where: { $0.row.expiry.map { $0 <= state.time } ?? false })
        {
            late.append("\(name) has a row whose time to live is over")
        }
    }

    /// Every position lies in one range, and every member's identifier is a bound.
    private mutating func checkCircle() {
        let bounds = ranges.values.compactMap { $0.first?.audit.state.descriptor.bounds }
            .sorted { $0.upperBound < $1.upperBound }
        for (place, range) in bounds.enumerated() {
            let former = bounds[place == 0 ? bounds.count - 1 : place - 1]
            if range.lowerBound != former.upperBound {
                defects.append("\(range) does not follow \(former)")
            }
            for member in members.positions(inside: range) ?? [] where range.canSplit(at: member) {
                defects.append("\(range) is not split at \(member)")
            }
        }
        if bounds.isEmpty { defects.append("there is no range") }
    }
}

extension RangeID {
    fileprivate var short: String { "range \(description.suffix(8))" }
}

extension ReplicaAudit {
    /// Whether two replicas hold the same, apart from the slots of their disks.
    fileprivate func equals(_ other: Self) -> Bool {
        guard rows.count == other.rows.count else { return false }
        let areRowsEqual = zip(rows, other.rows).allSatisfy { left, right in
            var key = right.key
            key.slot = left.key.slot
            return left.key == key && left.row == right.row
        }
        return areRowsEqual && state.holdsSame(as: other.state)
    }
}
