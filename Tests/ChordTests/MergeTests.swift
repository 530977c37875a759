// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordTestSupport
import Testing

@Suite(.tags(.network)) struct MergeTests {
    /// Two rings of one name, each of one node that has never heard of the other.
    @Test(.timeLimit(.minutes(1))) func administratorMergesRings() async throws {
        let one = try await ChordNode(try await configuration("n1"))
        let two = try await ChordNode(try await configuration("n2"))
        try await running(one) {
            try await running(two) {
                let alice = try await client("alice", of: one)
                let refusal = await #expect(throws: ChordError.self) {
                    try await alice.merge(with: two.reference.address)
                }
                #expect(refusal?.code == .refused)
                await alice.close()
                let admin = try await client("admin", of: one)
                let mistake = await #expect(throws: ChordError.self) {
                    try await admin.merge(with: "nowhere")
                }
                #expect(mistake?.code == .invalidConfiguration)
                #expect(one.successors.isEmpty)
                let merge = try await admin.merge(with: two.reference.address)
                #expect(merge == RingMerge(contact: two.reference, wasOne: false))
                try await wait(for: one) { one.successors == [two.reference] }
                try await wait(for: two) { two.successors == [one.reference] }
                // Now they are one, and a node is one with itself.
                for node in [one, two] {
                    let again = try await admin.merge(with: node.reference.address)
                    #expect(again == RingMerge(contact: node.reference, wasOne: true))
                }
                await admin.close()
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func ringsWithOtherNamesStaySeparate() async throws {
        let one = try await ChordNode(try await configuration("n1"))
        var other = try await configuration("n2")
        other.ring.name = "other"
        let two = try await ChordNode(other)
        try await running(one) {
            try await running(two) {
                let admin = try await client("admin", of: one)
                let refusal = await #expect(throws: ChordError.self) {
                    try await admin.merge(with: two.reference.address)
                }
                #expect(refusal?.code == .parametersDiffer)
                #expect(refusal?.message.contains("\"other\"") == true)
                await admin.close()
                #expect(one.successors.isEmpty)
                #expect(two.successors.isEmpty)
            }
        }
    }
}
