// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordRPC
import Logging

// Groups rest as long as the nodes of their members are heard of.
//
// - A follower rests under a leader whose node is heard of. When that node is missing, or has restarted, the groups
//   concerned are woken and elect, spread over a window.
// - A leader rests with followers whose nodes are heard of, and without those whose nodes are missing. When one goes
//   missing, restarts or comes back, the leader wakes: it checks its majority and brings the returned one up to date.
// - A message may have been lost, or a leader may have lost its leadership unheard. So each heartbeat names some of the
//   groups that rest under the receiver, and the answer says which of them it does not lead.

extension StoreNode {
    // MARK: - Heartbeats

    /// Groups that one heartbeat names. More find a lost message sooner, fewer cost less.
    private static let namedGroups = 16
    /// Time between two looks at which nodes share ranges with this one.
    private static let surveyInterval: Duration = .seconds(1)

    /// Begins to send heartbeats, and to expect them.
    func beginHeartbeats() {
        watchMembers()
        scheduleHeartbeat()
    }

    private func scheduleHeartbeat() {
        heartbeatTimer = executor.schedule(after: liveness.interval) { [weak self] in
            self?.assumeIsolated { $0.heartbeat() }
        }
    }

    private func heartbeat() {
        guard failure == nil else { return }
        if now - watchedAt >= Self.surveyInterval { watchMembers() }
        let (due, missing) = liveness.tick(now: now)
        for disk in missing { nodeIsMissing(disk) }
        for member in due { outbox.addHeartbeat(to: member) }
        if !due.isEmpty { scheduleFlush() }
        scheduleHeartbeat()
    }

    /// Looks which nodes share ranges with this one, and tells the leaders here what is known of them.
    private func watchMembers() {
        watchedAt = now
        var members: [DiskID: StoreMember] = [:]
        let own = identity.member.disk
        for range in replicas.keys.sorted() {
            guard let replica = replicas[range] else { continue }
            let told = replica.told?.replicas ?? []
            for other in replica.view.descriptor.replicas + told where other.disk != own {
                members[other.disk] = other.member
            }
        }
        liveness.watch(members.keys.sorted().compactMap { members[$0] }, now: now)
        for range in replicas.keys.sorted() {
            guard let replica = replicas[range] else { continue }
            noteMembers(of: replica)
        }
    }

    /// The groups to name in a heartbeat to the node with a disk.
    func restingClaims(to disk: DiskID) -> [RestingClaim] {
        resting.next(under: disk, atMost: Self.namedGroups).compactMap { range in
            guard let machine = replicas[range]?.machine, let leader = machine.leader else {
                return nil
            }
            return RestingClaim(
                range: range,
                from: machine.number,
                to: leader,
                term: machine.term
            )
        }
    }

    // MARK: - Signs of life

    /// A call of another node's store has come, whose certificate proves the name.
    ///
    /// - Returns: the answer; nil from a store that does not serve any more.
    package func receive(_ call: PeerCall, from node: String, _ process: PeerProcess) -> PeerAnswer?
    {
        guard failure == nil else { return nil }
        if let refusal = refusal(of: process) { return refusal }
        noteLife(of: process, node: node, at: now)
        receive(call.messages, from: node)
        let notLed = call.resting.filter { !leads($0) }.map {
            GroupReplica(range: $0.range, number: $0.to)
        }
        return PeerAnswer(
            starts: identity.starts,
            notLed: notLed,
            lost: lostReplicas(among: call.messages),
            givenUp: call.givenUpChecksum == givenUpChecksum ? [] : givenUp
        )
    }

    /// The answer to a node whose disk was given up: it hears of it, and nothing else.
    func refusal(of process: PeerProcess) -> PeerAnswer? {
        guard givenUp.contains(process.disk) else { return nil }
        return PeerAnswer(starts: identity.starts, givenUp: givenUp)
    }

    /// Whether a replica that rests does so under this node's leadership.
    private func leads(_ claim: RestingClaim) -> Bool {
        guard let machine = replicas[claim.range]?.machine else { return false }
        return machine.role == .leader && machine.number == claim.to && machine.term == claim.term
            && machine.configuration.contains(claim.from)
    }

    /// A node has answered a call that left at a time.
    func answered(_ answer: PeerAnswer, by member: StoreMember, calledAt time: Duration) {
        guard failure == nil else { return }
        if !answer.givenUp.isEmpty { noteGivenUp(answer.givenUp) }
        let process = PeerProcess(disk: member.disk, starts: answer.starts, sendsHeartbeats: nil)
        noteLife(of: process, node: member.node, at: time)
        for group in answer.notLed {
            guard let replica = replicas[group.range], !replica.isLeader,
                replica.machine.leader == group.number
            else { continue }
            wake([group.range])
        }
        noteLost(answer.lost, on: member)
    }

    private func noteLife(of process: PeerProcess, node: String, at time: Duration) {
        let news = liveness.heard(
            process.disk,
            node: node,
            starts: process.starts,
            sendsHeartbeats: process.sendsHeartbeats,
            at: time
        )
        switch news {
        case .none: break
        case .returned: wakeLeaders(withMembersOn: process.disk)
        case .restarted:
            wake(resting.ranges(under: process.disk))
            wakeLeaders(withMembersOn: process.disk)
        }
    }

    private func nodeIsMissing(_ disk: DiskID) {
        let ranges = resting.ranges(under: disk)
        logger.info(
            "a node is missing, \(ranges.count) groups that rested under it elect",
            metadata: [StoreLogKeys.disk: "\(disk)"]
        )
        wake(ranges)
        wakeLeaders(withMembersOn: disk)
    }

    // MARK: - Waking

    /// Wakes replicas that rest as followers.
    private func wake(_ ranges: [RangeID]) {
        let window = CampaignWindow(groups: ranges.count, settings: settings.raft)
        for range in ranges {
            guard let replica = replicas[range] else { continue }
            let isOwner = isOwner(replica.view.descriptor.bounds.upperBound)
            let delay = window.delay(isOwner: isOwner, random: executor.random())
            drive(replica) { $0.wake(campaigningAfter: delay) }
        }
    }

    /// Wakes groups that are led here, as the node of one of their members has died, restarted or come back.
    private func wakeLeaders(withMembersOn disk: DiskID) {
        for range in replicas.keys.sorted() {
            guard let replica = replicas[range], replica.isLeader,
                replica.view.descriptor.replica(on: disk) != nil
            else { continue }
            noteMembers(of: replica)
            drive(replica) { $0.wake() }
        }
    }

    /// Spreads the first campaigns after a start.
    func spreadCampaigns() {
        let window = CampaignWindow(groups: replicas.count, settings: settings.raft)
        for range in replicas.keys.sorted() {
            guard let replica = replicas[range] else { continue }
            let delay = window.delay(isOwner: false, random: executor.random())
            drive(replica) { $0.campaign(after: delay) }
        }
    }

    // MARK: - What the machines know

    /// Tells a leader which members are dead or not watched. One that is awake sends nothing for it.
    func noteMembers(of replica: Replica) {
        guard replica.isLeader else { return }
        var silent: Set<ReplicaNumber> = []
        var unwatched: Set<ReplicaNumber> = []
        for number in replica.machine.configuration.members where number != replica.number {
            switch replica.descriptor(of: number).map({ liveness.state(of: $0.disk) }) {
            case .watched: break
            case .missing: silent.insert(number)
            case .unwatched, nil: unwatched.insert(number)
            }
        }
        let machine = replica.machine
        guard machine.silentReplicas != silent || machine.unwatchedReplicas != unwatched else {
            return
        }
        if machine.isQuiet {
            drive(replica) { $0.setMembers(silent: silent, unwatched: unwatched) }
        } else {
            replica.machine.setMembers(silent: silent, unwatched: unwatched)
        }
    }

    /// A replica has begun or ended its rest, or rests under another leader.
    func noteRest(of replica: Replica) {
        let machine = replica.machine
        if machine.role == .leader {
            // From now on silence counts from the last sign of its node.
            if !machine.isQuiet { replica.observe(liveness) }
            return resting.note(replica.range, under: nil)
        }
        guard machine.isQuiet, machine.halt == nil, let leader = machine.leader,
            let disk = replica.descriptor(of: leader)?.disk
        else { return resting.note(replica.range, under: nil) }
        resting.note(replica.range, under: disk)
        guard liveness.state(of: disk) != .watched else { return }
        // Nobody would notice the leader's death.
        let range = replica.range
        executor.execute { [weak self] in
            self?.assumeIsolated { node in
                guard node.resting.leader(of: range) == disk,
                    node.liveness.state(of: disk) != .watched
                else { return }
                node.wake([range])
            }
        }
    }

    // MARK: - Progress

    /// How far the other replicas are, as this leader sees them. While the group rests, a replica is as silent as
    /// its node.
    func peerProgress(of replica: Replica) -> [ReplicaNumber: PlacementView.Progress] {
        guard let leadership = replica.machine.leadership else { return [:] }
        if replica.machine.isQuiet { replica.observe(liveness) }
        let now = now
        var progress: [ReplicaNumber: PlacementView.Progress] = [:]
        for peer in leadership.peers {
            let known = replica.observed[peer.replica] ?? now
            replica.observed[peer.replica] = known
            let silence = now - max(peer.lastHeard ?? known, known)
            let missing = replica.machine.last.index.entries(after: peer.match)
            progress[peer.replica] = PlacementView.Progress(
                isCaughtUp: missing < 100 && peer.lastHeard != nil
                    && silence < settings.raft.electionTimeoutMinimum,
                silence: silence
            )
        }
        return progress
    }
}

extension Replica {
    /// Notes when the nodes of the other replicas were heard of, for a group that rests or has rested until now.
    fileprivate func observe(_ liveness: NodeLiveness) {
        for peer in machine.leadership?.peers ?? [] {
            guard let disk = descriptor(of: peer.replica)?.disk, let heard = liveness.heard(disk),
                peer.lastHeard != nil
            else { continue }
            observed[peer.replica] = max(observed[peer.replica] ?? heard, heard)
        }
    }
}
