// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// Founding a ring with a fixed set of founders.
//
// Each founder calls all others repeatedly. A founder that has recently reached all of them
// decides: it takes its place in the ring of all founders, and sends the list of all founders to
// the others. They take their places once they have reached all founders too (`FounderRegister`). A
// founder that is told of an existing ring joins it instead. A ring therefore begins once, when all
// founders are up. A founder that returns later joins like any other node.

/// One founder's part in founding a ring. Its mutating methods take inputs and return directives.
/// It does no I/O and has no clock: `now` is the time of one monotonic clock of the caller.
package struct FoundingMachine: Sendable {
    /// The machine's settings.
    package struct Settings: Sendable {
        /// The wait after the first round of calls; it doubles with each round.
        package var retry: Duration = .milliseconds(100)
        /// The longest wait between two rounds.
        package var retryCap: Duration = .seconds(2)
        /// How long a reached founder, or a decision, counts.
        package var lifetime: Duration = .seconds(10)

        /// The defaults.
        package init() {}
    }

    /// A founder's answer to a call.
    package enum Answer: Sendable {
        /// The node is a founder too. `isProven` tells whether its certificate proves what it says
        /// about itself.
        case founder(NodeReference, isProven: Bool)
        /// The node is a member. If its ring has just begun and includes this node, it names all
        /// founders.
        case member(NodeReference, isProven: Bool, founders: [NodeReference])
        /// The call gave no useful answer.
        case failed(JoinError)
    }

    /// Why a calling founder is refused.
    package enum Refusal: Error, Hashable, Sendable {
        /// It has another initial ring; this is ours.
        case otherFounders([String])
        /// It does not call from a founder's address.
        case notFounder
    }

    private enum Phase: Sendable {
        case new
        /// Waits for the answers of a round.
        case calling
        /// Waits for the next round.
        case waiting
        /// Founding was given up. A decision that arrives later still counts.
        case joining
        case ended
    }

    private let node: NodeReference
    private let space: IdentifierSpace
    /// The addresses of all founders, sorted.
    package let founders: [String]
    private let others: [String]
    private let deadline: Duration?
    private let settings: Settings
    private let isPlaced: @Sendable (NodeReference) -> Bool
    private let placements: Int
    private let rule: PlaceRule

    private var phase = Phase.new
    private var register: FounderRegister
    private var failures: [String: JoinError] = [:]
    /// Founders that are being dialled outside the rounds.
    private var dialled: Set<String> = []
    /// The ring that has begun with this node.
    package private(set) var ring: [NodeReference]?
    private var beginning = Duration.zero
    private var countedOnSince: Duration?
    private var wait: Duration
    private var reported: [String] = []

    private var round = 0
    private var unanswered: Set<String> = []
    /// A founder that is a member, and all founders as it names them.
    private var member: (address: String, founders: [NodeReference])?
    private var refusal: JoinError?

    /// A founder among `addresses`, which include its own.
    ///
    /// - Parameters:
    ///   - deadline: when to give up; nil stands for never.
    ///   - isPlaced: whether a node has the identifier that the ring's rule gives it.
    ///   - placements: places that the rule gives to each node.
    package init(
        node: NodeReference,
        space: IdentifierSpace,
        addresses: [String],
        deadline: Duration? = nil,
        settings: Settings = Settings(),
        isPlaced: @escaping @Sendable (NodeReference) -> Bool = { _ in true },
        placements: Int = 1,
        rule: PlaceRule = .credulous
    ) {
        self.node = node
        self.space = space
        self.placements = placements
        self.rule = rule
        founders = Set(addresses).sorted()
        others = founders.filter { $0 != node.address }
        self.deadline = deadline
        self.settings = settings
        self.isPlaced = isPlaced
        wait = settings.retry
        register = FounderRegister(lifetime: settings.lifetime)
    }

    // MARK: Rounds

    /// Begins.
    package mutating func start(now: Duration) -> [FoundingDirective] {
        guard case .new = phase else { return [] }
        guard founders.contains(node.address) else {
            return giveUp(
                JoinError(
                    .invalidConfiguration,
                    "the initial ring \(founders.joined(separator: ", ")) does not contain this node's "
                        + "address \(node.address); list all founders with the addresses "
                        + "that they advertise"
                )
            )
        }
        guard !others.isEmpty else {
            phase = .ended
            return [.beginAlone]
        }
        return [.prepare] + call()
    }

    /// The wait between two rounds is over.
    package mutating func timerFired(now: Duration) -> [FoundingDirective] {
        guard case .waiting = phase else { return [] }
        return call()
    }

    private mutating func call() -> [FoundingDirective] {
        phase = .calling
        round += 1
        unanswered = Set(others)
        member = nil
        refusal = nil
        return others.map { .call(address: $0, round: round) }
    }

    /// A founder has answered a call of a round. An answer to a former round changes nothing.
    package mutating func answered(
        _ answer: Answer,
        at address: String,
        inRound number: Int,
        now: Duration
    ) -> [FoundingDirective] {
        guard case .calling = phase, number == round, unanswered.remove(address) != nil else {
            return []
        }
        var directives: [FoundingDirective] = []
        switch noted(answer, at: address, now) {
        case .success(let founders):
            if let founders {
                if member?.founders.isEmpty != false {
                    member = (member?.address ?? address, founders)
                }
            } else {
                failures[address] = nil
            }
        case .failure(let error):
            failures[address] = error
            if error.isFinal { refusal = refusal ?? error }
            directives.append(.passOver(address: address, error))
        }
        return unanswered.isEmpty ? directives + endRound(now) : directives
    }

    private mutating func endRound(_ now: Duration) -> [FoundingDirective] {
        var directives: [FoundingDirective] = []
        // A founder that has decided in the meantime counts on this node from now on.
        let isCountedOn = takePlace(in: member?.founders ?? [], now, &directives)
        guard case .calling = phase else { return directives }
        if let refusal { return directives + giveUp(refusal) }
        // The other founders are reached first. Joining instead would need a new incarnation, in a
        // ring that already contains this node. But no founder waits for ever.
        if isCountedOn, countedOnSince == nil { countedOnSince = now }
        if let member, !isCountedOn || !isRecent(countedOnSince, now) {
            phase = .joining
            let contacts = [member.address] + others.filter { $0 != member.address }
            let limit = deadline.map { max(.zero, $0 - now) }
            return directives + [.join(through: contacts, limit: limit)]
        }
        let missing = register.missing(of: others, now: now)
        if missing.isEmpty { return directives + decide(now) }
        if missing != reported {
            reported = missing
            directives.append(.report(missing: missing))
        }
        if let deadline, now >= deadline {
            return directives + giveUp(Self.timeIsOver(missing), naming: missing)
        }
        phase = .waiting
        // The last wait is shortened to end with the deadline.
        directives.append(.retry(after: deadline.map { min(wait, $0 - now) } ?? wait))
        wait = min(wait * 2, settings.retryCap)
        return directives
    }

    /// A founder at its first place. Founders know each other, and name each other in decisions, at that place;
    /// each of them computes from all of them at which places they begin.
    private func unplaced(_ founder: NodeReference) -> NodeReference {
        placements > 1 ? rule.node(founder, at: 0) : founder
    }

    /// The founders at their places in the new ring.
    private func placed(_ founders: [NodeReference]) -> [NodeReference] {
        placements > 1
            ? rule.places(ofFounders: founders, count: placements, in: space) : founders
    }

    /// All founders have answered: the ring begins here, and a moment later at the others.
    private mutating func decide(_ now: Duration) -> [FoundingDirective] {
        let all = ([node] + register.nodes(at: others)).sorted { $0.id < $1.id }
        let placed = placed(all).sorted { $0.id < $1.id }
        for (left, right) in [(all, all.dropFirst()), (placed, placed.dropFirst())].flatMap(zip)
        where left.id == right.id {
            return giveUp(
                JoinError(
                    .nameTaken,
                    "\(left) and \(right) have the same identifier "
                        + "\(left.id.hexadecimal(width: space.width)); give one of them another name"
                )
            )
        }
        var directives: [FoundingDirective] = []
        _ = takePlace(in: all, now, &directives)
        guard ring == all else { return directives + call() }
        return directives + all.filter { $0 != node }.map { .tell($0, ring: all) }
    }

    private mutating func giveUp(
        _ error: JoinError,
        naming missing: [String] = []
    ) -> [FoundingDirective] {
        phase = .ended
        let contacts = missing.map { address in
            JoinContact(
                address: address,
                outcome: failures[address].map { .failed($0) } ?? .notTried
            )
        }
        return [.giveUp(error, contacts: contacts)]
    }

    private static func timeIsOver(_ missing: [String]) -> JoinError {
        JoinError(
            .noContact,
            "a ring begins when all its founders are up, but \(missing.joined(separator: ", ")) did not "
                + "answer in time; start them, or remove them from the initial ring of all founders"
        )
    }

    // MARK: Founders that were reached

    /// A founder was dialled outside the rounds.
    package mutating func reached(
        _ answer: Answer,
        at address: String,
        now: Duration
    ) -> [FoundingDirective] {
        dialled.remove(address)
        var directives: [FoundingDirective] = []
        switch noted(answer, at: address, now) {
        case .success(let founders):
            if let founders { _ = takePlace(in: founders, now, &directives) }
            // A decision may have waited for this founder.
            _ = takePlace(in: nil, now, &directives)
        case .failure(let error): directives.append(.passOver(address: address, error))
        }
        return directives
    }

    /// A connection of ours to a founder's address has proved the identity of the node there.
    ///
    /// - Returns: all founders as a member names them; nil if the node is not a member.
    private mutating func noted(
        _ answer: Answer,
        at address: String,
        _ now: Duration
    ) -> Result<[NodeReference]?, JoinError> {
        switch answer {
        case .failed(let error): return .failure(error)
        case .member(let node, let isProven, let founders):
            if isProven { register.reached(unplaced(node), at: address, now: now) }
            return .success(founders)
        case .founder(let node, let isProven):
            guard node.address == address else {
                return .failure(
                    JoinError(
                        .parametersDiffer,
                        "the founder at \(address) advertises \(node.address); list all "
                            + "founders with the addresses that they advertise"
                    )
                )
            }
            if isProven { register.reached(unplaced(node), at: address, now: now) }
            return .success(nil)
        }
    }

    /// Dials a founder that has called, or that a decision names, outside the rounds.
    private mutating func reach(_ address: String) -> [FoundingDirective] {
        if case .ended = phase { return [] }
        guard founders.contains(address), address != node.address,
            dialled.insert(address).inserted
        else { return [] }
        return [.reach(address: address)]
    }

    // MARK: Founders that call

    /// Another founder calls.
    ///
    /// - Parameters:
    ///   - addresses: its initial ring.
    ///   - decided: all founders, if it has decided.
    ///   - isProven: whether its certificate is valid for its address. Only such a founder makes
    ///     this node dial.
    package mutating func called(
        by founder: NodeReference,
        addresses: [String],
        decided: [NodeReference],
        isProven: Bool,
        now: Duration
    ) -> Result<[FoundingDirective], Refusal> {
        guard addresses.sorted() == founders else { return .failure(.otherFounders(founders)) }
        guard founders.contains(founder.address), isProven else { return .failure(.notFounder) }
        let founder = unplaced(founder)
        // The founder must be reached before it counts.
        var directives: [FoundingDirective] = []
        if register.heard(founder, now: now) { directives += reach(founder.address) }
        if !decided.isEmpty { _ = takePlace(in: decided, now, &directives) }
        return .success(directives)
    }

    /// All founders, for a founder that calls shortly after the ring has begun. If the answers to
    /// its call or to ours were lost, the ring counts on it, and it need not join.
    package func founders(for founder: NodeReference, now: Duration) -> [NodeReference] {
        guard let ring, ring.contains(unplaced(founder)), isRecent(beginning, now) else {
            return []
        }
        return ring
    }

    private func isRecent(_ time: Duration?, _ now: Duration) -> Bool {
        time.map { now - $0 <= settings.lifetime } ?? false
    }

    // MARK: Decisions

    /// Begins the ring with these founders, if the decision counts.
    ///
    /// - Parameter decided: all founders; nil for those of the last decision that had to wait.
    /// - Returns: whether the decision will count once the others are reached.
    private mutating func takePlace(
        in decided: [NodeReference]?,
        _ now: Duration,
        _ directives: inout [FoundingDirective]
    ) -> Bool {
        if case .ended = phase { return false }
        let verdict = register.judge(
            decided,
            for: node,
            among: founders,
            now: now,
            isPlaced: isPlaced
        )
        switch verdict {
        case .reject: return false
        case .reach(let addresses):
            for address in addresses { directives += reach(address) }
            return true
        case .accept(let ring):
            self.ring = ring
            beginning = now
            phase = .ended
            directives.append(.begin(placed(ring)))
            return false
        }
    }
}
