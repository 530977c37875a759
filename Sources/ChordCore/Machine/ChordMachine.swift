// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// The protocol of "How to Make Chord Correct" (Pamela Zave, arXiv 1502.06461), as a value.
//
// Terms are the paper's: a *member* has joined; its *successor list* holds r entries; `prdc` is its
// predecessor. Between two events a member has at most one maintenance *operation* under way, rectify
// included, with one saved node.
//
// Where this differs from the paper, and why:
// - Lists are cut before the owner's own identifier and where they are out of order. In the rings of
//   the proof (r + 1 members and more, an ordered base) there is nothing to cut; in rings that grow
//   from one node there is.
// - A node that is its successor's predecessor already does not notify it again: nothing would change.
// - A Leave is a failure that is known without waiting; the predecessor is marked as gone, so that
//   rectify need not probe it.
// - When the last successor fails, the paper's precondition is broken. The node then goes on from its
//   fingers and its predecessor rather than declaring itself alone.
// - A node whose list has changed nudges its predecessor, and one that adopts a nearer predecessor nudges
//   the old one. A nudge makes a round happen now rather than at the next tick, and nothing else; so a
//   change spreads backwards in round trips rather than in intervals.
// - A node that this one cannot reach, and other members can, is no failure: as a predecessor it stays, and
//   as a head it stays while the next member names it (ChordMachine+Unreached.swift). The paper knows no
//   broken links; where there are none, this changes nothing.
// - A Notify comes in once its sender was reached (ClaimTable): to the proof it is only late. What this node
//   owns it reports once its head has named it (RangeTenure): the state changes as in the paper.
// - In the mode `answering`, state queries are answered while an operation is under way.

/// One node's part in the protocol. Its mutating methods take inputs and return directives. It does
/// no I/O and has no clock, so a test or a simulator can drive it.
package struct ChordMachine: Hashable, Sendable {
    /// How a node treats state queries during its own operation.
    package enum QueryMode: String, Hashable, Sendable {
        /// It answers at once from its present state: faster, but weaker than the proof.
        case answering
        /// It answers "busy", and the caller tries again: the proof assumes this.
        case delaying
    }

    /// The machine's settings.
    package struct Configuration: Hashable, Sendable {
        /// How to treat state queries during an operation.
        package var queryMode = QueryMode.answering
        /// The number of prompt rounds that may follow each other without ticks. A higher number
        /// converges faster after many joins; a lower one limits the traffic of an unstable ring.
        package var promptCapacity = 32
        /// The number of prompt rounds that each tick adds.
        package var promptRefill = 4
        /// Ticks between two finger passes while nothing changes. A lower number repairs fingers
        /// sooner; each pass costs log N lookups.
        package var fingerQuietTicks = 3
        /// Ticks between two looks whether another life of this node stands at one of its other places. Fewer
        /// find two lives of one name sooner, and cost a lookup each time.
        package var rivalTicks = 10
        /// Ticks for which the predecessor of a node that has left is left its range without having notified
        /// this node. More give it more time to notice that its head has left; fewer take over sooner what a
        /// dead one owned.
        package var heirTicks = 6
        /// How separate rings find each other.
        package var merging = MergeSettings()

        /// The defaults.
        package init() {}
    }

    /// The node's phase.
    package typealias Phase = NodePhase

    /// The saved node of the present operation.
    enum Operation: Hashable, Sendable {
        /// Asked the head of the list.
        case stabilizeFromSuccessor(Token, head: NodeReference)
        /// Asked the head's predecessor, which stands between us and the head.
        case stabilizeFromPredecessor(Token, candidate: NodeReference, head: NodeReference?)
        /// Asked the old predecessor whether it is alive, because `candidate` wants its place.
        case rectify(Token, candidate: NodeReference)
        /// Asked a member that offered itself as our successor; it may be in another ring.
        case unite(Token, candidate: NodeReference, head: NodeReference?)
        /// Asked the next entry of the list, as the ones before it cannot be reached from here.
        case stabilizePast(Token, unreached: [NodeReference], next: NodeReference)

        var token: Token {
            switch self {
            case .stabilizeFromSuccessor(let token, _),
                .stabilizeFromPredecessor(let token, _, _), .rectify(let token, _),
                .unite(let token, _, _), .stabilizePast(let token, _, _):
                token
            }
        }
    }

    /// A pass over the fingers: everything up to `confirmed` is right.
    struct FingerPass: Hashable, Sendable {
        var token: Token
        var target: Identifier
        var confirmed: Identifier
        var changed: Bool
    }

    /// The node itself.
    package internal(set) var node: NodeReference
    /// The parameters that all members of the ring share.
    package internal(set) var parameters: RingParameters
    /// The settings.
    package let configuration: Configuration
    /// The node's phase.
    package internal(set) var phase = Phase.notJoined
    /// The successor list.
    package internal(set) var successors = SuccessorList.empty
    /// The predecessor; the node itself if it is alone or not a member.
    package internal(set) var predecessor: NodeReference
    /// Fingers and successors.
    package internal(set) var table: RoutingTable

    /// The head, if this node cannot reach it and keeps it because others can.
    package internal(set) var unreachedHead: NodeReference?
    /// The live predecessor that the present one has replaced.
    package internal(set) var formerPredecessor: NodeReference?
    /// Predecessors that were taken for dead and may still own their ranges, the nearest first. This node
    /// owns nothing up to the nearest.
    package internal(set) var formerOwners: [NodeReference] = []
    /// The predecessor of a predecessor that has left, as the leaver named it. It owns what lies up to it, and
    /// has not notified this node yet.
    package internal(set) var heir: NodeReference?
    /// Ticks since the heir was named.
    var heirTicks = 0
    /// Whether the predecessor has announced that it leaves, so that it need not be probed.
    var isPredecessorGone = false
    var operation: Operation?
    /// The nearest of the nodes that notified us during an operation.
    var waitingCandidate: NodeReference?
    /// Whether a round was requested during an operation.
    var isRoundWaiting = false
    var fingerPass: FingerPass?
    var rivalSearch = RivalSearch()
    var merging: Merging
    var quietTicks = 0
    var promptTokens: Int
    private var lastToken: UInt64 = 0

    /// A node that is not a member.
    package init(
        node: NodeReference,
        parameters: RingParameters,
        configuration: Configuration = Configuration()
    ) {
        self.node = node
        self.parameters = parameters
        self.configuration = configuration
        predecessor = node
        table = RoutingTable(owner: node.id, space: parameters.space)
        promptTokens = configuration.promptCapacity
        merging = Merging(configuration.merging)
    }

    /// The state from which requests are answered.
    package var view: RoutingView {
        RoutingView(
            node: node,
            phase: phase,
            isDelaying: configuration.queryMode == .delaying && operation != nil,
            predecessor: predecessor,
            successors: successors.entries,
            table: table,
            parameters: parameters,
            unreachedHead: unreachedHead?.id == successors.head?.id ? unreachedHead : nil,
            formerOwners: formerOwners,
            heir: heir
        )
    }

    /// Whether this node is a member and knows no other member.
    package var isAlone: Bool {
        phase == .member && successors.head == nil && predecessor.id == node.id
    }

    /// Whether an operation is in progress.
    package var isBusy: Bool { operation != nil }

    var limit: Int { parameters.successorCount }

    mutating func nextToken() -> Token {
        lastToken += 1
        return Token(number: lastToken)
    }

    // MARK: Membership

    /// Makes the first node of a new ring.
    ///
    /// The proof's guarantee starts once the ring has r + 1 members.
    package mutating func create() -> [Directive] {
        precondition(phase == .notJoined, "create() on a node that is \(phase)")
        return changing(.joined) { machine, _ in
            machine.phase = .member
            machine.predecessor = machine.node
        }
    }

    /// Joins after a member that answered with its state (Join of the paper): copies its list and takes it as
    /// predecessor. No other node is told: stabilization does that.
    ///
    /// - Parameters:
    ///   - state: the member's answer.
    ///   - incarnationLimit: the highest incarnation of a former life that is believed. The member says
    ///     it, and nobody has verified it.
    /// - Returns: nil when `state` is not the state of the member right before this node: another node has
    ///   joined between, or the node was misled. The caller then looks up its place again.
    package mutating func join(
        after state: RingState,
        incarnationLimit: UInt64 = Incarnation.highest
    ) -> [Directive]? {
        precondition(phase == .notJoined, "join(after:) on a node that is \(phase)")
        let member = state.node
        // The member may still list a former life of this node, which is no successor of ours.
        let list = state.successors.filter { $0.id != node.id }
        guard member.id != node.id else { return nil }
        if let head = list.first, head.id != member.id,
            !node.id.isBetween(member.id, and: head.id)
        {
            return nil
        }
        let former = state.successors.first { $0.id == node.id }?.incarnation ?? 0
        return changing(.joined) { machine, directives in
            _ = machine.raiseIncarnation(above: min(former, incarnationLimit))
            machine.phase = .member
            machine.predecessor = member
            machine.successors = SuccessorList(
                of: machine.node.id,
                from: list.isEmpty ? [member] : list,
                limit: machine.limit
            )
            if machine.successors.head == nil {
                machine.successors = SuccessorList(
                    of: machine.node.id,
                    from: [member],
                    limit: machine.limit
                )
            }
            // The first pass over the fingers need not wait: without them lookups go along the lists.
            machine.quietTicks = machine.configuration.fingerQuietTicks
            machine.wantRound(&directives)
        }
    }

    /// Records an earlier incarnation of this node, before it joins or when one is found dead.
    /// References to it must not count as newer than those to the present one. The caller limits
    /// `former`, because it comes from a peer.
    package mutating func raiseIncarnation(above former: UInt64) -> [Directive] {
        let raised = Incarnation.following(former)
        guard raised > node.incarnation else { return [] }
        node.incarnation = raised
        return [.publish]
    }

    /// Takes over parameters of the ring that this node is about to join or to begin.
    package mutating func adopt(_ parameters: RingParameters) -> [Directive] {
        precondition(
            phase == .notJoined || phase == .founding,
            "adopt(_:) on a node that is \(phase)"
        )
        precondition(parameters.space == self.parameters.space, "adopt(_:) of another width")
        self.parameters = parameters
        return [.publish]
    }

    /// Stands at another of this node's places from now on. It is outside of any ring yet.
    ///
    /// - Parameter place: the node at that place.
    package mutating func move(to place: NodeReference) -> [Directive] {
        precondition(
            phase == .notJoined || phase == .founding,
            "move(to:) on a node that is \(phase)"
        )
        guard place.id != node.id || place.placeIndex != node.placeIndex else { return [] }
        node.id = place.id
        node.placeIndex = place.placeIndex
        predecessor = node
        table = RoutingTable(owner: node.id, space: parameters.space)
        return [.publish]
    }

    /// Leaves the ring: the neighbours are told, and every later query is answered "not a member".
    ///
    /// - Parameter intent: whether the node is expected back; the neighbours hear of it.
    package mutating func leave(intent: LeaveNotice.Intent = .unspecified) -> [Directive] {
        guard phase == .member else {
            phase = .left
            return [.publish]
        }
        let range = view.range
        var directives: [Directive] = []
        var told: Set<Identifier> = [node.id]
        let leaveNotice = LeaveNotice(
            state: RingState(
                node: node,
                predecessor: predecessor,
                successors: successors.entries
            ),
            lost: Array(merging.lost.entries.prefix(LeaveNotice.lostLimit)),
            intent: intent
        )
        for neighbour in [predecessor] + successors.entries.prefix(1)
        where told.insert(neighbour.id).inserted {
            directives.append(.sendLeave(neighbour, leaveNotice))
        }
        phase = .left
        formerOwners = []
        heir = nil
        operation = nil
        fingerPass = nil
        rivalSearch = RivalSearch()
        waitingCandidate = nil
        merging = Merging(configuration.merging)
        directives += [
            .publish, .report(.rangeChanged(from: range, to: nil, cause: .left)), .report(.left),
        ]
        return directives
    }

    // MARK: Comparing before and after

    /// Runs a change and reports its results. Every directive about a change is made here and
    /// nowhere else.
    mutating func changing(
        _ cause: RingEvent.Cause,
        _ change: (inout ChordMachine, inout [Directive]) -> Void
    ) -> [Directive] {
        let before = view
        var directives: [Directive] = []
        change(&self, &directives)
        // Nodes that the new list passes over may be alive behind a partition and return, so they
        // are remembered. A node that left is not among them, because the change itself removed it
        // from the table.
        let missing = table.take(over: successors)
        if before.isMember { remember(missing) }
        let after = view
        guard after != before else { return directives }
        directives.append(.publish)
        guard after.isMember else { return directives }
        if !before.isMember {
            directives.append(.report(.joined(after.state)))
            directives.append(.report(.rangeChanged(from: nil, to: after.range, cause: cause)))
            return directives
        }
        if after.predecessor != before.predecessor {
            directives.append(
                .report(
                    .predecessorChanged(
                        from: before.predecessor,
                        to: after.predecessor,
                        cause: cause
                    )
                )
            )
        }
        if after.range != before.range {
            directives.append(
                .report(.rangeChanged(from: before.range, to: after.range, cause: cause))
            )
        }
        if after.successors != before.successors {
            directives.append(
                .report(
                    .successorsChanged(
                        from: before.successors,
                        to: after.successors,
                        cause: cause
                    )
                )
            )
        }
        let isListChanged = after.successors.map(\.id) != before.successors.map(\.id)
        if isListChanged || after.predecessor.id != before.predecessor.id {
            wantRound(&directives)
        }
        if isListChanged, predecessor.id != node.id, !isPredecessorGone {
            directives.append(.nudge(predecessor))
        }
        return directives
    }

    /// Requests a prompt round if the bucket is not empty.
    mutating func wantRound(_ directives: inout [Directive]) {
        guard promptTokens > 0, !directives.contains(.roundSoon) else { return }
        promptTokens -= 1
        directives.append(.roundSoon)
    }
}
