// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordHash
import ChordIdentity
import ChordRPC
import ChordTestSupport
import Testing

@testable import ChordRuntime

@Suite("Joining", .tags(.interaction))
struct JoiningTests {
    private func failure(
        of ring: InProcessRing,
        _ key: String,
        through contacts: [String] = ["n0"],
        for limit: Duration = .seconds(20)
    ) -> ChordError? {
        let shell = ring.shell(key)
        return #expect(throws: ChordError.self) {
            try ring.executor.wait {
                try await shell.join(
                    through: contacts.map(InProcessRing.address),
                    for: limit
                )
            }
        }
    }

    @Test("A live node with the name at another address keeps it", arguments: [1, 2, 3, 8])
    func nameTaken(count: Int) throws {
        let ring = try InProcessRing.settled(count, seed: 2)
        for index in 0..<count {
            ring.add("n\(index)", host: "elsewhere")
            let error = failure(of: ring, "elsewhere")
            #expect(error?.code == .nameTaken)
            #expect(error?.message.contains(InProcessRing.address("n\(index)")) == true)
            #expect(ring.shell("elsewhere").view.isMember == false)
            ring.kill("elsewhere")
            #expect(ring.isIdeal)
        }
    }

    @Test("A dead node with the name is replaced")
    func formerLife() throws {
        let ring = try InProcessRing.settled(5, seed: 2)
        ring.kill("n3")
        let shell = ring.add("n3", host: "elsewhere")
        try ring.executor.wait {
            try await shell.join(through: [InProcessRing.address("n0")], for: .seconds(20))
        }
        #expect(ring.settle(limit: .seconds(10)), "\(ring.description)")
    }

    @Test("Another name with the same identifier is refused, naming both")
    func collision() throws {
        var settings = InProcessRing.Settings()
        settings.width = 4
        let ring = InProcessRing(settings)
        // Of 17 names, two share one of 16 identifiers.
        var seen: [Identifier: String] = [:]
        var pair: (first: String, second: String)?
        for index in 0..<17 where pair == nil {
            let name = "m\(index)"
            let id = ring.identifier(name)
            if let first = seen[id] { pair = (first, name) } else { seen[id] = name }
        }
        let (first, second) = try #require(pair)
        try ring.create("n0")
        var others = ["n0"]
        if ring.identifier("n0") != ring.identifier(first) {
            try ring.join(first, through: "n0")
            others.append(first)
        }
        for other in seen.values.sorted().prefix(3)
        where !others.contains(where: { ring.identifier($0) == ring.identifier(other) }) {
            try ring.join(other, through: "n0")
            others.append(other)
        }
        #expect(ring.settle(limit: .seconds(10)))
        ring.add(second)
        let error = failure(of: ring, second)
        #expect(error?.code == .nameTaken)
        let holder = try #require(others.first { ring.identifier($0) == ring.identifier(second) })
        #expect(error?.message.contains(holder) == true)
        #expect(ring.shell(second).view.isMember == false)
    }

    struct Difference: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let change: @Sendable (inout InProcessRing.Settings) -> Void
        /// What the message names on the one side and the other.
        let names: [String]
    }

    static let differences: [Difference] = [
        Difference(
            testDescription: "ring name",
            change: { $0.ring = "other" },
            names: ["\"other\"", "\"test\""]
        ),
        Difference(testDescription: "width", change: { $0.width = 32 }, names: ["32", "64"]),
        Difference(
            testDescription: "hash",
            change: { $0.hash = .sha1 },
            names: ["sha1", "sha256"]
        ),
        Difference(
            testDescription: "hash under the same name",
            change: { settings in
                settings.hash = .custom(name: "sha256", bits: 256) { bytes in
                    HashFunction.sha256.hash(bytes).reversed()
                }
            },
            names: ["sha256"]
        ),
        Difference(
            testDescription: "list length",
            change: { $0.successorCount = 3 },
            names: ["3", "4"]
        ),
        Difference(
            testDescription: "identifier rule",
            change: { $0.rule = .address },
            names: ["address", "name"]
        ),
    ]

    @Test("A ring with other parameters is refused, naming both sides", arguments: differences)
    func parametersDiffer(difference: Difference) throws {
        let ring = try InProcessRing.settled(3)
        var settings = ring.settings
        difference.change(&settings)
        ring.add("x", settings: settings)
        let before = ring.circle
        let error = failure(of: ring, "x")
        #expect(error?.code == .parametersDiffer)
        let message = error?.message ?? ""
        for name in difference.names { #expect(message.contains(name), "\(message)") }
        #expect(message.contains(InProcessRing.address("n0")))
        #expect(ring.circle == before)
    }

    @Test("Dead contacts are skipped")
    func severalAddresses() throws {
        let ring = try InProcessRing.settled(3)
        ring.plan.set(.silent, to: InProcessRing.address("silent"))
        ring.plan.set(.unconnected, to: InProcessRing.address("unconnected"))
        let shell = ring.add("x")
        try ring.executor.wait {
            try await shell.join(
                through: ["x", "nobody", "silent", "unconnected", "n2"].map(InProcessRing.address),
                for: .seconds(10)
            )
        }
        #expect(ring.settle(limit: .seconds(5)), "\(ring.description)")
    }

    @Test("A contact that is no member yet is retried with growing waits, up to the limit")
    func limit() throws {
        let ring = InProcessRing()
        ring.add("n0")
        ring.add("x")
        let start = ring.executor.now
        let error = failure(of: ring, "x", for: .seconds(10))
        #expect(error?.code == .noContact)
        let cause = try #require(error?.cause as? JoinFailure)
        #expect(cause.contacts.map(\.address) == [InProcessRing.address("n0")])
        #expect(cause.contacts.map(\.reason) == [.notMember])
        let elapsed = ring.executor.now - start
        #expect(elapsed >= .seconds(10))
        #expect(elapsed < .seconds(11))
        // 0.1, 0.2, 0.4, 0.8, 1.6 and then 2 seconds between attempts.
        let attempts = ring.plan.started(ChordMethods.getSuccessorList)
        #expect((6...12).contains(attempts))
    }

    @Test("A contact that becomes a member lets the waiting node in")
    func contactComesLater() throws {
        let ring = InProcessRing()
        let contact = ring.add("n0")
        let shell = ring.add("x")
        let joining = ring.executor.start {
            try await shell.join(through: [InProcessRing.address("n0")], for: nil)
        }
        ring.executor.run(for: .seconds(30))
        #expect(!joining.isFinished)
        try ring.executor.wait { await contact.create() }
        try joining.value(limit: .seconds(10))
        #expect(ring.settle(limit: .seconds(5)))
    }

    @Test("Cancellation ends the attempt to join")
    func cancelled() throws {
        let ring = InProcessRing()
        ring.add("n0")
        let shell = ring.add("x")
        let joining = ring.executor.start {
            try await shell.join(through: [InProcessRing.address("n0")], for: nil)
        }
        ring.executor.run(for: .seconds(7))
        joining.cancel()
        ring.executor.drain()
        let error = #expect(throws: ChordError.self) { try joining.value(limit: .zero) }
        #expect(error?.code == .stopped)
        #expect(ring.executor.timerCount == 0)
    }

    @Test("Leaving ends the attempt to join")
    func leftMeanwhile() throws {
        let ring = InProcessRing()
        ring.add("n0")
        let shell = ring.add("x")
        let joining = ring.executor.start {
            try await shell.join(through: [InProcessRing.address("n0")], for: nil)
        }
        ring.executor.run(for: .seconds(7))
        try ring.leave("x")
        ring.executor.drain()
        let error = #expect(throws: ChordError.self) { try joining.value(limit: .zero) }
        #expect(error?.code == .stopped)
        #expect(ring.executor.timerCount == 0)
    }

    @Test("Everyone waiting for membership learns of it, and cancelled waiters learn of that")
    func waiters() throws {
        let ring = try InProcessRing.settled(2)
        let shell = ring.add("x")
        let waiters = (0..<5).map { _ in
            ring.executor.start { try await shell.waitUntilJoined() }
        }
        ring.executor.drain()
        #expect(waiters.allSatisfy { !$0.isFinished })
        waiters[2].cancel()
        ring.executor.drain()
        #expect(throws: CancellationError.self) { try waiters[2].value(limit: .zero) }
        #expect(!waiters[3].isFinished)
        try ring.executor.wait {
            try await shell.join(through: [InProcessRing.address("n0")], for: .seconds(10))
        }
        for index in [0, 1, 3, 4] { try waiters[index].value(limit: .zero) }
        try ring.executor.wait { try await shell.waitUntilJoined() }
    }

    @Test("A waiter that is already cancelled does not wait")
    func cancelledBefore() throws {
        let ring = InProcessRing()
        let shell = ring.add("x")
        let waiter = ring.executor.start { try await shell.waitUntilJoined() }
        waiter.cancel()
        let end = ring.executor.start { await shell.waitForEnd() }
        end.cancel()
        ring.executor.drain()
        #expect(throws: CancellationError.self) { try waiter.value(limit: .zero) }
        #expect(try end.value(limit: .zero) == nil)
    }

    @Test("Waiting for membership ends with the node")
    func waiterOfAStoppedNode() throws {
        let ring = InProcessRing()
        let shell = ring.add("x")
        let waiter = ring.executor.start { try await shell.waitUntilJoined() }
        let end = ring.executor.start { await shell.waitForEnd() }
        ring.executor.drain()
        ring.on("x") { $0.fail(ChordError(.replaced, "for the test")) }
        let error = #expect(throws: ChordError.self) { try waiter.value(limit: .zero) }
        #expect(error?.code == .replaced)
        #expect(try end.value(limit: .zero)?.code == .replaced)
        let later = #expect(throws: ChordError.self) {
            try ring.executor.wait { try await shell.waitUntilJoined() }
        }
        #expect(later?.code == .replaced)
    }

    @Test("A joiner whose place belongs to another node is refused for good")
    func refused() throws {
        let ring = try InProcessRing.settled(2)
        // The certificate says y, the node says x.
        let identity = InProcessRing.identity("y", host: "x")
        let configuration = RuntimeConfiguration(
            name: "x",
            address: InProcessRing.address("x"),
            parameters: ring.parameters(ring.settings),
            hash: ring.settings.hash
        )
        let shell = NodeShell(
            configuration: configuration,
            executor: ring.executor,
            transport: ring.network.transport(identity: identity),
            logger: CapturedLog().logger
        )
        let error = #expect(throws: ChordError.self) {
            try ring.executor.wait {
                try await shell.join(through: [InProcessRing.address("n0")], for: .seconds(5))
            }
        }
        #expect(error?.code == .refused)
    }
}
