// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordBase
package import ChordWire

/// The recovery of one range, as an administrator's program carries it out: whom to ask for which step, and what
/// follows from the answers. RangeRecovery.swift says why the steps are safe.
package struct RecoveryRun: Sendable {
    package enum Step: Hashable, Sendable {
        /// Send the request to the nodes with these disks.
        case ask([DiskID], RecoverRequest)
        /// The range's place is taken by another one, which began on a disk.
        case done(successor: RangeID, founder: DiskID)
        case failed(String)
    }

    private enum Phase {
        case inspecting, promising, founding(DiskID), retiring, noting
    }

    package let range: RangeID
    /// The disks of the ring's members that answer.
    private let members: Set<DiskID>
    /// Disks that may be given up.
    private let allowed: Set<DiskID>
    private var phase = Phase.inspecting
    /// What each node has of the range, as it said last.
    package private(set) var holdings: [DiskID: RecoverReply.Replica] = [:]
    /// The disks that the recovery gives up.
    package private(set) var givenUp: Set<DiskID> = []
    private var successor: (range: RangeID, founder: DiskID)?

    /// - Parameters:
    ///   - disks: the disks that the administrator gives up. Those without a replica of the range do not matter.
    ///   - members: all members of the ring that hold data.
    package init(of range: RangeID, givingUp disks: Set<DiskID>, members: Set<DiskID>) {
        self.range = range
        self.members = members
        allowed = disks
    }

    package func begin() -> Step { .ask(members.sorted(), request(.inspect)) }

    /// Takes the answers of the nodes that were asked, as far as they came.
    package mutating func answered(_ replies: [DiskID: RecoverReply]) -> Step {
        for (disk, reply) in replies {
            for replica in reply.replicas where replica.range == range.bits.wire {
                holdings[disk] = replica
            }
        }
        // A refusal of a founder's step is no reason: the successor may have been made already.
        noteSuccessor()
        if let refusal = replies.sorted(by: { $0.key < $1.key }).map(\.value.refusal)
            .first(where: { !$0.isEmpty }), successor == nil
        {
            return .failed(refusal)
        }
        switch phase {
        case .inspecting: return inspected(by: Set(replies.keys))
        case .promising: return promised(by: Set(replies.keys))
        case .founding(let founder):
            guard successor != nil else {
                return .failed(
                    "\(founder) did not say that it has made the new range; run the command again"
                )
            }
            return retireOthers()
        case .retiring: return noteDisks()
        case .noting:
            guard let successor else { return .failed("the new range is not known") }
            return .done(successor: successor.range, founder: successor.founder)
        }
    }

    // MARK: - Steps

    private mutating func inspected(by answering: Set<DiskID>) -> Step {
        let silent = members.subtracting(answering)
        guard silent.isEmpty else {
            return .failed("no answer from the disks \(Self.list(silent))")
        }
        let promises = holdings.values.flatMap(\.givenUp).map { DiskID(RandomBits(wire: $0)) }
        givenUp = named.intersection(allowed).union(promises)
        if successor != nil { return retireOthers() }
        if let problem { return .failed(problem) }
        phase = .promising
        return .ask(holders, request(.promise))
    }

    private mutating func promised(by answering: Set<DiskID>) -> Step {
        if successor != nil { return retireOthers() }
        let silent = Set(holders).subtracting(answering)
        guard silent.isEmpty else {
            return .failed("no answer from the disks \(Self.list(silent)); run the command again")
        }
        // The descriptors do not change any more. They may name replicas that were not known before.
        if let problem { return .failed(problem) }
        let wanted = givenUp.sorted().map(\.bits.wire)
        guard holdings.values.allSatisfy({ $0.state == .absent || $0.givenUp == wanted }) else {
            return .failed("not all replicas have promised to take part; run the command again")
        }
        guard let founder, let holding = holdings[founder] else {
            return .failed("no replica that is left can read its data")
        }
        phase = .founding(founder)
        var request = request(.found)
        request.index =
            holdings.values.flatMap { [$0.lastIndex, $0.commit, $0.applied] }.max() ?? 0
        request.lastIndex = holding.lastIndex
        request.lastTerm = holding.lastTerm
        return .ask([founder], request)
    }

    private mutating func retireOthers() -> Step {
        let others = holders.filter { $0 != successor?.founder }
        guard !others.isEmpty else { return noteDisks() }
        phase = .retiring
        return .ask(others, request(.retire))
    }

    private mutating func noteDisks() -> Step {
        phase = .noting
        return .ask(members.sorted(), request(.note))
    }

    private func request(_ step: RecoverRequest.Step) -> RecoverRequest {
        var request = RecoverRequest(step, range: range.bits.wire)
        request.givenUp = givenUp.sorted().map(\.bits.wire)
        request.successor = successor?.range.bits.wire
        return request
    }

    private mutating func noteSuccessor() {
        for (disk, holding) in holdings where holding.state == .founded {
            guard let range = holding.successor else { continue }
            successor = (RangeID(RandomBits(wire: range)), disk)
        }
    }

    // MARK: - What follows from the answers

    /// The nodes that have a replica of the range.
    package var holders: [DiskID] {
        holdings.filter { $0.value.state != .absent && $0.value.state != .retired }.keys.sorted()
    }

    /// The disks of all replicas that count, as the replicas that are left know them.
    private var named: Set<DiskID> {
        Set(
            holdings.values.compactMap(\.descriptor).flatMap(\.replicas)
                .filter { $0.kind != .prepared }
                .map { DiskID(RandomBits(wire: $0.disk)) }
        )
    }

    /// The replica with the most complete log.
    package var founder: DiskID? {
        holders.filter { disk in
            guard let holding = holdings[disk] else { return false }
            return (holding.state == .promised || holding.state == .active) && holding.applied > 0
        }.max { left, right in
            guard let left = holdings[left], let right = holdings[right] else { return false }
            return (left.lastTerm, left.lastIndex, right.replica ?? 0)
                < (right.lastTerm, right.lastIndex, left.replica ?? 0)
        }
    }

    /// Replicas that do not answer and were not given up.
    package var unexplained: [WireReplica] {
        var seen: Set<UInt128> = []
        return holdings.values.compactMap(\.descriptor).flatMap(\.replicas).filter { replica in
            let disk = DiskID(RandomBits(wire: replica.disk))
            return replica.kind != .prepared && !givenUp.contains(disk) && !members.contains(disk)
                && seen.insert(replica.disk).inserted
        }.sorted { $0.number < $1.number }
    }

    /// Why the range cannot, or need not, be recovered so.
    private var problem: String? {
        guard !holders.isEmpty else { return "no replica of range \(range) is left" }
        guard !holdings.values.contains(where: { $0.state == .active && $0.leader != nil }) else {
            return
                "range \(range) has a leader, or had one a moment ago: then a majority of its replicas is alive; if "
                + "not, try again in a few seconds"
        }
        if let replica = unexplained.first {
            return
                "replica \(replica.number) of range \(range) on \(replica.node) does not answer: start the node, "
                + "or give it up (--give-up \(replica.node))"
        }
        let alive = givenUp.intersection(members)
        guard alive.isEmpty else {
            return
                "the nodes with the disks \(Self.list(alive)) answer: stop them before you give them up"
        }
        guard !givenUp.isEmpty else {
            return
                "all replicas of range \(range) answer: nothing was given up, and nothing is to be recovered"
        }
        return nil
    }

    private static func list(_ disks: Set<DiskID>) -> String {
        disks.sorted().map(\.description).joined(separator: ", ")
    }
}
