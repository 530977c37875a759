// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import Logging
import NIOConcurrencyHelpers
import ChordTestSupport
import Testing

@testable import ChordRuntime

@Suite("Ring events", .tags(.interaction))
struct RingEventTests {
    /// The events of nodes, gathered as they come.
    private final class Gathered: Sendable {
        private let box = NIOLockedValueBox<[String: [RingEvent]]>([:])

        func listen(to shell: NodeShell, on executor: ManualExecutor) {
            let name = shell.configuration.name
            let stream = shell.events.events()
            _ = executor.start { [self] in
                for await event in stream {
                    box.withLockedValue { $0[name, default: []].append(event) }
                }
            }
        }

        func events(of name: String) -> [RingEvent] { box.withLockedValue { $0[name] ?? [] } }
    }

    @Test(
        "Range changes form a chain without gaps and end at the present range",
        arguments: [1, 2]
    )
    func chain(seed: UInt64) throws {
        let ring = InProcessRing(seed: seed)
        let gathered = Gathered()
        let shells = (0..<10).map { ring.add("n\($0)") }
        for shell in shells { gathered.listen(to: shell, on: ring.executor) }
        try ring.executor.wait { await shells[0].create() }
        for shell in shells.dropFirst() {
            try ring.executor.wait {
                try await shell.join(through: [InProcessRing.address("n0")], for: .seconds(30))
            }
        }
        ring.settle(limit: .seconds(20))
        ring.kill("n4")
        ring.kill("n5")
        ring.settle(limit: .seconds(20))
        try ring.leave("n6")
        #expect(ring.settle(limit: .seconds(20)), "\(ring.description)")
        ring.executor.drain()

        for index in 0..<10 {
            let name = "n\(index)"
            var last: IdentifierRange?
            var predecessor: NodeReference?
            var changes = 0
            for event in gathered.events(of: name) {
                switch event {
                case .rangeChanged(let from, let to, _):
                    #expect(from == last)
                    #expect(from != to)
                    last = to
                    changes += 1
                case .joined(let state): predecessor = state.predecessor
                case .predecessorChanged(let from, let to, _):
                    #expect(from == predecessor)
                    predecessor = to
                default: break
                }
            }
            #expect(changes > 0)
            if let member = ring.members[name] {
                #expect(last == member.shell.view.range)
                #expect(predecessor == member.shell.view.predecessor)
            } else {
                #expect(last == nil)
                #expect(gathered.events(of: name).last == .left)
            }
        }
        // Settled, the ranges cover the circle once.
        var lower = Set<Identifier>()
        for node in ring.circle {
            let range = ring.shell(node.name).view.range
            #expect(range.upperBound == node.id)
            lower.insert(range.lowerBound)
        }
        #expect(lower == Set(ring.circle.map(\.id)))
    }

    @Test("State changes are logged as info, with the name of the node")
    func levels() throws {
        let ring = try InProcessRing.settled(6)
        ring.kill("n3")
        ring.settle(limit: .seconds(20))
        try ring.executor.wait { [shell = ring.shell("n2")] in
            for id in 0..<50 { _ = try await shell.lookup(Identifier(UInt64(id))) }
        }
        let expected: [String: Logger.Level] = [
            "not a member yet: no contact lets this node join": .info,
            "joined": .info, "range changed": .info, "predecessor changed": .info,
            "successors changed": .info, "left": .info, "asked for its state": .trace,
            "notify failed": .debug, "a neighbour did not receive the Leave": .debug,
            "cannot join through this contact yet": .debug, "replaced": .error,
            "looked up this node's own place": .trace, "meeting failed": .debug,
            "asked others about a node that does not answer": .debug,
        ]
        var seen: Set<String> = []
        for (name, member) in ring.members {
            for line in member.log.lines {
                #expect(line.metadata[LogKeys.node] == "\(name)")
                #expect(line.metadata[LogKeys.ring] == "test")
                #expect(line.metadata.keys.allSatisfy { $0.hasPrefix("chord.") })
                if let level = expected[line.message] {
                    #expect(line.level == level)
                    seen.insert(line.message)
                } else {
                    #expect(line.level == .info)
                    #expect(line.message.hasPrefix("the ring has 5 members or more"))
                    seen.insert("guarantee")
                }
            }
        }
        let wanted: Set<String> = [
            "joined", "range changed", "predecessor changed", "successors changed", "guarantee",
            "asked for its state",
        ]
        #expect(seen.isSuperset(of: wanted))
        // A settled ring says nothing above trace.
        let quiet = ring.members.values.map { $0.log.lines.filter { $0.level >= .info }.count }
        ring.executor.run(for: .seconds(60))
        let later = ring.members.values.map { $0.log.lines.filter { $0.level >= .info }.count }
        #expect(quiet == later)
    }

    @Test("Losing all successors at once is logged as an error")
    func successorsLost() throws {
        var settings = InProcessRing.Settings()
        settings.successorCount = 1
        let ring = try InProcessRing.settled(2, settings)
        ring.kill("n1")
        ring.executor.run(for: .seconds(20))
        let errors = ring.member("n0").log.lines.filter { $0.level == .error }
        #expect(errors.count == 1)
        #expect(errors.first?.metadata[LogKeys.from] == ["n1@n1.ring.test:4400"] || !errors.isEmpty)
    }
}
