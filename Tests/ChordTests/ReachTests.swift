// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import Synchronization
import ChordTestSupport
import Testing

/// Nodes that others cannot dial.
@Suite(.tags(.network)) struct ReachTests {
    private final class Changes: Sendable {
        let count = Atomic(0)
    }

    /// Nothing listens there, and nobody but an administrator could.
    private static let closed = "127.0.0.1:1"

    @Test("A joiner that cannot be dialled ends with a message, and the ring does not change")
    func unreachableJoiner() async throws {
        let one = try await ChordNode(try await configuration("n1"))
        try await running(one) {
            let two = try await ChordNode(
                try await configuration("n2", joining: [one.reference.address])
            )
            try await running(two) {
                try await wait(for: one) { one.successors == [two.reference] }
                try await wait(for: two) { two.successors == [one.reference] }
                let ranges = (one.range, two.range)
                let changes = Changes()
                let watching = [one, two].map { node in
                    let (begun, begin) = AsyncStream.makeStream(of: Void.self)
                    let task = Task {
                        for await change in node.rangeChanges() {
                            if change.cause == nil {
                                begin.finish()
                            } else {
                                changes.count.add(1, ordering: .relaxed)
                            }
                        }
                    }
                    return (task, begun)
                }
                for (_, begun) in watching { for await _ in begun {} }
                var settings = try await configuration("n3", joining: [one.reference.address])
                settings.advertise = Self.closed
                settings.intervals.refusalPatience = .milliseconds(500)
                let three = try await ChordNode(settings)
                let failure = await #expect(throws: ChordError.self) { try await three.run() }
                #expect(failure?.code == .unreachable)
                let message = failure?.message ?? ""
                #expect(message.contains("cannot reach this node at \(Self.closed)"), "\(message)")
                #expect(message.hasPrefix("n1 ") || message.hasPrefix("n2 "), "\(message)")
                #expect(three.range == nil)
                #expect(one.range == ranges.0)
                #expect(two.range == ranges.1)
                #expect(changes.count.load(ordering: .relaxed) == 0)
                for (task, _) in watching { task.cancel() }
            }
        }
    }

    @Test("A refused node joins at an address that can be dialled")
    func secondAttempt() async throws {
        let one = try await ChordNode(try await configuration("n1"))
        try await running(one) {
            var settings = try await configuration("n2", joining: [one.reference.address])
            settings.advertise = Self.closed
            settings.intervals.refusalPatience = .zero
            let refused = try await ChordNode(settings)
            let failure = await #expect(throws: ChordError.self) { try await refused.run() }
            #expect(failure?.code == .unreachable)
            let two = try await ChordNode(
                try await configuration("n2", joining: [one.reference.address])
            )
            try await running(two) {
                try await wait(for: one) { one.predecessor == two.reference }
                #expect(two.range != nil)
            }
        }
    }
}
