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
        /// A node of the contact's ring that stands at the place itself.
        case taken(NodeReference)
        /// The contact is alive, and the lookup failed.
        case unknown
        /// The contact did not answer.
        case dead
    }

    /// A node's state about rings that it may merge with.
    struct Merging: Hashable, Sendable {
        /// A lookup of this node's own place in progress.
        struct Search: Hashable, Sendable {
            var token: Token
            var contact: NodeReference
            /// Whether the contact is probably in another ring, so that it is worth remembering.
            var isForeign: Bool
        }

        var lost = PassiveList()
        var search: Search?
        /// The contact to look through next.
        var nextContact: NodeReference?
        /// The nearest of the members that offered themselves during an operation.
        var waitingOffer: NodeReference?
        /// The number of lookups that other nodes may still cause before the next tick.
        var tokens = 8
        var ticksToProbe = 0
        var ticksToCheck: Int
        /// The number of unanswered probes of lost members since the last one was added.
        var vainProbes = 0
        /// The index of the table entry that is told or asked next.
        var turn = 0

        init(_ settings: MergeSettings) {
            // A new node has just looked up its place, so its first check can wait.
            ticksToCheck = settings.checkTicks
        }
    }

    /// The lost members, most recently lost first.
    package var lostMembers: [NodeReference] { merging.lost.entries }

    /// All nodes that this node will call: its routing table and the lost members. The predecessor
    /// is included only if no other node is known, because any nearer node may replace it.
    package var acquaintances: [NodeReference] {
        (successors.head == nil ? [predecessor] : []) + table.entries + merging.lost.entries
            + [merging.search?.contact, merging.nextContact].compactMap { $0 }
    }

    // MARK: Lost members

    /// A new neighbour does not know which members were lost before it came. It is told two of
    /// them, so that the knowledge survives the failure of a few nodes. (A Leave names more.)
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

    /// Remembers members from before a restart, or from a list. They count as lost until one of
    /// them answers.
    package mutating func remember(_ nodes: some Sequence<NodeReference>) {
        for node in nodes { lose(node) }
    }

    // MARK: Looking up this node's own place

    /// An interval has passed: a lost member, or a node of the table, is asked if it is due.
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

    /// An operator reports that `contact` is a member of another ring. It is remembered until the
    /// rings have merged.
    package mutating func merge(with contact: NodeReference) -> [Directive] {
        lose(contact)
        return met(contact)
    }

    /// A member of this ring reports that `contact` is a member of another ring.
    package mutating func met(_ contact: NodeReference) -> [Directive] {
        guard phase == .member, configuration.merging.isOn else { return [] }
        guard contact.id != node.id else {
            // Another life of this node at the same place tells of itself.
            let isLife = contact.name == node.name && contact.address != node.address
            return isLife && contact.outranks(node) ? [.verifyRival(contact)] : []
        }
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
            // Perhaps no other node knows the contact, so it is asked again at its next turn.
            if search.isForeign { merging.lost.add(search.contact) }
        case .taken(let owner):
            if search.isForeign { merging.lost.add(search.contact) }
            // It may be another life of this node, whose ring does not know this one.
            if owner.id == node.id, owner.name == node.name, owner.address != node.address {
                directives.append(
                    owner.outranks(node) ? .verifyRival(owner) : .meet(owner, contact: node)
                )
            }
        case .after(let member, let isHead):
            // Some lost members are alive, so the next one is asked soon.
            merging.ticksToProbe = 0
            if isHead || member.id == node.id {
                // The contact's ring knows this node: a false alarm, or the merge is complete.
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

    /// A member claims that its place is right after this node. The shell has checked that the
    /// member speaks about itself.
    package mutating func offered(by candidate: NodeReference) -> [Directive] {
        guard phase == .member, isNearer(candidate) else { return [] }
        if operation == nil { return unite(with: candidate) }
        if let waiting = merging.waitingOffer, waiting.id.isBetween(node.id, and: candidate.id) {
            return []
        }
        merging.waitingOffer = candidate
        return []
    }

    /// Whether a node lies between this node and its head.
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
        if !state.predecessor.isSameLife(as: node) { directives.append(.notify(state.node)) }
        // The candidate knows our head: it was in our ring and had been passed over.
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
        // Different nodes start at different entries.
        let start = merging.turn &+ Int(truncatingIfNeeded: node.id.word3 & 0xFFFF)
        merging.turn &+= count
        return (0..<min(count, entries.count)).map { entries[(start &+ $0) % entries.count] }
    }
}

extension ChordMachine {
    /// How a node looks for rings to merge with.
    package struct MergeSettings: Hashable, Sendable {
        /// Whether the node looks for other rings at all. If not, a split ring stays split.
        package var isOn = true
        /// Ticks between two lookups through a lost member. A lower number detects the end of a
        /// split sooner, but dials dead nodes more often.
        package var probeTicks = 3
        /// The same after ``probesUntilSlow`` failures in a row.
        package var slowProbeTicks = 15
        /// The number of failures in a row after which lookups become rarer.
        package var probesUntilSlow = 100
        /// Ticks between two lookups through a node of the table. A lower number finds a ring that
        /// is wound around the circle twice sooner; each costs one lookup.
        package var checkTicks = 10
        /// The number of nodes of the table that are told of another ring when a member of it was
        /// accepted. A higher number merges faster; a lower one costs fewer messages. 0 is the
        /// paper's simple variant.
        package var fanout = 3

        /// The defaults.
        package init() {}
    }
}
