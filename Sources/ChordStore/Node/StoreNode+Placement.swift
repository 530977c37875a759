// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordRPC
import Logging

extension StoreNode {
    func schedulePlacement() {
        placementTimer?.cancel()
        placementTimer = executor.schedule(after: settings.placementInterval) { [weak self] in
            self?.assumeIsolated { node in
                guard node.failure == nil else { return }
                node.abandonSilentSnapshots()
                if node.isDiskFull { node.giveAwayForWantOfRoom() }
                node.countBytes()
                if let report = node.reportFigures { report(node.figures) }
                for range in node.damaged.keys.sorted() { node.checkDamaged(range) }
                for range in node.replicas.keys.sorted() {
                    guard let replica = node.replicas[range] else { continue }
                    replica.isLeader ? node.place(replica) : node.checkMembership(of: replica)
                }
                node.schedulePlacement()
            }
        }
    }

    /// Takes the next step for a range whose replicas have just changed, instead of at the next tick.
    func placeAtOnce(_ range: RangeID) {
        guard placementTimer != nil else { return }
        executor.execute { [weak self] in
            self?.assumeIsolated { node in
                guard node.failure == nil, let replica = node.replicas[range], replica.isLeader
                else { return }
                node.place(replica)
            }
        }
    }

    /// Decides about the replicas of a range that this node leads.
    private func place(_ replica: Replica) {
        expireRows(of: replica)
        let descriptor = replica.view.descriptor
        let wanted = wantedMembers(descriptor.bounds.upperBound)?.filter {
            !givenUp.contains($0.disk)
        }
        avoided = avoided.filter { $0.value > now }
        let view = PlacementView(
            descriptor: descriptor,
            configuration: replica.view.configuration,
            leader: replica.number,
            progress: peerProgress(of: replica),
            wanted: wanted,
            departed: departing(from: descriptor, wanted),
            avoided: Set(avoided.keys),
            lost: replica.lost,
            replaceAfter: settings.replaceAfter,
            silentAfter: settings.raft.electionTimeoutMinimum
        )
        let isPresent = replica.view.applied >= replica.decidedThrough
        let step = isPresent ? Placement.nextStep(view) : .wait(.changing)
        if step != replica.placement {
            replica.placement = step
            replica.placementSince = now
            logger.info(
                "placement of range",
                metadata: [
                    StoreLogKeys.range: "\(replica.range)", StoreLogKeys.step: "\(step)",
                ]
            )
        }
        switch step {
        case .prepare(let member):
            propose(.prepare(member), at: replica) { _ in }
        case .retract:
            propose(.retract, at: replica) { _ in }
        case .change(let configuration):
            // Fewer voters bear fewer failures. One that died just before still counts as caught up.
            let isRemoval = configuration.voters.count < view.configuration.voters.count
            if isRemoval, now - replica.placementSince < removalDelay { break }
            for disk in view.learnersGivenUp(by: configuration) {
                avoided[disk] = now + settings.replaceAfter
            }
            drive(replica) { machine in
                guard let place = try? machine.changeConfiguration(to: configuration) else {
                    return
                }
                replica.decidedThrough = place.index
            }
        case .transfer(let heir):
            drive(replica) { try? $0.transferLeadership(to: heir) }
        case .settled:
            considerSplit(of: replica)
            if let owner = wanted?.first { handOver(replica, to: owner) }
        case .wait(.noReplacement), .wait(.ringUnsure): considerSplit(of: replica)
        case .wait: break
        }
    }

    /// How long a range must have wanted one voter less before it goes. A voter that died just before has been silent
    /// for long enough by then that nobody counts on its vote, and the step is another one.
    private var removalDelay: Duration { settings.raft.electionTimeoutMinimum * 2 }

    /// Time between two attempts to hand a range over to a better leader.
    static let handOverInterval: Duration = .seconds(60)

    /// The owner of the range's end should lead it: then a client that asks the ring finds the leader.
    private func handOver(_ replica: Replica, to owner: StoreMember) {
        guard let heir = replica.view.descriptor.replica(on: owner.disk), heir.role == .voter,
            heir.number != replica.number,
            peerProgress(of: replica)[heir.number]?.isCaughtUp == true,
            now >= replica.nextHandOver
        else { return }
        replica.nextHandOver = now + Self.handOverInterval
        drive(replica) { try? $0.transferLeadership(to: heir.number) }
    }

    /// How far ahead a look at the rows sees. A longer time asks the rows of idle ranges less often.
    private static let expiryHorizon: Duration = .seconds(60)

    /// Proposes to delete rows whose time to live has passed, if there are any. The rows are not asked again before
    /// one of them can expire, or something was applied.
    private func expireRows(of replica: Replica) {
        let time = replica.time(at: executor.now)
        let applied = replica.view.applied
        if let known = replica.unexpired, known.applied == applied, time < known.until { return }
        let horizon = time.advanced(by: Self.expiryHorizon)
        let range = replica.range
        let state = replica.state
        rows.submit(
            { transaction throws(StoreError) -> (hasExpired: Bool, until: RangeTime) in
                let (slot, bounds) = (state.state.slot, state.state.bounds)
                func expires(at time: RangeTime) throws(StoreError) -> Bool {
                    try !transaction.expired(in: slot, within: bounds, at: time, atMost: 1).isEmpty
                }
                guard try expires(at: horizon) else { return (false, horizon) }
                return (try expires(at: time), time)
            },
            { [weak self] result in
                self?.assumeIsolated { node in
                    guard case .success(let found) = result, let replica = node.replicas[range]
                    else { return }
                    replica.unexpired = (applied, found.until)
                    guard found.hasExpired else { return }
                    let action = RangeCommand.Action.expire(limit: RangeState.expiredPerEntry)
                    node.propose(action, at: replica) { _ in }
                }
            }
        )
    }
}
