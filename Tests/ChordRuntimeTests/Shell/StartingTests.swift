// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import Logging
import ChordTestSupport
import Testing

@testable import ChordRuntime

@Suite("Starting and stopping", .tags(.interaction))
struct StartingTests {
    private func address(_ name: String) -> String { InProcessRing.address(name) }

    private func failure(
        of shell: NodeShell,
        in ring: InProcessRing,
        through contacts: [String],
        for limit: Duration,
        hasBeenMember: Bool = false
    ) -> ChordError? {
        #expect(throws: ChordError.self) {
            try ring.executor.wait {
                try await shell.join(
                    through: contacts,
                    for: limit,
                    hasBeenMember: hasBeenMember
                )
            }
        }
    }

    @Test("Every contact that cannot let the node join is skipped and reported with its reason")
    func reasons() throws {
        let ring = InProcessRing()
        ring.add("waiting")
        ring.add("silent")
        ring.plan.set(.silent, to: address("silent"))
        ring.plan.set(.unconnected, to: address("away"))
        var other = InProcessRing.Settings()
        other.ring = "another"
        let theirs = ring.add("other", settings: other)
        try ring.executor.wait { await theirs.create() }

        let shell = ring.add("x")
        let contacts = ["x", "waiting", "silent", "away", "other"].map(address)
        let error = failure(of: shell, in: ring, through: contacts, for: .seconds(20))
        #expect(error?.code == .noContact)
        let cause = try #require(error?.cause as? JoinFailure)
        let reasons = Dictionary(uniqueKeysWithValues: cause.contacts.map { ($0.address, $0) })
        #expect(Set(reasons.keys) == Set(contacts))
        #expect(reasons[address("x")]?.reason == .itself)
        #expect(reasons[address("waiting")]?.reason == .notMember)
        #expect(reasons[address("silent")]?.text.contains("was silent") == true)
        #expect(reasons[address("away")]?.text.contains("no connection") == true)
        #expect(reasons[address("other")]?.text.contains("\"another\"") == true)
        for contact in contacts { #expect("\(cause)".contains(contact), "\(cause)") }
        #expect(!shell.view.isMember)
        #expect(!cause.allWait)
    }

    @Test("A contact of another ring does not prevent joining through the next one")
    func passedOver() throws {
        let ring = try InProcessRing.settled(2)
        var other = InProcessRing.Settings()
        other.ring = "another"
        let theirs = ring.add("other", settings: other)
        try ring.executor.wait { await theirs.create() }
        let shell = ring.add("x")
        try ring.executor.wait {
            try await shell.join(
                through: [InProcessRing.address("other"), InProcessRing.address("n0")],
                for: .seconds(20)
            )
        }
        #expect(shell.view.isMember)
        #expect(shell.view.successors.allSatisfy { $0.name != "other" })
    }

    @Test("A node whose only contact is itself begins no ring and says how to begin one")
    func onlyItself() throws {
        let ring = InProcessRing()
        let shell = ring.add("x")
        let error = failure(
            of: shell,
            in: ring,
            through: [address("x"), address("x")],
            for: .seconds(20)
        )
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains("the initial ring") == true)
        let contacts = (error?.cause as? JoinFailure)?.contacts ?? []
        #expect(!contacts.isEmpty && contacts.allSatisfy { $0.reason == .itself })
        #expect(!shell.view.isMember)
    }

    @Test("Nodes that all want to join each other find no member, and each says so")
    func everybodyWaits() throws {
        let ring = InProcessRing()
        let names = ["a", "b", "c"]
        let shells = names.map { ring.add($0) }
        let joins = shells.map { shell in
            ring.executor.start {
                try await shell.join(through: names.map(InProcessRing.address), for: .seconds(5))
            }
        }
        for join in joins {
            let error = #expect(throws: ChordError.self) { try join.value() }
            #expect((error?.cause as? JoinFailure)?.allWait == true, "\(error as Any)")
        }
        #expect(shells.allSatisfy { !$0.view.isMember })
    }

    @Test("The time limit for joining is used completely", arguments: [2, 3, 5, 7])
    func wholeTime(seconds: Int) throws {
        let ring = InProcessRing()
        ring.add("n0")
        let shell = ring.add("x")
        let began = ring.executor.now
        let limit = Duration.seconds(seconds)
        _ = failure(of: shell, in: ring, through: [address("n0")], for: limit)
        let taken = ring.executor.now - began
        // A last attempt is made when the time is over, not given up beforehand.
        #expect(taken >= limit)
        #expect(taken < limit + .seconds(1))
    }

    @Test("The time limit for founding is used completely", arguments: [2, 3, 5])
    func wholeTimeOfFounding(seconds: Int) throws {
        let ring = InProcessRing()
        ring.add("n0")
        let shell = ring.add("x")
        let began = ring.executor.now
        let limit = Duration.seconds(seconds)
        let error = ring.failureToFound(shell, with: ["x", "n0"], for: limit)
        #expect(error?.code == .noContact)
        let cause = try #require(error?.cause as? JoinFailure)
        #expect(cause.contacts.map(\.address) == [address("n0")])
        #expect(cause.contacts.first?.text.contains("neither founds a ring") == true, "\(cause)")
        let taken = ring.executor.now - began
        #expect(taken >= limit)
        #expect(taken < limit + .seconds(1))
    }

    @Test("Cancelling a join ends a call to a silent peer at once")
    func cancelledCall() throws {
        var settings = InProcessRing.Settings()
        settings.change = { $0.failureDetection = FailureDetection(allowing: .seconds(1000)) }
        let ring = InProcessRing(settings)
        ring.add("n0")
        ring.plan.set(.silent, to: address("n0"))
        let shell = ring.add("x")
        let joining = ring.executor.start {
            try await shell.join(through: [InProcessRing.address("n0")], for: nil)
        }
        ring.executor.run(for: .seconds(2))
        #expect(ring.plan.callsUnderWay == 1)
        let time = ring.executor.now
        joining.cancel()
        ring.executor.drain()
        let error = #expect(throws: ChordError.self) { try joining.value(limit: .zero) }
        #expect(error?.code == .stopped)
        #expect(ring.plan.callsUnderWay == 0)
        #expect(ring.executor.now == time)
        #expect(ring.executor.timerCount == 0)
    }

    @Test("Leaving waits for silent neighbours no longer than its limit")
    func leavingInTime() throws {
        var settings = InProcessRing.Settings()
        settings.change = {
            $0.failureDetection = FailureDetection(allowing: .seconds(1000))
            $0.leaveTimeout = .seconds(7)
        }
        let ring = try InProcessRing.settled(3, settings)
        for name in ["n0", "n2"] { ring.plan.set(.silent, to: address(name)) }
        let began = ring.executor.now
        let log = ring.member("n1").log
        try ring.leave("n1")
        #expect(ring.executor.now - began == .seconds(7))
        #expect(log.lines.contains { $0.level == .warning && $0.message.contains("left before") })
    }

    @Test("A former member that is not let in begins no ring while its ring is alive")
    func ringLives() throws {
        let ring = try InProcessRing.settled(2)
        let shell = ring.add("x")
        let circle = ring.circle
        let before = try #require(circle.last { $0.id < shell.view.node.id } ?? circle.last)
        let contact = try #require(circle.first { $0 != before })
        // The contact answers, and the member to join after cannot be reached from here.
        ring.plan.set(.unconnected, from: address("x"), to: before.address)
        let error = failure(
            of: shell,
            in: ring,
            through: [contact.address],
            for: .seconds(60),
            hasBeenMember: true
        )
        #expect(error?.code == .noContact)
        #expect(!shell.view.isMember)
        let lines = ring.member("x").log.lines
        #expect(!lines.contains { $0.message.contains("begins it again") })
    }

    @Test("A ring of one begins again and is not reported as a new ring")
    func ringOfOne() throws {
        let ring = InProcessRing()
        let shell = ring.add("x")
        try ring.executor.wait {
            try await shell.join(through: [], for: .seconds(5), hasBeenMember: true)
        }
        #expect(shell.view.isMember)
        let lines = ring.member("x").log.lines.filter { $0.level == .notice }
        #expect(lines.map(\.message).allSatisfy { !$0.contains("began a new ring") })
        #expect(lines.contains { $0.message.contains("only member of its ring") })
    }

    @Test("The first node of a new ring logs it, and so do founders")
    func newRing() throws {
        let ring = InProcessRing()
        let shell = ring.add("x")
        try ring.executor.wait { try await shell.join(through: [], for: .seconds(5)) }
        let founders = ["a", "b", "c"]
        for name in founders {
            ring.found(ring.add(name), with: founders.map(InProcessRing.address), for: nil)
        }
        let isDone = ring.executor.run(
            until: { founders.allSatisfy { ring.shell($0).view.isMember } },
            limit: .seconds(20)
        )
        #expect(isDone)
        for name in ["x"] + founders {
            #expect(
                ring.member(name).log.lines.contains {
                    $0.level == .notice && $0.message.contains("began a new ring")
                }
            )
        }
    }

    // MARK: A node alone

    @Test("The death of the last other member is a notice with the reason", arguments: [2, 3])
    func lastOtherDies(count: Int) throws {
        let ring = try InProcessRing.settled(count)
        for index in 1..<count { ring.kill("n\(index)") }
        #expect(ring.settle(limit: .seconds(60)))
        let lines = ring.member("n0").log.lines
        let notice = try #require(
            lines.first { $0.level == .notice && $0.message.contains("alone now") }
        )
        #expect("\(notice.metadata[LogKeys.error] ?? "")".contains("n1"), "\(notice.metadata)")
        #expect(!lines.contains { $0.level >= .error }, "\(lines.filter { $0.level >= .error })")
    }

    @Test("The leave of the last other member is a notice")
    func lastOtherLeaves() throws {
        let ring = try InProcessRing.settled(2)
        try ring.leave("n1")
        #expect(ring.settle(limit: .seconds(60)))
        let lines = ring.member("n0").log.lines
        #expect(lines.contains { $0.level == .notice && $0.message.contains("has left") })
        #expect(!lines.contains { $0.level >= .warning })
    }

    @Test("A full successor list that fails at once is an error")
    func fullListDies() throws {
        var settings = InProcessRing.Settings()
        settings.successorCount = 2
        let ring = try InProcessRing.settled(3, settings)
        ring.kill("n1")
        ring.kill("n2")
        #expect(ring.settle(limit: .seconds(60)))
        let lines = ring.member("n0").log.lines
        let errors = lines.filter { $0.level == .error }
        #expect(errors.count == 1)
        #expect(errors.first?.message.contains("all successors failed at once") == true)
    }

    // MARK: Merging

    @Test("Merging rings that are already one is reported and changes nothing")
    func oneAlready() throws {
        let ring = try InProcessRing.settled(4)
        for name in ["n0", "n1", "n2", "n3"] {
            let shell = ring.shell("n0")
            let merge = try ring.executor.wait {
                try await shell.merge(through: InProcessRing.address(name))
            }
            #expect(merge == RingMerge(contact: ring.shell(name).view.node, wasOne: true))
        }
        let other = ring.add("m0")
        try ring.executor.wait { await other.create() }
        let shell = ring.shell("n0")
        let merge = try ring.executor.wait {
            try await shell.merge(through: InProcessRing.address("m0"))
        }
        #expect(merge == RingMerge(contact: other.view.node, wasOne: false))
        #expect(ring.settle(limit: .seconds(60)), "\(ring.description)")
    }
}
