// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordTestSupport
import ChordWire
import Metrics
import MetricsTestKit
import Testing

@testable import ChordRuntime

/// Each metric of a node is recorded when its cause occurs, with its labels.
@Suite(.tags(.interaction)) struct RuntimeMetricsTests {
    private let metrics = TestMetrics()

    private func total(_ name: String, of node: String, kind: String? = nil) -> Int64 {
        let labels = [("node", node)] + (kind.map { [("kind", $0)] } ?? [])
        return metrics.counterTotal(label: name, dimensions: labels)
    }

    @Test func allMetricsAreRecorded() throws {
        try withMetricsFactory(metrics) {
            try changes()
            try unreachableJoiner()
            try brokenLinks()
            try refusedAnswers()
            try hedgedLookups()
        }
        let names = [
            "chord_ring_changes_total{kind=range}",
            "chord_ring_changes_total{kind=predecessor}",
            "chord_ring_changes_total{kind=successors}",
            "chord_ring_changes_total{kind=successors_lost}",
            "chord_unreached_total{kind=claimant_refused}",
            "chord_unreached_total{kind=refused_by_successor}",
            "chord_unreached_total{kind=member_kept}",
            "chord_unreached_total{kind=own_link}",
            "chord_lookup_answers_refused_total",
            "chord_lookup_hedges_total",
        ]
        #expect(metrics.recorded == Dictionary(uniqueKeysWithValues: names.map { ($0, true) }))
    }

    private func changes() throws {
        let ring = try InProcessRing.settled(2)
        func total(_ kind: String) -> Int64 {
            self.total("chord_ring_changes_total", of: "n0", kind: kind)
        }
        // n0 began the ring and took n1 in.
        #expect(total("range") == 2)
        #expect(total("predecessor") == 1)
        #expect(total("successors") == 1)
        #expect(total("successors_lost") == 0)
        ring.kill("n1")
        #expect(ring.settle(limit: .seconds(30)))
        #expect(total("successors_lost") == 1)
        #expect(total("range") == 3)
    }

    private func unreachableJoiner() throws {
        let ring = try InProcessRing.settled(4)
        let shell = ring.add("x")
        let head = ring.owner(of: ring.identifier("x"))
        ring.plan.set(.unconnected, to: InProcessRing.address("x"))
        #expect(throws: ChordError.self) {
            try ring.executor.wait {
                try await shell.join(through: [InProcessRing.address("n0")], for: .seconds(60))
            }
        }
        #expect(total("chord_unreached_total", of: "x", kind: "refused_by_successor") > 0)
        #expect(total("chord_unreached_total", of: head.name, kind: "claimant_refused") > 0)
    }

    private func brokenLinks() throws {
        let ring = try InProcessRing.settled(5)
        let circle = ring.circle
        let (node, head) = (circle[0], circle[1])
        func total(_ kind: String) -> Int64 {
            self.total("chord_unreached_total", of: node.name, kind: kind)
        }
        let before = (member: total("member_kept"), link: total("own_link"))
        ring.plan.set(.unconnected, from: node.address, to: head.address)
        ring.executor.run(for: .seconds(20))
        #expect(total("member_kept") - before.member == 1)
        #expect(total("own_link") == before.link)
        for other in circle.dropFirst() {
            ring.plan.set(.unconnected, from: node.address, to: other.address)
        }
        ring.executor.run(for: .seconds(30))
        #expect(total("own_link") - before.link == 1)
    }

    private func refusedAnswers() throws {
        let ring = try InProcessRing.settled(12)
        ring.executor.run(for: .seconds(30))
        let node = ring.circle[0]
        let shell = ring.shell(node.name)
        let before = total("chord_lookup_answers_refused_total", of: node.name)
        var forwarded: (id: Identifier, liar: NodeReference)?
        while forwarded == nil {
            let id = ring.randomIdentifier()
            guard case .forward(let candidates) = shell.view.step(for: id) else { continue }
            forwarded = (id, candidates[0])
        }
        let (id, liar) = try #require(forwarded)
        // No name has this identifier.
        let ghost = NodeReference(id: id, name: "ghost", address: "10.9.9.9:1", incarnation: 1)
        ring.plan.set(
            .lies { _ in FindSuccessorReply(owner: ghost, answering: liar) },
            to: liar.address
        )
        let result = try ring.executor.wait { try await shell.lookup(id) }
        #expect(result.owner == ring.owner(of: id))
        #expect(total("chord_lookup_answers_refused_total", of: node.name) == before + 1)
    }

    private func hedgedLookups() throws {
        let ring = try InProcessRing.settled(10, seed: 31)
        ring.executor.run(for: .seconds(20))
        let node = ring.circle[0]
        let shell = ring.shell(node.name)
        var forwarded: (id: Identifier, hop: NodeReference)?
        while forwarded == nil {
            let id = ring.randomIdentifier()
            guard case .forward(let candidates) = shell.view.step(for: id),
                candidates.count > 1, candidates[0] != ring.owner(of: id)
            else { continue }
            forwarded = (id, candidates[0])
        }
        let (id, hop) = try #require(forwarded)
        let before = total("chord_lookup_hedges_total", of: node.name)
        ring.plan.set(.silent, from: node.address, to: hop.address)
        let result = try ring.executor.wait { try await shell.lookup(id) }
        #expect(result.owner == ring.owner(of: id))
        #expect(total("chord_lookup_hedges_total", of: node.name) == before + 1)
    }
}
