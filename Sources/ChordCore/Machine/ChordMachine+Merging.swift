// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// Rings that came apart become one again (Shafaat, Ghodsi and Haridi, "Handling Network Partitions and
// Mergers in Structured Overlay Networks"; docs/merging.md). Terms: the *place* of a node in some ring is
// right after the last member before its identifier; a *contact* is a member that may be of another ring.
//
// The node keeps those that it lost in a passive list and looks up its own place through one of them now
// and then. Where the member before its place is not its predecessor, it offers itself to that member,
// which asks it for its state and takes it for its successor as it would a node that joined (Join and
// StabilizeFromPredecessor of "How to Make Chord Correct": a live member between a node and its head may
// always become the head). The former head and some nodes of the table then hear of the contact and look
// up their own places in the other ring. The rest is what stabilization does anyway.
//
// Where this differs from the paper, and why:
// - mlookup is an ordinary lookup, answered to the node that asked, and trymerge is an offer of that node
//   about itself. So no node is believed about another, and a pointer changes by Zave's steps only.
// - The paper spreads each mlookup before it is known whether there are two rings. Here a node tells others
//   only after it has found a new place for itself; a false alarm ends with one lookup.
// - Members also look up their own place through nodes of their table. That finds rings which are wound
//   around the circle twice, whose members have lost no member.

extension ChordMachine {
    /// The result of looking up this node's place.
    package enum PlaceAnswer: Hashable, Sendable {
        /// The member right before the place, in the contact's ring, and whether its head is this node.
        case after(NodeReference, isHead: Bool)
        /// The contact is alive, and the lookup failed.
        case unknown
        /// The contact did not answer.
        case dead
    }

    /// A node's state about rings that it may merge with.
    struct Merging: Hashable, Sendable {
        /// A look for our own place that is under way.
        struct Search: Hashable, Sendable {
            var token: Token
            var contact: NodeReference
            /// Whether the contact is probably of another ring, so that it is worth remembering.
            var isForeign: Bool
        }

        var lost = PassiveList()
        var search: Search?
        /// The contact to look through next.
        var nextContact: NodeReference?
        /// The nearest of the members that offered themselves while an operation was under way.
        var waitingOffer: NodeReference?
        /// Lookups that other nodes may still cause before the next tick.
        var tokens = 8
        var ticksToProbe = 0
        var ticksToCheck: Int
        /// Probes of lost members since the last one was added, none of them answered.
        var vainProbes = 0
        /// The index of the table entry that is told or asked next.
        var turn = 0

        init(_ settings: MergeSettings) {
            // A new node has just been placed: its first lookup can wait.
            ticksToCheck = settings.checkTicks
        }
    }

    /// The members that this node lost, last lost first.
    package var lostMembers: [NodeReference] { merging.lost.entries }

    /// All nodes that this node calls sooner or later: those that it routes by, and the lost ones. The
    /// predecessor is among them only if no other node is known, as any nearer node may take its place.
    package var acquaintances: [NodeReference] {
        (successors.head == nil ? [predecessor] : []) + table.entries + merging.lost.entries
            + [merging.search?.contact, merging.nextContact].compactMap { $0 }
    }

    // MARK: Lost members

    /// A new neighbour does not know which members were lost before it came. It is told two of them, so that
    /// the knowledge of another ring survives the failure of a few nodes. (A node that leaves names more of
    /// them in its Leave.)
    func handOver(to neighbour: NodeReference) -> [Directive] {
        merging.lost.entries.filter { $0.id != neighbour.id }.prefix(2).map {
            .meet(neighbour, contact: $0)
        }
    }

    mutating func lose(_ node: NodeReference) {
        guard node.id != self.node.id, configuration.merging.isOn else { return }
        merging.lost.add(node)
        merging.vainProbes = 0
    }

    /// Remembers members of a former life, or of a list: they count as lost until one of them answers.
    package mutating func remember(_ nodes: some Sequence<NodeReference>) {
        for node in nodes { lose(node) }
    }

    // MARK: Looking up this node's own place

    /// An interval has passed: it is the turn of a lost member, or of a node of the table.
    mutating func startPlaceSearchIfDue() -> [Directive] {
        let settings = configuration.merging
        guard settings.isOn else { return [] }
        merging.tokens = min(8, merging.tokens + 2)
        merging.ticksToProbe -= 1
        merging.ticksToCheck -= 1
        guard merging.search == nil else { return [] }
        if merging.ticksToProbe <= 0, let lost = merging.lost.takeTurn() {
            let isLong = merging.vainProbes >= settings.probesUntilSlow
            merging.vainProbes += 1
            merging.ticksToProbe = isLong ? settings.slowProbeTicks : settings.probeTicks
            return findPlace(through: lost, isForeign: true)
        }
        if merging.ticksToCheck <= 0, let known = nextOfTable(1).first {
            merging.ticksToCheck = settings.checkTicks
            return findPlace(through: known, isForeign: false)
        }
        return []
    }

    private mutating func findPlace(
        through contact: NodeReference,
        isForeign: Bool
    ) -> [Directive] {
        let token = nextToken()
        merging.search = Merging.Search(token: token, contact: contact, isForeign: isForeign)
        return [.findPlace(token, via: contact)]
    }

    /// An operator says that `contact` is a member of another ring. It is remembered until the rings are one.
    package mutating func merge(with contact: NodeReference) -> [Directive] {
        lose(contact)
        return met(contact)
    }

    /// A member of this ring says that `contact` is one of another.
    package mutating func met(_ contact: NodeReference) -> [Directive] {
        guard phase == .member, contact.id != node.id, configuration.merging.isOn else { return [] }
        guard merging.search == nil, merging.tokens > 0 else {
            if merging.nextContact == nil { merging.nextContact = contact } else { lose(contact) }
            return []
        }
        merging.tokens -= 1
        return findPlace(through: contact, isForeign: true)
    }

    /// Takes the result of a lookup of our place. A result with a stale token changes nothing.
    package mutating func resolvePlace(_ answer: PlaceAnswer, for token: Token) -> [Directive] {
        guard phase == .member, let search = merging.search, search.token == token else {
            return []
        }
        merging.search = nil
        var directives: [Directive] = []
        switch answer {
        case .dead, .unknown:
            // Perhaps no other node knows of it: it is asked again when its turn comes.
            if search.isForeign { merging.lost.add(search.contact) }
        case .after(let member, let isHead):
            // Some of the lost are alive: the next one need not wait for its turn.
            merging.ticksToProbe = 0
            if isHead || member.id == node.id {
                // Its ring knows us: a false alarm, or done.
                merging.lost.remove(search.contact.id)
            } else {
                merging.vainProbes = 0
                if search.isForeign { merging.lost.add(search.contact) }
                directives.append(.offer(member))
            }
        }
        if let contact = merging.nextContact, merging.tokens > 0 {
            merging.nextContact = nil
            directives += met(contact)
        }
        return directives
    }

    // MARK: Taking a member of another ring in

    /// A member says that its place is right after us. The shell has checked that it speaks about itself.
    package mutating func offered(by candidate: NodeReference) -> [Directive] {
        guard phase == .member, isNearer(candidate) else { return [] }
        if operation == nil { return unite(with: candidate) }
        if let waiting = merging.waitingOffer, waiting.id.isBetween(node.id, and: candidate.id) {
            return []
        }
        merging.waitingOffer = candidate
        return []
    }

    /// Whether a node stands between us and our head.
    private func isNearer(_ candidate: NodeReference) -> Bool {
        guard candidate.id != node.id else { return false }
        guard let head = successors.head else { return true }
        return candidate.id != head.id && candidate.id.isBetween(node.id, and: head.id)
    }

    /// Asks the member for its state before anything changes.
    mutating func unite(with candidate: NodeReference) -> [Directive] {
        guard isNearer(candidate) else { return [] }
        let head = successors.head
        return starting(.unite(nextToken(), candidate: candidate, head: head), asking: candidate)
    }

    mutating func offerAnswered(
        _ answer: StateAnswer,
        candidate: NodeReference,
        head: NodeReference?
    ) -> [Directive] {
        guard successors.head?.id == head?.id, case .state(let state) = answer,
            state.node.id == candidate.id
        else { return [] }
        let others = nextOfTable(configuration.merging.fanout)
        var directives = changing(.merged) { machine, _ in
            machine.successors = SuccessorList(
                of: machine.node.id,
                head: state.node,
                rest: state.successors,
                limit: machine.limit
            )
        }
        if state.predecessor != node { directives.append(.notify(state.node)) }
        // It knows the node after us: it was of our ring and had been passed over.
        guard let head, !state.successors.contains(where: { $0.id == head.id }) else {
            return directives
        }
        var told: Set<Identifier> = [node.id, candidate.id]
        for peer in [head] + others where told.insert(peer.id).inserted {
            directives.append(.meet(peer, contact: state.node))
        }
        return directives
    }

    /// Some nodes of the table, different ones each time.
    private mutating func nextOfTable(_ count: Int) -> [NodeReference] {
        let entries = table.entries
        guard !entries.isEmpty else { return [] }
        // Different nodes begin at different entries.
        let start = merging.turn &+ Int(truncatingIfNeeded: node.id.word3 & 0xFFFF)
        merging.turn &+= count
        return (0..<min(count, entries.count)).map { entries[(start &+ $0) % entries.count] }
    }
}

extension ChordMachine {
    /// How a node looks for rings to merge with.
    package struct MergeSettings: Hashable, Sendable {
        /// Whether it looks at all. If not, a ring that was split stays split.
        package var isOn = true
        /// Ticks between two lookups through a lost member. Fewer find the end of a split sooner, and dial
        /// dead nodes more often.
        package var probeTicks = 3
        /// The same after ``slowAfter`` failures in a row.
        package var slowProbeTicks = 15
        /// Failures in a row after which lookups are rarer.
        package var probesUntilSlow = 100
        /// Ticks between two lookups through a node of the table. Fewer find a ring that is wound around the
        /// circle twice sooner, and cost a lookup each time.
        package var checkTicks = 10
        /// Nodes of the table that hear of another ring when a member of it was taken in. More merge
        /// faster, fewer cost fewer messages; 0 is the paper's simple variant.
        package var fanout = 3

        /// The defaults.
        package init() {}
    }
}
