// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore
import ChordIdentity
package import ChordRPC
import ChordWire
package import Logging

/// The actor around a node's ``ChordMachine``: it carries out the machine's directives and feeds the results
/// back. It decides nothing about the ring, and holds no state across an `await` once it is a member.
package actor NodeShell {
    package nonisolated let executor: any NodeExecutor
    package nonisolated let configuration: RuntimeConfiguration
    /// Changes of this node's place in the ring.
    package nonisolated let events = EventHub<RingEvent>(capacity: 1024)
    /// The same for clients that watch it over the network.
    nonisolated let watchers: WatchFeed
    /// Whether this node is a member, whenever that changes.
    nonisolated let membership = EventHub<Bool>(capacity: 1)
    nonisolated let peers: PeerCalls
    nonisolated let states: StateQuerier
    nonisolated let published: PublishedView
    /// When another member has last called this node.
    nonisolated let heard = LastHeard()
    nonisolated let logger: Logger
    nonisolated let metrics: RuntimeMetrics

    package internal(set) var machine: ChordMachine
    var ticker: ScheduledWork?
    var isPromptRoundDue = false
    /// The successor list before the first of its members was found dead that none has answered since.
    var failingList: [NodeReference] = []
    /// Since when peers have put our questions off.
    var busySince: [Identifier: MonotonicTime] = [:]
    var joinWaiters: [Int: CheckedContinuation<Void, any Error>] = [:]
    var endWaiters: [Int: CheckedContinuation<ChordError?, Never>] = [:]
    /// Waits between two attempts to join.
    var pauses: [Int: (continuation: CheckedContinuation<Void, Never>, timer: ScheduledWork)] = [:]
    var lastWaiter = 0
    /// The contacts that a node that is alone asks again, and when.
    var company = Company()
    /// This node's part in founding a ring, where it is a founder.
    var founding: FoundingMachine?
    var foundingWaiter: CheckedContinuation<FoundingOutcome, Never>?
    var foundingTimer: ScheduledWork?
    /// Leave calls that are not answered yet.
    var leavesUnderWay = 0
    /// Nodes of another rule that the log has named lately.
    var misfits = Misfits()
    /// Reachability: of claimants, of our own link, and of this node from its head.
    var reach: Reach
    var leaveWaiters: [CheckedContinuation<Void, Never>] = []
    /// Whether this node's share of the circle is larger than chance explains.
    var balance = BalanceWatch()
    /// The services that have started, in that order.
    var services: [any NodeService] = []
    /// The place that services have last heard of.
    var place = NodePlace.outside
    /// Services that hold up leaving, while they do.
    var departure: Departure?
    /// The services have had their time before the node leaves.
    var isPrepared = false
    /// Why the node stopped, once it has.
    var end: End?
    /// The node has been a member in this life.
    package internal(set) var hasJoined = false
    /// The node has not ended yet.
    package var isRunning: Bool { end == nil }

    enum End {
        case left
        case failed(ChordError)
    }

    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        executor.asUnownedSerialExecutor()
    }

    /// A node outside of any ring; `join(through:for:)` or `create()` make it a member.
    package init(
        configuration: RuntimeConfiguration,
        executor: any NodeExecutor,
        transport: any ClientTransport,
        logger: Logger
    ) {
        self.configuration = configuration
        self.executor = executor
        watchers = WatchFeed(executor: executor, space: configuration.parameters.space)
        let node = NodeReference(
            id: configuration.identifier(
                name: configuration.name,
                address: configuration.address
            ),
            name: configuration.name,
            address: configuration.address,
            incarnation: executor.wallClockMilliseconds
        )
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
        peers = PeerCalls(
            transport: transport,
            limits: configuration.failureDetection,
            dialects: configuration.dialects
        )
        states = StateQuerier(
            peers: peers,
            parameters: configuration.parameters,
            place: configuration.identifier,
            latestIncarnation: {
                Self.latestIncarnation(.hearsay, configuration.clockTolerance, executor)
            },
            known: {
                let view = published.current.view
                return view.table.entries + [view.predecessor, view.node]
            }
        )
    }

    /// The node's place in the ring as last published; from any thread.
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
        perform(machine.neighbourLeft(leaveNotice))
    }

    func suspect(_ id: Identifier) {
        perform(machine.suspect(id))
    }

    /// A connection to a peer broke: its death is likely, and a neighbour's is worth a look at once.
    package nonisolated func connectionLost(to address: String) {
        let view = view
        guard view.isMember else { return }
        let known = [view.predecessor] + view.table.entries
        guard let node = known.first(where: { $0.address == address }), node.id != view.node.id
        else { return }
        enter { $0.suspect(node.id) }
    }

    /// Why a node's claim about itself is refused; nil where its certificate bears it out.
    ///
    /// A certificate that proves only a host bears out any name there.
    nonisolated func refusal(
        of claim: NodeReference,
        claimedBy peer: PeerIdentity,
        as part: String
    ) -> Status? {
        if peer.role != .node {
            return Status(.permissionDenied, "\(peer) is no node and cannot be a \(part)")
        }
        if peer.proof == .spiffe, peer.name != claim.name {
            return Status(
                .permissionDenied,
                "\(peer) speaks for itself only, and the \(part) is \(claim.name)"
            )
        }
        if peer.proof == .host, !peer.holds(forHost: NetworkAddress.host(of: claim.address)) {
            return Status(
                .permissionDenied,
                "\(peer) speaks for itself only, and the \(part) listens at \(claim.address)"
            )
        }
        let latest = latestIncarnation(.claimed)
        guard claim.incarnation <= latest else {
            return Status(
                .invalidArgument,
                "\(claim.name) began its life \(claim.incarnation) ms after 1970, which is more than "
                    + "\(configuration.clockTolerance / 2) ahead of the clock of "
                    + "\(configuration.name); is one of the two clocks wrong?"
            )
        }
        guard isRightlyPlaced(claim) else {
            let width = configuration.parameters.space.width
            let right = configuration.identifier(name: claim.name, address: claim.address)
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
        // In the order in which they came: a dictionary's own differs from run to run.
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
    /// - Returns: why, or nil where it left of its own accord, or where the waiting task was cancelled.
    package func waitForEnd() async -> ChordError? {
        lastWaiter += 1
        let key = lastWaiter
        return await withTaskCancellationHandler {
            // Looked at here and not before: on the way to here the actor may have run other things.
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
