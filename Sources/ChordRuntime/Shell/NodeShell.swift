// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
package import ChordCore
import ChordIdentity
package import ChordRPC
import ChordWire
package import Logging

/// The actor around a node's ``ChordMachine``. It executes the machine's directives and feeds the
/// results back. It makes no decisions about the ring. Once the node is a member, the actor holds
/// no state across an `await`.
package actor NodeShell {
    package nonisolated let executor: any NodeExecutor
    package nonisolated let configuration: RuntimeConfiguration
    /// Changes of this node's place in the ring.
    package nonisolated let events = EventHub<RingEvent>(capacity: 1024)
    /// The same changes for clients that watch over the network.
    nonisolated let watchers: WatchFeed
    /// Sends whether this node is a member, at each change.
    nonisolated let membership = EventHub<Bool>(capacity: 1)
    nonisolated let peers: PeerCalls
    nonisolated let states: StateQuerier
    nonisolated let published: PublishedView
    /// Members beside the routing table.
    nonisolated let members: KnownMembers
    /// Members that lookups go around at present.
    nonisolated var silent: SilentPeers { states.silent }
    /// The time of the last call from another member.
    nonisolated let heard = LastHeard()
    /// What this node has left to its predecessor.
    nonisolated let grants = Grants()
    nonisolated let logger: Logger
    nonisolated let metrics: RuntimeMetrics

    package internal(set) var machine: ChordMachine
    var ticker: ScheduledWork?
    var isPromptRoundDue = false
    /// The successor list as it was before its members began to fail. It is cleared when one of
    /// them answers.
    var failingList: [NodeReference] = []
    /// The time since which each peer has been busy.
    var busySince: [Identifier: MonotonicTime] = [:]
    var joinWaiters: [Int: CheckedContinuation<Void, any Error>] = [:]
    var endWaiters: [Int: CheckedContinuation<ChordError?, Never>] = [:]
    /// Pauses between attempts to join.
    var pauses: [Int: (continuation: CheckedContinuation<Void, Never>, timer: ScheduledWork)] = [:]
    var lastWaiter = 0
    /// The contacts that a lone node asks again, and the time of the next attempt.
    var company = Company()
    /// The founding state, if this node is a founder.
    var founding: FoundingMachine?
    var foundingWaiter: CheckedContinuation<FoundingOutcome, Never>?
    var foundingTimer: ScheduledWork?
    /// Whether this node is expected back, once it is about to leave.
    package internal(set) var leaveIntent = LeaveNotice.Intent.unspecified
    /// The number of Leave calls without an answer.
    var leavesUnderWay = 0
    /// The number of neighbours that have not heard yet of the newer process for which this one stops; nil if
    /// there is none.
    var untoldNeighbours: Int?
    /// Nodes with another identifier rule that were logged lately.
    var misfits = Misfits()
    /// Reachability of claimants, of our own link, and of this node from its head.
    var reach: Reach
    var leaveWaiters: [CheckedContinuation<Void, Never>] = []
    /// Detects that this node's share of the circle is larger than chance explains.
    var balance = BalanceWatch()
    /// The started services, in the order of their start.
    var services: [any NodeService] = []
    /// The place that the services were last told.
    var place = NodePlace.outside
    /// The services that delay leaving, while they do.
    var departure: Departure?
    /// Whether this node makes the first range of its ring's store.
    var givesBirthToStore = false
    /// The stores that other founders' disks belong to, by the founders' names.
    var founderStores: [String: StoreID] = [:]
    /// Whether the services have had their time to prepare for leaving.
    var isPrepared = false
    /// Why the node ended; nil while it runs.
    var end: End?
    /// Whether the node has been a member since its start.
    package internal(set) var hasJoined = false
    /// Whether the node has not ended yet.
    package var isRunning: Bool { end == nil }

    enum End {
        case left
        case failed(ChordError)
    }

    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        executor.asUnownedSerialExecutor()
    }

    /// Makes a node that is not a member; `join(through:for:)` or `create()` make it one.
    package init(
        configuration: RuntimeConfiguration,
        executor: any NodeExecutor,
        transport: any ClientTransport,
        logger: Logger
    ) {
        self.configuration = configuration
        self.executor = executor
        watchers = WatchFeed(executor: executor, space: configuration.parameters.space)
        let rule = configuration.rule
        var node = NodeReference(
            id: .zero,
            name: configuration.name,
            address: configuration.address,
            incarnation: executor.wallClockMilliseconds
        )
        node.disk = configuration.disk
        node.failureDomain = configuration.failureDomain
        node = rule.node(node, at: 0)
        var logger = logger
        logger[metadataKey: LogKeys.node] = "\(configuration.name)"
        logger[metadataKey: LogKeys.ring] = "\(configuration.parameters.ring)"
        self.logger = logger
        metrics = RuntimeMetrics(node: configuration.name)
        machine = ChordMachine(
            node: node,
            parameters: configuration.parameters,
            configuration: configuration.machine
        )
        reach = Reach(claims: ClaimTable(owner: node.id, space: configuration.parameters.space))
        let published = PublishedView(machine.view)
        self.published = published
        let members = KnownMembers(configuration.lookups.memberCache)
        self.members = members
        peers = PeerCalls(
            transport: transport,
            limits: configuration.failureDetection,
            dialects: configuration.dialects
        )
        states = StateQuerier(
            peers: peers,
            now: executor.now,
            parameters: { published.current.view.parameters },
            rule: rule,
            latestIncarnation: {
                Self.latestIncarnation(.hearsay, configuration.clockTolerance, executor)
            },
            known: {
                let view = published.current.view
                return view.table.entries + [view.predecessor, view.node]
            }
        )
    }

    /// The parameters that all members of the ring share. They are those of the configuration until the
    /// node joins.
    package nonisolated var parameters: RingParameters { published.current.view.parameters }

    /// The node's place in the ring as last published. It can be read from any thread.
    package nonisolated var view: RoutingView { published.current.view }

    /// Runs `body` on the actor, from any thread.
    nonisolated func enter(_ body: @escaping @Sendable (isolated NodeShell) -> Void) {
        executor.execute { self.assumeIsolated(body) }
    }

    // MARK: Calls of peers

    func nudged(by successor: NodeReference) {
        perform(machine.nudged(by: successor.id))
    }

    func neighbourLeft(_ leaveNotice: LeaveNotice) {
        var leaveNotice = leaveNotice
        leaveNotice.state.successors = admissible(leaveNotice.state.successors)
        leaveNotice.lost = leaveNotice.lost.flatMap { admissible([$0]) }
        if admissible([leaveNotice.state.predecessor]).isEmpty {
            leaveNotice.state.predecessor = leaveNotice.state.node
        }
        perform(machine.neighbourLeft(leaveNotice))
    }

    func suspect(_ id: Identifier) {
        perform(machine.suspect(id))
    }

    /// A connection to a peer broke. The peer is probably dead, and a neighbour is asked at once.
    package nonisolated func connectionLost(to address: String) {
        members.doubt(address: address, at: executor.now)
        let view = view
        guard view.isMember else { return }
        let known = [view.predecessor] + view.table.entries
        guard let node = known.first(where: { $0.address == address }), node.id != view.node.id
        else { return }
        enter { $0.suspect(node.id) }
    }

    /// The reason why a node's claim about itself is refused; nil if its certificate proves the
    /// claim.
    ///
    /// A certificate that proves only a host accepts any name at that host.
    nonisolated func refusal(
        of claim: NodeReference,
        claimedBy peer: PeerIdentity,
        as part: String
    ) -> Status? {
        if peer.role != .node {
            return Status(.permissionDenied, "\(peer) is not a node and cannot be a \(part)")
        }
        if peer.proof == .spiffe, peer.name != claim.name {
            return Status(
                .permissionDenied,
                "\(peer) may name only itself as \(part), not \(claim.name)"
            )
        }
        if peer.proof == .host, !peer.holds(forHost: NetworkAddress.host(of: claim.address)) {
            return Status(
                .permissionDenied,
                "\(peer) may name only itself as \(part), not the address \(claim.address)"
            )
        }
        let latest = latestIncarnation(.claimed)
        guard claim.incarnation <= latest else {
            return Status(
                .invalidArgument,
                "\(claim.name) names a start time (\(claim.incarnation) ms after 1970) that is more than "
                    + "\(configuration.clockTolerance / 2) ahead of the clock of "
                    + "\(configuration.name); is one of the two clocks wrong?"
            )
        }
        guard isRightlyPlaced(claim) else {
            let parameters = parameters
            guard claim.placeIndex < parameters.placements else {
                return Status(
                    .invalidArgument,
                    "\(claim.name) at \(claim.address) claims place \(claim.placeIndex), and the ring "
                        + "gives each node \(parameters.placements), from 0"
                )
            }
            let width = parameters.space.width
            let right = states.rule.node(claim, at: claim.placeIndex).id
            return Status(
                .invalidArgument,
                "\(claim.name) at \(claim.address) claims identifier "
                    + "\(claim.id.hexadecimal(width: width)), and the ring's rule gives "
                    + right.hexadecimal(width: width)
            )
        }
        return nil
    }

    nonisolated func isRightlyPlaced(_ node: NodeReference) -> Bool {
        states.isRightlyPlaced(node)
    }

    nonisolated func admissible(_ nodes: [NodeReference]) -> [NodeReference] {
        states.admissible(nodes)
    }

    // MARK: Ending

    func finish(_ reason: End) {
        guard end == nil else { return }
        end = reason
        ticker?.cancel()
        ticker = nil
        let error: ChordError? =
            switch reason {
            case .left: nil
            case .failed(let error): error
            }
        // The keys are sorted because the order of a dictionary differs between runs.
        for key in joinWaiters.keys.sorted() {
            joinWaiters.removeValue(forKey: key)?.resume(
                throwing: error ?? ChordError(.stopped, "the node left before it had joined")
            )
        }
        for key in endWaiters.keys.sorted() {
            endWaiters.removeValue(forKey: key)?.resume(returning: error)
        }
        endPauses()
        for waiter in reach.waiters { waiter.timer.cancel() }
        reach.waiters = []
        reach.rounds = [:]
        stopFounding()
        endDeparture()
        events.finish()
        watchers.finish()
        membership.finish()
    }

    /// Waits until the node has ended.
    ///
    /// - Returns: the reason. Nil if the node left on request, or if the waiting task was
    ///   cancelled.
    package func waitForEnd() async -> ChordError? {
        lastWaiter += 1
        let key = lastWaiter
        return await withTaskCancellationHandler {
            // This is checked here because the actor may have run other work while this method was
            // entered.
            await withCheckedContinuation { continuation in
                switch end {
                case .left: continuation.resume(returning: nil)
                case .failed(let error): continuation.resume(returning: error)
                case nil where Task.isCancelled: continuation.resume(returning: nil)
                case nil: endWaiters[key] = continuation
                }
            }
        } onCancel: {
            enter { $0.endWaiters.removeValue(forKey: key)?.resume(returning: nil) }
        }
    }
}
