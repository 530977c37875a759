// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordIdentity
import ChordRPC
import ChordStore
import ChordTestSupport
import ChordWire
import Testing

@Suite("The way of a client's operation", .tags(.unit))
struct StoreRouteTests {
    private static let place = Identifier(50)

    /// An operation with the contacts c1 and c2, and what its client knows.
    private struct Operation {
        var route = StoreRoute(
            to: StoreRouteTests.place,
            contacts: [.contact("c1"), .contact("c2")],
            backoff: .milliseconds(50)...(.milliseconds(150))
        )
        var cache = RangeCache(capacity: 4)
        var avoided: Set<String> = []

        /// `n1` for a replica that is asked as the leader, `n1?` for one that may name it, `c1!` for a contact that
        /// must not redirect.
        mutating func next() -> String {
            let step = route.next(cache.range(at: StoreRouteTests.place)) { avoided.contains($0) }
            switch step {
            case .ask(let question):
                let name = question.target.address.prefix { $0 != ":" }
                if question.leader != nil { return "\(name)" }
                return "\(name)\(question.route.wantsRedirect ? "?" : "!")"
            case .wait(let wait): return "wait \(Int(wait / .milliseconds(1)))"
            case .nobodyReached(let wait): return "nobody \(Int(wait / .milliseconds(1)))"
            }
        }

        mutating func steps(_ count: Int) -> [String] { (0..<count).map { _ in next() } }
    }

    @Test("without a known range the contacts name the leader, or forward")
    func unknown() {
        var operation = Operation()
        #expect(operation.steps(5) == ["c1?", "c2?", "c1!", "c2!", "nobody 50"])
        _ = operation.next()
        operation.route.reachedSomebody()
        #expect(operation.steps(4) == ["c2?", "c1!", "c2!", "wait 100"])
    }

    @Test("a redirect is followed at once")
    func redirect() {
        var operation = Operation()
        #expect(operation.next() == "c1?")
        operation.cache.learn(hint(1, after: 0, through: 100, leader: 2))
        operation.route.reachedSomebody()
        #expect(operation.next() == "n2")
    }

    @Test("a leader that is unable is replaced by one that another replica names")
    func unableLeader() {
        var operation = Operation()
        operation.cache.learn(hint(1, after: 0, through: 100, leader: 2))
        #expect(operation.next() == "n2")
        operation.route.reachedSomebody()
        operation.cache.forgetLeader(2, at: Self.place)
        #expect(operation.next() == "n1?")
        operation.cache.learn(hint(1, after: 0, through: 100, leader: 3, term: 2))
        #expect(operation.next() == "n3")
    }

    @Test("replicas that name one another end with a forwarding contact")
    func redirectsInACircle() {
        var operation = Operation()
        operation.cache.learn(hint(1, after: 0, through: 100, leader: 2))
        #expect(operation.next() == "n2")
        operation.route.reachedSomebody()
        operation.cache.learn(hint(1, after: 0, through: 100, leader: 1, term: 2))
        #expect(operation.next() == "n1")
        operation.cache.learn(hint(1, after: 0, through: 100, leader: 2, term: 3))
        #expect(operation.steps(6) == ["n3?", "c1?", "c2?", "c1!", "c2!", "wait 50"])
        #expect(operation.next() == "n2")
    }

    @Test(
        "a leader that cannot be reached is asked through a contact, once a node has confirmed it"
    )
    func leaderOutOfReach() {
        var operation = Operation()
        operation.cache.learn(hint(1, after: 0, through: 100, leader: 2))
        #expect(operation.next() == "n2")
        operation.avoided = ["n1:1", "n2:1", "n3:1"]
        operation.cache.doubtLeader(2, at: Self.place)
        #expect(operation.next() == "c1?")
        operation.route.reachedSomebody()
        operation.cache.learn(hint(1, after: 0, through: 100, leader: 2))
        #expect(operation.next() == "c1!")
        // The next operation needs no redirect.
        operation.route = Operation().route
        #expect(operation.next() == "c1!")
    }

    @Test("contacts that cannot be reached are asked last")
    func avoidedContact() {
        var operation = Operation()
        operation.avoided = ["c1"]
        #expect(operation.steps(4) == ["c2?", "c1?", "c2!", "c1!"])
    }

    @Test("waits grow up to the longest")
    func backoff() {
        var operation = Operation()
        var waits: [String] = []
        for _ in 0..<4 {
            _ = operation.next()
            operation.route.reachedSomebody()
            waits.append(operation.steps(4).last ?? "")
        }
        #expect(waits == ["wait 50", "wait 100", "wait 150", "wait 150"])
    }

    @Test("a replica is asked by its name, with the range and epoch that the client knows")
    func question() throws {
        var operation = Operation()
        operation.cache.learn(hint(7, after: 0, through: 100, bounds: 3, leader: 2))
        let step = operation.route.next(operation.cache.range(at: Self.place)) { _ in false }
        guard case .ask(let question) = step else {
            Issue.record("\(step)")
            return
        }
        #expect(question.target.expected.name == "n2")
        #expect(question.route.range == 7 && question.route.epoch?.bounds == 3)
        #expect(question.route.wantsRedirect)
    }
}
