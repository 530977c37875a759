// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import ChordWire
import Logging
import ChordTestSupport
import Testing

@testable import ChordRuntime

@Suite("Numbers that peers choose", .tags(.interaction))
struct ForeignNumbersTests {
    /// A node with a good certificate that answers with whatever its state is set to.
    private static func addLiar(to ring: InProcessRing, state: RingState) {
        let (space, parameters) = (ring.space, ring.parameters(ring.settings))
        let list = ServiceMethod(ChordMethods.getSuccessorList) { _, call in
            GetSuccessorListReply(state: state, parameters: parameters)
                .encode(appendingTo: &call.reply, space: space)
            return .replied
        }
        let lookup = ServiceMethod(ChordMethods.findSuccessor) { _, call in
            var reply = FindSuccessorReply(owner: state.node, answering: state.node)
            reply.answeringSuccessors = state.successors
            reply.encode(appendingTo: &call.reply, space: space)
            return .replied
        }
        ring.network.listen(
            address: InProcessRing.address("liar"),
            router: Router([list, lookup]),
            identity: InProcessRing.identity("liar"),
            executor: ring.executor
        )
    }

    private static func reference(
        _ name: String,
        in ring: InProcessRing,
        incarnation: UInt64 = 1
    ) -> NodeReference {
        NodeReference(
            id: ring.identifier(name),
            name: name,
            address: InProcessRing.address(name),
            incarnation: incarnation
        )
    }

    @Test(
        "A peer that names the joiner with a far-future incarnation does not stop it",
        arguments: [UInt64.max, UInt64.max - 1, 1 << 43, (1 << 43) - 1, 1 << 42] as [UInt64]
    )
    func incarnationOfTheFarFuture(incarnation: UInt64) throws {
        let ring = InProcessRing()
        let joiner = ring.add("n1")
        let liar = Self.reference("liar", in: ring)
        Self.addLiar(
            to: ring,
            state: RingState(
                node: liar,
                predecessor: Self.reference("n1", in: ring, incarnation: incarnation),
                successors: [Self.reference("n1", in: ring, incarnation: incarnation)]
            )
        )
        let before = joiner.view.node.incarnation
        let joining = ring.executor.start {
            try await joiner.join(through: [InProcessRing.address("liar")], for: .seconds(5))
        }
        // It may join such a ring, or refuse its contact: it lives on, in a believable life.
        try? joining.value(limit: .seconds(60))
        #expect(joiner.view.node.incarnation >= before)
        #expect(
            joiner.view.node.incarnation <= ring.executor.wallClockMilliseconds + 6 * 3_600_000 + 1
        )
        // A later life of it has room above.
        try ring.executor.wait { await joiner.leave() }
    }

    @Test("A list is cut at an entry with a far-future incarnation")
    func hearsayOfTheFarFuture() throws {
        let ring = try InProcessRing.settled(3)
        let states = ring.shell("n0").states
        let honest = Self.reference("a", in: ring)
        let invented = Self.reference(
            "b",
            in: ring,
            incarnation: ring.executor.wallClockMilliseconds + 25 * 3_600_000
        )
        #expect(states.admissible([honest, invented, honest]) == [honest])
    }

    @Test("A Notify with a far-future incarnation is refused; the message names both clocks")
    func claimOfTheFarFuture() throws {
        let ring = try InProcessRing.settled(3)
        let view = ring.shell("n0").view
        let candidate = Self.reference(
            "liar",
            in: ring,
            incarnation: ring.executor.wallClockMilliseconds + 13 * 3_600_000
        )
        let request = NotifyRequest(
            candidate: candidate,
            parameters: ring.parameters(ring.settings)
        )
        let status = try ring.call(
            ChordMethods.notify,
            at: "n0",
            as: InProcessRing.identity("liar"),
            message: request.encoded(in: ring.space)
        ).status
        #expect(status.code == .invalidArgument)
        #expect(status.message.contains("clock"))
        ring.executor.drain()
        #expect(ring.shell("n0").view == view)
    }

    @Test("A peer that sends too many Notify calls is refused; other peers are not")
    func floodOfStatements() throws {
        let ring = try InProcessRing.settled(3)
        ring.add("liar")
        let limits = ring.shell("n0").configuration.statements
        func notify(_ name: String, _ incarnation: UInt64) throws -> Status {
            let request = NotifyRequest(
                candidate: Self.reference(name, in: ring, incarnation: incarnation),
                parameters: ring.parameters(ring.settings)
            )
            return try ring.call(
                ChordMethods.notify,
                at: "n0",
                as: InProcessRing.identity(name),
                message: request.encoded(in: ring.space)
            ).status
        }
        let lines = ring.member("n0").log.lines.filter { $0.level >= .info }.count
        var taken: UInt64 = 0
        let start = ring.executor.now
        for number in 0..<(limits.burst * 10) {
            let status = try notify("liar", 2 + number)
            if status.isOK {
                taken += 1
            } else {
                #expect(status.code == .resourceExhausted)
            }
        }
        let seconds = UInt64((ring.executor.now - start).components.seconds) + 1
        #expect(taken <= limits.burst + limits.perInterval * seconds)
        #expect(try notify("n1", ring.shell("n1").view.node.incarnation).isOK)
        let written = ring.member("n0").log.lines.filter { $0.level >= .info }.count - lines
        #expect(UInt64(written) <= 3 * taken)
        // After a while it may speak again.
        ring.executor.run(for: .seconds(2))
        #expect(try notify("liar", 1_000_000).isOK)
    }

    @Test("Idle peers are forgotten first when there are too many")
    func manyPeers() {
        var limits = StatementLimits()
        limits.burst = 1
        limits.perInterval = 1
        limits.peers = 2
        let budget = StatementBudget(limits, interval: .seconds(1))
        func time(_ milliseconds: Int64) -> MonotonicTime {
            MonotonicTime(nanoseconds: milliseconds * 1_000_000)
        }
        func isRefused(_ name: String, _ milliseconds: Int64) -> Bool {
            budget.refusal(of: InProcessRing.identity(name), at: time(milliseconds)) != nil
        }
        #expect(!isRefused("a", 0))
        #expect(!isRefused("b", 1))
        #expect(isRefused("b", 2))
        #expect(!isRefused("c", 3))
        #expect(isRefused("b", 4))
        #expect(isRefused("c", 5))
    }
}
