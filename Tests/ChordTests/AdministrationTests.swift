// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordTestSupport
import Testing

/// Administration of one node through the embedding API.
@Suite(.tags(.network)) struct AdministrationTests {
    @Test(.timeLimit(.minutes(1))) func nodeDescribesItself() async throws {
        let one = try await ChordNode(try await configuration("n1"))
        let two = try await ChordNode(
            try await configuration("n2", joining: [one.reference.address])
        )
        try await running(one) {
            try await running(two) {
                try await wait(for: one) {
                    one.successors == [two.reference] && one.predecessor == two.reference
                }
                let alice = try await client("alice", of: one)
                let description = try await alice.describe()
                #expect(description.node == one.reference)
                #expect(description.phase == .member)
                #expect(description.predecessor == two.reference)
                #expect(description.successors == [two.reference])
                #expect(description.table == [two.reference])
                #expect(description.parameters == one.parameters)
                #expect(description.version == ChordVersion.number)
                await alice.close()
            }
            // It is down now, and the next one is asked.
            let alice = try await client("alice", of: two, one)
            #expect(try await alice.describe().node == one.reference)
            await alice.close()
        }
        let nobody = try await client("alice", of: one)
        let failure = await #expect(throws: ChordError.self) { try await nobody.describe() }
        #expect(failure?.code == .noContact)
        #expect(failure?.message.contains(one.reference.address) == true)
        await nobody.close()
    }

    /// It waits for a founder that never starts.
    @Test(.timeLimit(.minutes(1))) func nonMemberDescribesItself() async throws {
        var lonely = try await configuration("n1", joining: ["127.0.0.1:1"])
        lonely.joinTimeout = nil
        let node = try await ChordNode(lonely)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await node.run() }
            let alice = try await client("alice", of: node)
            let description = try await alice.describe()
            #expect(description.node == node.reference)
            #expect(description.phase == .notJoined)
            #expect(description.successors.isEmpty)
            #expect(description.table.isEmpty)
            await alice.close()
            tasks.cancelAll()
            // The wait ends because the node has not joined.
            _ = await tasks.nextResult()
        }
    }

    @Test(.timeLimit(.minutes(1))) func watchLastsUntilTheNodeEnds() async throws {
        let one = try await ChordNode(try await configuration("n1"))
        try await running(one) {
            let admin = try await client("admin", of: one)
            var seen = admin.watch().makeAsyncIterator()
            let first = try #require(try await seen.next())
            guard case .now(let description) = first.content else {
                Issue.record("\(first)")
                return
            }
            #expect(description.node == one.reference)
            #expect(description.successors.isEmpty)
            #expect(first.time >= .milliseconds(one.reference.incarnation))

            let two = try await ChordNode(
                try await configuration("n2", joining: [one.reference.address])
            )
            try await running(two) {
                try await wait(for: one) { one.successors == [two.reference] }
            }
            try await wait(for: one) { one.successors.isEmpty }
            #expect(try await admin.leave() == one.reference)

            var events: [RingEvent] = []
            do throws(ChordError) {
                while let news = try await seen.next() {
                    guard case .event(let event) = news.content else {
                        Issue.record("told twice what there is: \(news)")
                        continue
                    }
                    events.append(event)
                }
                Issue.record("it ended without a reason")
            } catch {
                #expect(error.code == .stopped)
                #expect(error.message.contains("n1 has left the ring"))
            }
            #expect(
                events.contains(
                    .predecessorChanged(from: one.reference, to: two.reference, cause: .rectified)
                )
            )
            #expect(
                events.contains {
                    guard case .successorsChanged([], [two.reference], _) = $0 else { return false }
                    return true
                },
                "\(events)"
            )
            // A round that was under way may have found out before it was told.
            #expect(
                [RingEvent.Cause.left, .failed].contains { cause in
                    events.contains(
                        .successorsChanged(from: [two.reference], to: [], cause: cause)
                    )
                },
                "\(events)"
            )
            #expect(events.last == .left)
            // What has thrown is over.
            #expect(try await seen.next() == nil)
            await admin.close()
        }
        #expect(one.range == nil)
    }

    @Test(.timeLimit(.minutes(1))) func watchEndsWithItsTask() async throws {
        let one = try await ChordNode(try await configuration("n1"))
        try await running(one) {
            let alice = try await client("alice", of: one)
            let count = try await withThrowingTaskGroup(of: Int.self) { tasks in
                let (firsts, first) = AsyncStream.makeStream(of: Void.self)
                tasks.addTask {
                    defer { first.finish() }
                    var count = 0
                    for try await _ in alice.watch() {
                        count += 1
                        first.finish()
                    }
                    return count
                }
                for await _ in firsts {}
                tasks.cancelAll()
                return try await tasks.next()
            }
            #expect(count == 1)
            // The client is as good as before.
            #expect(try await alice.describe().node == one.reference)
            await alice.close()
        }
    }

    @Test(.timeLimit(.minutes(1))) func onlyAnAdministratorCanMakeANodeLeave() async throws {
        let one = try await ChordNode(try await configuration("n1"))
        let two = try await ChordNode(
            try await configuration("n2", joining: [one.reference.address])
        )
        try await running(one) {
            try await running(two) {
                let alice = try await client("alice", of: two)
                let refusal = await #expect(throws: ChordError.self) { try await alice.leave() }
                #expect(refusal?.code == .refused)
                await alice.close()
                let both = try await client("admin", of: one, two)
                let mistake = await #expect(throws: ChordError.self) { try await both.leave() }
                #expect(mistake?.code == .invalidConfiguration)
                #expect(mistake?.message.contains(two.reference.address) == true)
                await both.close()
                #expect(one.range != nil && two.range != nil)

                let admin = try await client("admin", of: two)
                #expect(try await admin.leave() == two.reference)
                await admin.close()
                #expect(two.range == nil)
                try await wait(for: one) { one.successors.isEmpty }
                #expect(one.range?.isWholeCircle == true)
            }
        }
    }
}
