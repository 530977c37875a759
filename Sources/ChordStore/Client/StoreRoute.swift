// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore
package import ChordRPC
package import ChordWire
import ChordRuntime

/// Decides which node one operation of a client asks next.
///
/// A round asks each useful node once: the leader, if it is known; else nodes that may name it. A client outside the
/// nodes' network may not reach the leader. Then one of the client's own nodes forwards the operation. After a
/// round without an answer the operation waits, because an election takes a while, and begins another round.
package struct StoreRoute: Sendable {
    /// A node to ask, and how.
    package struct Question: Hashable, Sendable {
        package var target: PeerTarget
        package var route: WireRoute
        /// The replica that is asked, if it is asked as the leader of its range.
        package var leader: UInt64?
    }

    package enum Step: Hashable, Sendable {
        case ask(Question)
        /// Nobody in this round could answer; wait before the next round.
        case wait(Duration)
        /// Nobody in this round could be reached; the wait is as for another round.
        case nobodyReached(Duration)
    }

    private struct Attempt: Hashable {
        var address: String
        var wantsRedirect: Bool
    }

    package let position: Identifier
    private let contacts: [PeerTarget]
    private let backoff: ClosedRange<Duration>
    private var attempts: Set<Attempt> = []
    private var rounds = 0
    private var hasReachedSomebody = false

    /// - Parameters:
    ///   - contacts: the client's own nodes, the preferred one first.
    ///   - backoff: the first wait between two rounds, and the longest; each is twice the one before.
    package init(
        to position: Identifier,
        contacts: [PeerTarget],
        backoff: ClosedRange<Duration>
    ) {
        self.position = position
        self.contacts = contacts
        self.backoff = backoff
    }

    /// The next step.
    ///
    /// - Parameters:
    ///   - range: what the client knows of the range now.
    ///   - isAvoided: whether an address could not be reached lately.
    package mutating func next(
        _ range: KnownRange?,
        isAvoided: (String) -> Bool
    ) -> Step {
        for question in questions(range, isAvoided) {
            let attempt = Attempt(
                address: question.target.address,
                wantsRedirect: question.route.wantsRedirect
            )
            if attempts.insert(attempt).inserted { return .ask(question) }
        }
        let wasReached = hasReachedSomebody
        attempts = []
        hasReachedSomebody = false
        rounds += 1
        return wasReached ? .wait(wait) : .nobodyReached(wait)
    }

    /// The wait after the present number of rounds.
    private var wait: Duration {
        min(backoff.lowerBound * (1 << min(rounds - 1, 20)), backoff.upperBound)
    }

    /// A node has answered, but not done the operation: it has named another node, or is unable at present.
    package mutating func reachedSomebody() { hasReachedSomebody = true }

    /// Whom to ask in this round, the best first.
    private func questions(
        _ range: KnownRange?,
        _ isAvoided: (String) -> Bool
    ) -> [Question] {
        let near = contacts.filter { !isAvoided($0.address) }
        // A contact that was not reached lately is still asked when nobody else is left.
        let all = near + contacts.filter { isAvoided($0.address) }
        let forwarding = all.map { Question(target: $0, route: WireRoute(), leader: nil) }
        let naming = all.map {
            Question(target: $0, route: WireRoute(wantsRedirect: true), leader: nil)
        }
        guard let range else { return naming + forwarding }
        let replicas = range.descriptor.replicas.filter { $0.number != range.leader }
            .filter { !isAvoided($0.address) }
            .map { Question(replica: $0, of: range) }
        // Replicas learn of a new leader first.
        let others = replicas + naming + forwarding
        guard let leader = range.leadingReplica else { return others }
        guard isAvoided(leader.address) else {
            var question = Question(replica: leader, of: range)
            question.leader = leader.number
            return [question] + others
        }
        return range.isLeaderConfirmed ? forwarding + replicas + naming : others
    }
}

extension StoreRoute.Question {
    /// A question to a replica, which names the leader if it does not lead itself.
    fileprivate init(replica: WireReplica, of range: KnownRange) {
        self.init(
            target: PeerTarget(storeNode: replica.node, address: replica.address),
            route: WireRoute(
                range: range.descriptor.range,
                epoch: range.descriptor.epoch,
                wantsRedirect: true
            ),
            leader: nil
        )
    }
}
