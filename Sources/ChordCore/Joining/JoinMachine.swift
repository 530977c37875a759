// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// Joining a ring (Join of "How to Make Chord Correct", section 3), with what the paper leaves open:
// which contact is asked, what prevents a join, when the node tries again, and when it begins a new
// ring.
//
// An attempt goes through one contact. It asks for the contact's state, looks up the joiner's own
// place, reaches the head (the node after that place), and asks the member before it for its state.
// A live node at the joiner's place keeps it. Joining is complete once the head has named the
// joiner as its predecessor.

/// One node's way into a ring. Its mutating methods take inputs and return directives. It does no
/// I/O and has no clock: `now` is the time of one monotonic clock of the caller.
package struct JoinMachine: Sendable {
    /// The machine's settings.
    package struct Settings: Sendable {
        /// The wait after the first pass over the contacts; it doubles with each pass.
        package var retry: Duration = .milliseconds(100)
        /// The longest wait between two passes.
        package var retryCap: Duration = .seconds(2)
        /// The time between two reports that no contact lets the node join.
        package var report: Duration = .seconds(5)
        /// The interval of maintenance: how often a joined node checks whether its head has named
        /// it.
        package var stabilize: Duration = .seconds(1)
        /// How long the head may report that it cannot reach the node before joining ends.
        package var refusalPatience: Duration = .seconds(5)

        /// The defaults.
        package init() {}
    }

    /// The caller's checks of references that peers name.
    package struct Judge: Sendable {
        /// Whether a node has the identifier that the ring's rule gives it.
        package var isPlaced: @Sendable (NodeReference) -> Bool
        /// The leading nodes of a list that have the right identifier and a plausible incarnation.
        package var admissible: @Sendable ([NodeReference]) -> [NodeReference]
        /// The ring's rule.
        package var rule: PlaceRule

        /// A judge from its parts.
        package init(
            isPlaced: @escaping @Sendable (NodeReference) -> Bool,
            admissible: @escaping @Sendable ([NodeReference]) -> [NodeReference],
            rule: PlaceRule = .credulous
        ) {
            self.isPlaced = isPlaced
            self.admissible = admissible
            self.rule = rule
        }

        /// A judge that accepts everything.
        package static let credulous = Judge(isPlaced: { _ in true }, admissible: { $0 })
    }

    /// The node's state from before its restart.
    package struct Past: Sendable {
        /// Members of the ring that the node knew before its restart.
        package var members: [NodeReference]
        /// Whether the node was a member before its restart, perhaps without knowing other members.
        package var wasMember: Bool
        /// The index of the place at which the node stood in a former life; nil if it does not remember one.
        package var placeIndex: Int?

        /// A past from its parts.
        package init(members: [NodeReference] = [], wasMember: Bool = false, placeIndex: Int? = nil)
        {
            self.members = members
            self.wasMember = wasMember
            self.placeIndex = placeIndex
        }
    }

    /// A joined node's knowledge about its head.
    package struct Standing: Sendable {
        /// The head of the node's list.
        package var head: NodeReference?
        /// Whether the head has accepted the node as its predecessor.
        package var isTaken: Bool
        /// The head's report that it cannot reach the node: the address, the reason, and the time
        /// of the first report.
        package var refusal: Refusal?

        /// A head that cannot reach the node.
        package struct Refusal: Sendable {
            package var head: NodeReference
            package var address: String
            package var reason: String
            package var since: Duration

            /// A refusal from its parts.
            package init(head: NodeReference, address: String, reason: String, since: Duration) {
                self.head = head
                self.address = address
                self.reason = reason
                self.since = since
            }
        }

        /// A standing from its parts.
        package init(head: NodeReference?, isTaken: Bool, refusal: Refusal? = nil) {
            self.head = head
            self.isTaken = isTaken
            self.refusal = refusal
        }
    }

    /// An answer to a question.
    package enum Answer: Sendable {
        /// The asked node is a member of a ring with these parameters.
        case member(RingState, RingParameters)
        /// The contact is a member of another implementation, and names these members.
        case members([NodeReference])
        /// The result of asking a node for its state, and why it did not answer.
        case state(StateAnswer, reason: String)
        /// The member before this node's place, and its list.
        case place(NodeReference, successors: [NodeReference])
        /// The same for each of this node's places, in the order of the question.
        case places([PlaceAnswer])
        /// A node on the path reports that the joiner is a member already.
        case nameTaken
        /// The owner of the place, if there is one.
        case owner(NodeReference?)
        /// The question got no useful answer.
        case failed(JoinError)
    }

    enum Phase: Sendable {
        case new
        /// Waits for the answer to a question.
        case asking(Token, Question)
        /// Has a place, which the caller applies.
        case taking
        /// Waits for the next pass.
        case waiting
        /// Is a member, and waits for its head.
        case joined
        case ended
    }

    /// This node, at the place that it takes.
    var node: NodeReference
    var parameters: RingParameters
    let adoption: RingAdoption
    let settings: Settings
    let judge: Judge
    var phase = Phase.new
    /// The addresses to try in turn: contacts, then former members, without the node's own.
    package private(set) var contacts: [String] = []
    private var hasOwnAddress = false
    let past: Past
    let deadline: Duration?
    /// When the node begins its former ring again, if no node is a member.
    private var beginningTime: Duration?
    private var reportTime = Duration.zero
    private var wait: Duration
    private var next = 0
    private var failures: [String: JoinError] = [:]
    /// Whether a live member has answered in this pass. The ring then exists, whatever prevented
    /// the join.
    var hasHeardMember = false
    /// Whether the contact's ring has fewer members than its lists have entries.
    var isRingSmall = false
    private var lastToken: UInt64 = 0

    /// A node that will join.
    ///
    /// - Parameters:
    ///   - addresses: the configured contacts.
    ///   - past: the state from before the restart. Its members are contacts too. If no node is a
    ///     member for a while, because all nodes restart, the node begins the ring.
    ///   - adoption: the parameters that the node takes over from the ring.
    ///   - deadline: when to give up; nil stands for never.
    package init(
        node: NodeReference,
        parameters: RingParameters,
        adoption: RingAdoption = RingAdoption(),
        through addresses: [String],
        past: Past = Past(),
        deadline: Duration? = nil,
        settings: Settings = Settings(),
        judge: Judge = .credulous
    ) {
        self.node = node
        self.parameters = parameters
        self.adoption = adoption
        self.past = past
        self.deadline = deadline
        self.settings = settings
        self.judge = judge
        wait = settings.retry
        use(addresses)
    }

    /// Replaces the contacts, between two passes and before the first; ignored at any other time.
    package mutating func use(_ addresses: [String]) {
        switch phase {
        case .new, .waiting: break
        case .asking, .taking, .joined, .ended: return
        }
        var seen: Set<String> = [node.address]
        contacts = (addresses + past.members.map(\.address)).filter { seen.insert($0).inserted }
        hasOwnAddress = addresses.contains(node.address)
    }

    /// Whether joining is over.
    package var isOver: Bool { if case .ended = phase { true } else { false } }

    /// Whether the node is a member that waits for its head.
    package var hasPlace: Bool { if case .joined = phase { true } else { false } }

    /// The member whose list the node is about to copy.
    package var memberBefore: NodeReference? {
        guard case .asking(_, let question) = phase else { return nil }
        switch question {
        case .head(_, let member), .member(let member, _): return member
        case .holder(_, .takePlace(let state, _)): return state.node
        case .contact, .holder, .place, .places, .owner: return nil
        }
    }

    // MARK: Passes

    /// Begins.
    package mutating func start(now: Duration) -> [JoinDirective] {
        guard case .new = phase else { return [] }
        guard !contacts.isEmpty else {
            if past.wasMember { return begin() }
            guard hasOwnAddress else {
                phase = .ended
                return [.create(.first)]
            }
            return giveUp(
                JoinError(
                    .invalidConfiguration,
                    "this node's only contact is itself, and a node cannot find or begin a ring through itself: "
                        + "give the address of a member; for nodes that begin a ring together, list all of them as "
                        + "the initial ring"
                )
            )
        }
        if past.wasMember { beginningTime = now + patience }
        reportTime = now
        return beginPass(now: now)
    }

    /// The wait between two passes is over.
    package mutating func timerFired(now: Duration) -> [JoinDirective] {
        guard case .waiting = phase else { return [] }
        return beginPass(now: now)
    }

    private mutating func beginPass(now: Duration) -> [JoinDirective] {
        hasHeardMember = false
        next = 0
        return tryNext(now: now)
    }

    private mutating func tryNext(now: Duration) -> [JoinDirective] {
        let isTimeOver = next > 0 && deadline.map { now >= $0 } ?? false
        guard !isTimeOver, next < contacts.count else { return endPass(now: now) }
        let contact = contact
        return ask(.contact) { .askContact($0, address: contact) }
    }

    /// The contact of the present attempt.
    var contact: String { contacts[next] }

    private mutating func endPass(now: Duration) -> [JoinDirective] {
        let all = contacts.map { failures[$0] }
        if all.allSatisfy({ $0?.isFinal == true }), let first = all.first ?? nil {
            if contacts.count == 1 { return giveUp(first, naming: false) }
            return giveUp(JoinError(first.code, "no contact lets this node join"))
        }
        if let beginningTime, now >= beginningTime, !hasHeardMember { return begin() }
        if let deadline, now >= deadline {
            return giveUp(JoinError(.noContact, "no contact let this node join in time"))
        }
        var directives: [JoinDirective] = []
        if now >= reportTime {
            reportTime = now + settings.report
            directives.append(.report(outcomes))
        }
        phase = .waiting
        // The last wait is shortened to end with the deadline.
        directives.append(.retry(after: deadline.map { min(wait, $0 - now) } ?? wait))
        wait = min(wait * 2, settings.retryCap)
        return directives
    }

    /// The result of the last attempt through each contact.
    private var outcomes: [JoinContact] {
        let tried = contacts.map { address in
            JoinContact(
                address: address,
                outcome: failures[address].map { .failed($0) } ?? .notTried
            )
        }
        return hasOwnAddress
            ? tried + [JoinContact(address: node.address, outcome: .itself)] : tried
    }

    /// How long this node waits for former members before it begins the ring again. The first node
    /// by name waits the shortest time, so that the others usually find it.
    private var patience: Duration {
        let rank = past.members.count { $0.name < node.name }
        return settings.stabilize * (2 + min(rank, 8))
    }

    private mutating func begin() -> [JoinDirective] {
        phase = .ended
        // Its data is that of its former place.
        let index = past.placeIndex.flatMap { $0 < parameters.placements ? $0 : nil } ?? 0
        return move(to: judge.rule.node(node, at: index))
            + [.create(past.members.isEmpty ? .onlyMember : .noMemberLeft)]
    }

    mutating func giveUp(_ error: JoinError, naming: Bool = true) -> [JoinDirective] {
        phase = .ended
        return [.giveUp(error, contacts: naming ? outcomes : [])]
    }

    /// The attempt through the present contact has failed.
    mutating func fail(_ error: JoinError, now: Duration) -> [JoinDirective] {
        if error.code == .nameTaken || error.code == .unreachable {
            return giveUp(error, naming: false)
        }
        let address = contact
        failures[address] = error
        if error.isCertificateRefused { hasHeardMember = true }
        next += 1
        return [.passOver(address: address, error)] + tryNext(now: now)
    }

    mutating func ask(
        _ question: Question,
        _ directive: (Token) -> JoinDirective
    ) -> [JoinDirective] {
        lastToken += 1
        let token = Token(number: lastToken)
        phase = .asking(token, question)
        return [directive(token)]
    }
}
