// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordBase

/// A member of the ring that holds data.
package struct StoreMember: Hashable, Sendable {
    package var node: String
    package var address: String
    package var disk: DiskID

    package init(node: String, address: String, disk: DiskID) {
        self.node = node
        self.address = address
        self.disk = disk
    }
}

/// What the leader of a range knows when it decides about the range's replicas.
package struct PlacementView: Sendable {
    /// How far a replica is, as its leader sees it.
    package struct Progress: Hashable, Sendable {
        /// The replica has every entry but the last few, and has answered lately.
        package var isCaughtUp: Bool
        /// Time since its last message.
        package var silence: Duration

        package init(isCaughtUp: Bool, silence: Duration) {
            self.isCaughtUp = isCaughtUp
            self.silence = silence
        }
    }

    package var descriptor: RangeDescriptor
    /// The replicated configuration, applied.
    package var configuration: RaftConfiguration
    /// The replica that decides, the leader.
    package var leader: ReplicaNumber
    package var progress: [ReplicaNumber: Progress]
    /// The store members at or after the range's end, in the order of the ring, at least as many as the
    /// range wants voters if there are as many. Nil while the ring is not sure (``PlacementOracle``): then
    /// nothing is begun.
    package var wanted: [StoreMember]?
    /// Disks whose nodes have left for good.
    package var departed: Set<DiskID>
    /// Disks that were silent or damaged when they were learners of this leader. Others are tried first.
    package var avoided: Set<DiskID>
    /// Replicas whose nodes have said that they take part no more: their data are damaged.
    package var lost: Set<ReplicaNumber>
    /// A voter that is silent for this long is replaced.
    package var replaceAfter: Duration
    /// A voter that is silent for this long, and that the ring does not name, is away: it probably restarts.
    package var silentAfter: Duration

    package init(
        descriptor: RangeDescriptor,
        configuration: RaftConfiguration,
        leader: ReplicaNumber,
        progress: [ReplicaNumber: Progress],
        wanted: [StoreMember]?,
        departed: Set<DiskID> = [],
        avoided: Set<DiskID> = [],
        lost: Set<ReplicaNumber> = [],
        replaceAfter: Duration,
        silentAfter: Duration = .seconds(1)
    ) {
        self.descriptor = descriptor
        self.configuration = configuration
        self.leader = leader
        self.progress = progress
        self.wanted = wanted
        self.departed = departed
        self.avoided = avoided
        self.lost = lost
        self.replaceAfter = replaceAfter
        self.silentAfter = silentAfter
    }
}

/// The next step towards the wanted replicas of a range.
package enum PlacementStep: Hashable, Sendable {
    /// Give the member a replica number, by a command in the log.
    case prepare(StoreMember)
    /// Take back the numbers that no configuration has named: the step that was to do so was overtaken. Their
    /// replicas delete themselves.
    case retract
    /// Change the configuration. A change of voters goes through a joint configuration.
    case change(RaftConfiguration)
    /// Hand the leadership to this voter, because the leader's own replica is to go.
    case transfer(to: ReplicaNumber)
    /// Nothing can be done now, for this reason.
    case wait(PlacementWait)
    /// The replicas are the wanted ones.
    case settled
}

/// Why a range's replicas are not the wanted ones, and nothing is done about it now.
package enum PlacementWait: Hashable, Sendable {
    /// The ring has not confirmed the wanted members yet.
    case ringUnsure
    /// The joint configuration of the last change is still in force, or the last step is not applied yet.
    case changing
    /// The learner with this number receives its data.
    case catchingUp(ReplicaNumber)
    /// The voter with this number is silent and there is no other member to replace it.
    case noReplacement(ReplicaNumber)
    /// The only voter leaves for good, and there is no other member.
    case lastCopy
}

extension PlacementView {
    /// The disks of learners that a change drops because they are silent or damaged. Other members are to be tried
    /// before them.
    package func learnersGivenUp(by change: RaftConfiguration) -> [DiskID] {
        configuration.learners.filter { learner in
            let silence = progress[learner]?.silence ?? .zero
            return !change.contains(learner) && (lost.contains(learner) || silence >= replaceAfter)
        }.compactMap { descriptor.replica($0)?.disk }
    }
}

/// Decides about the replicas of a range, one step at a time.
///
/// Wanted are the first members at or after the end of the range. The number of voters never falls because
/// the ring looks smaller: a voter goes only in one change with the learner that replaces it. A silent voter
/// stays for ``PlacementView/replaceAfter``, whether the ring still names it or not; meanwhile no other voter is
/// exchanged, because the range bears one failure less. A voter whose data are damaged is replaced at once, by a new
/// replica on its own disk if there is no other member. A range that wants fewer voters than it has loses one after
/// the other.
package enum Placement {
    package static func nextStep(_ view: PlacementView) -> PlacementStep {
        if view.configuration.isJoint { return .wait(.changing) }
        guard let wanted = view.wanted else { return .wait(.ringUnsure) }
        let plan = Plan(view, wanted)
        if let stale = plan.learnerToDrop {
            return change(view, learners: view.configuration.learners.filter { $0 != stale })
        }
        if let learner = view.configuration.learners.first {
            return advance(learner, view, plan)
        }
        if let step = trim(view, plan) { return step }
        guard let newcomer = plan.missing.first else {
            return shrink(view) ?? makeRoom(view, wanted) ?? rest(view, plan)
        }
        guard plan.hasRoom || plan.voterToGo != nil else { return .settled }
        guard let replica = view.descriptor.replica(on: newcomer.disk) else {
            return .prepare(newcomer)
        }
        return change(view, learners: [replica.number])
    }

    /// Brings a learner on: it waits for its data, then it becomes a voter, in the place of another where the
    /// range has its number of voters.
    private static func advance(
        _ learner: ReplicaNumber,
        _ view: PlacementView,
        _ plan: Plan
    ) -> PlacementStep {
        guard view.progress[learner]?.isCaughtUp == true else {
            return .wait(.catchingUp(learner))
        }
        var voters = view.configuration.voters + [learner]
        if !plan.hasRoom {
            // A learner without a place was dropped before.
            guard let leaving = plan.voterToGo else { return .settled }
            if leaving != view.leader {
                voters.removeAll { $0 == leaving }
            } else if view.configuration.voters.count > 1 {
                return handOver(view, except: leaving)
            }
            // The only voter cannot hand over: it becomes one of two, and goes as one too many.
        }
        return change(view, voters: voters, learners: [])
    }

    /// A voter leaves for good and no member can take its place: the range has one voter less from then on. Nil if
    /// none leaves.
    private static func shrink(_ view: PlacementView) -> PlacementStep? {
        let voters = view.configuration.voters
        let leaving = voters.filter { number in
            view.descriptor.replica(number).map { view.departed.contains($0.disk) } ?? false
        }
        guard let first = leaving.first(where: { $0 != view.leader }) ?? leaving.first else {
            return nil
        }
        guard voters.count > 1 else { return .wait(.lastCopy) }
        if first == view.leader { return handOver(view, except: first) }
        return remove(first, view)
    }

    /// An administrator has lowered the number of voters: one goes by each change, also through even numbers, and
    /// only while a majority of the rest is caught up. Nil if the range has no more voters than it wants.
    private static func trim(_ view: PlacementView, _ plan: Plan) -> PlacementStep? {
        let voters = view.configuration.voters
        guard voters.count > view.descriptor.replication, let leaving = plan.surplus.first else {
            return nil
        }
        if leaving == view.leader { return handOver(view, except: leaving) }
        return remove(leaving, view)
    }

    /// A voter has lost its data, and no other member can take its place: it goes, so that its node can get a new
    /// replica. Of an odd number of voters as many are needed afterwards as before, and the lost one could not be one
    /// of them. Nil if there is none.
    private static func makeRoom(
        _ view: PlacementView,
        _ wanted: [StoreMember]
    ) -> PlacementStep? {
        let voters = view.configuration.voters
        let named = Set(wanted.map(\.disk))
        let leaving = voters.first { number in
            number != view.leader && view.lost.contains(number)
                && view.descriptor.replica(number).map { named.contains($0.disk) } ?? false
        }
        guard let leaving, voters.count.isMultiple(of: 2) == false else { return nil }
        return remove(leaving, view)
    }

    private static func remove(_ leaving: ReplicaNumber, _ view: PlacementView) -> PlacementStep {
        let rest = view.configuration.voters.filter { $0 != leaving }
        let caughtUp = rest.count { $0 == view.leader || view.progress[$0]?.isCaughtUp == true }
        guard caughtUp > rest.count / 2 else { return .wait(.catchingUp(leaving)) }
        return change(view, voters: rest, learners: view.configuration.learners)
    }

    /// No member is missing: all that is left to tell is a silent voter that nobody can replace.
    private static func rest(_ view: PlacementView, _ plan: Plan) -> PlacementStep {
        if view.descriptor.replicas.contains(where: { $0.role == .prepared }) { return .retract }
        return plan.lost.first.map { .wait(.noReplacement($0)) } ?? .settled
    }

    private static func handOver(
        _ view: PlacementView,
        except leaving: ReplicaNumber
    ) -> PlacementStep {
        let heir = view.configuration.voters.first { voter in
            voter != leaving && view.progress[voter]?.isCaughtUp == true
        }
        return heir.map { .transfer(to: $0) } ?? .wait(.catchingUp(leaving))
    }

    private static func change(
        _ view: PlacementView,
        voters: [ReplicaNumber]? = nil,
        learners: [ReplicaNumber]
    ) -> PlacementStep {
        do throws(StoreError) {
            return .change(
                try RaftConfiguration(
                    voters: voters ?? view.configuration.voters,
                    learners: learners
                )
            )
        } catch {
            preconditionFailure("placement made a wrong configuration: \(error)")
        }
    }

    /// Who is missing among the voters, and who could go.
    private struct Plan {
        /// Wanted members without a voter, in the order of the ring.
        var missing: [StoreMember] = []
        /// Voters that are silent for too long or have left for good.
        var lost: [ReplicaNumber] = []
        /// The voter that the next learner replaces: a lost one first, then one that is not wanted.
        var voterToGo: ReplicaNumber?
        /// The range has fewer voters than it wants.
        var hasRoom: Bool
        /// The voters in the order in which they would go if the range wanted fewer: lost ones, those that are away,
        /// those that the ring does not want, the farthest of the others, and the leader among the unwanted last.
        var surplus: [ReplicaNumber] = []
        /// A learner that is not wanted any more, or has no place.
        var learnerToDrop: ReplicaNumber?

        init(_ view: PlacementView, _ wanted: [StoreMember]) {
            let voters = view.configuration.voters
            let limits = view.replaceAfter
            func disk(_ number: ReplicaNumber) -> DiskID? {
                view.descriptor.replica(number)?.disk
            }
            func isLost(_ number: ReplicaNumber) -> Bool {
                if number == view.leader { return false }
                if view.lost.contains(number) { return true }
                if let disk = disk(number), view.departed.contains(disk) { return true }
                return view.progress[number].map { $0.silence >= limits } ?? false
            }
            lost = voters.filter(isLost)
            let lost = lost
            let named = Set(wanted.map(\.disk))
            let away = voters.filter { number in
                guard number != view.leader, !lost.contains(number),
                    disk(number).map({ !named.contains($0) }) ?? true
                else { return false }
                return view.progress[number].map { $0.silence >= view.silentAfter } ?? false
            }
            let silentLearners = view.configuration.learners.filter(isLost)
            let lostDisks = Set(lost.compactMap(disk)).union(view.departed)
            let held = Set(voters.compactMap(disk))
            func places(without disks: Set<DiskID>) -> ArraySlice<StoreMember> {
                let usable = wanted.filter { !lostDisks.contains($0.disk) }
                let ordered =
                    usable.filter { !disks.contains($0.disk) }
                    + usable.filter { disks.contains($0.disk) }
                return ordered.prefix(max(1, view.descriptor.replication - away.count))
            }
            let chosen = places(without: view.avoided)
            missing = chosen.filter { !held.contains($0.disk) }
            hasRoom = voters.count < view.descriptor.replication
            let wantedDisks = Set(chosen.map(\.disk))
            let unwanted = voters.filter { number in
                !lost.contains(number) && disk(number).map { !wantedDisks.contains($0) } ?? true
            }
            // The leader goes last, as it has to hand the leadership over first.
            voterToGo = lost.first
            if voterToGo == nil, away.isEmpty {
                voterToGo = unwanted.first { $0 != view.leader } ?? unwanted.first
            }

            let order = Dictionary(
                wanted.enumerated().map { ($0.element.disk, $0.offset) },
                uniquingKeysWith: { first, _ in first }
            )
            let others = voters.filter { !lost.contains($0) && !away.contains($0) }
            func place(_ number: ReplicaNumber) -> Int {
                unwanted.contains(number) ? .max : disk(number).flatMap { order[$0] } ?? .max
            }
            let farthest = others.sorted { left, right in
                // The leader stays where another one can go, as long as it is wanted or not alone unwanted.
                let (first, second) = (place(left), place(right))
                return first != second ? first > second : left > right
            }
            surplus = lost + away + farthest.filter { $0 != view.leader }
            if let leader = farthest.first, leader == view.leader, unwanted == [leader] {
                surplus = lost + away + [leader] + farthest.dropFirst()
            }

            // A silent learner is dropped only for another one: alone it does no harm. A damaged one gets its data
            // again after the time to replace voters, not at once: the disk may damage them again.
            let silentDisks = Set(silentLearners.compactMap(disk))
            let hasOther = places(without: view.avoided.union(silentDisks)).contains {
                !held.contains($0.disk) && !silentDisks.contains($0.disk)
            }
            let missingDisks = Set(missing.map(\.disk))
            let isTooMany = voters.count > view.descriptor.replication
            let hasPlace = hasRoom || voterToGo != nil && !isTooMany
            learnerToDrop = view.configuration.learners.first { learner in
                guard hasPlace, let disk = disk(learner) else { return true }
                guard missingDisks.contains(disk) else { return true }
                guard silentLearners.contains(learner) else { return false }
                let silence = view.progress[learner]?.silence ?? .zero
                return hasOther || view.lost.contains(learner) && silence >= limits
            }
        }
    }
}
