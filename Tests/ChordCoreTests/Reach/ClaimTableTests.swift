// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordTestSupport
import Testing

@Suite(.tags(.unit)) struct ClaimTableTests {
    private static func table(
        _ change: (inout ClaimTable.Settings) -> Void = { _ in }
    ) throws -> ClaimTable {
        var settings = ClaimTable.Settings()
        change(&settings)
        return ClaimTable(
            owner: Identifier(50),
            space: try IdentifierSpace(width: 8),
            settings: settings
        )
    }

    private static func claim(_ id: UInt64, life: UInt64 = 1) -> ClaimTable.Claim {
        ClaimTable.Claim(Nodes.node(id, life: life))
    }

    @Test func nearestClaimantIsDialledFirst() throws {
        var table = try Self.table { $0.dialLimit = 2 }
        for id in [10, 60, 40, 30] as [UInt64] { #expect(table.claimed(Self.claim(id)) == .trying) }
        #expect(table.nextDials() == [Self.claim(40), Self.claim(30)])
        // No more at the same time, and none twice.
        #expect(table.nextDials().isEmpty)
        #expect(table.claimed(Self.claim(40)) == .trying)
        #expect(table.waitingCount == 2)
        table.abandoned(Self.claim(40))
        // 60 is the farthest clockwise from its place to the owner's.
        #expect(table.nextDials() == [Self.claim(10)])
    }

    @Test func reachedClaimantIsNotDialledAgainSoon() throws {
        var table = try Self.table { $0.freshTicks = 2 }
        _ = table.claimed(Self.claim(40))
        let claim = try #require(table.nextDials().first)
        table.succeeded(claim, as: Nodes.node(40, life: 7))
        #expect(table.claimed(Self.claim(40, life: 7)) == .reached(Nodes.node(40, life: 7)))
        // A new incarnation must answer itself.
        #expect(table.claimed(Self.claim(40, life: 8)) == .trying)
        #expect(table.nextDials() == [Self.claim(40, life: 8)])
        table.abandoned(Self.claim(40, life: 8))
        for _ in 0..<3 { table.tick() }
        #expect(table.claimed(Self.claim(40, life: 7)) == .trying)
    }

    @Test func backoffOfAnUnreachableClaimantGrows() throws {
        var table = try Self.table { $0.longestWait = 4 }
        var waits: [Int] = []
        for round in 0..<5 {
            #expect(table.claimed(Self.claim(40)) == .trying)
            let claim = try #require(table.nextDials().first)
            #expect(table.failed(claim, reason: "refused") == (round == 0))
            var wait = 0
            while table.claimed(Self.claim(40)) == .notReached(reason: "refused") {
                table.tick()
                wait += 1
            }
            _ = table.nextDials().map { table.abandoned($0) }
            waits.append(wait)
        }
        #expect(waits == [1, 1, 2, 4, 4])
        // A newer life begins anew.
        #expect(table.claimed(Self.claim(40, life: 2)) == .trying)
    }

    @Test("Many unreachable claimants do not delay a reachable one")
    func starvation() throws {
        var table = try Self.table {
            $0.dialLimit = 1
            $0.waitingLimit = 8
        }
        // Ten that are nearer, and cannot be reached, notify all the time.
        let bad = (40...49).map { UInt64($0) }
        var ticksUntilReached = 0
        var isReached = false
        while !isReached, ticksUntilReached < 100 {
            for id in bad + [5] { _ = table.claimed(Self.claim(id)) }
            while let claim = table.nextDials().first {
                if claim.node.id == Identifier(5) {
                    table.succeeded(claim, as: claim.node)
                    isReached = true
                } else {
                    table.failed(claim, reason: "no")
                }
            }
            table.tick()
            ticksUntilReached += 1
        }
        #expect(isReached)
        #expect(ticksUntilReached < 5)
    }

    @Test func claimTableIsBounded() throws {
        var table = try Self.table()
        for id in 0..<50 as Range<UInt64> { _ = table.claimed(Self.claim(id)) }
        #expect(table.waitingCount == ClaimTable.Settings().waitingLimit)
        #expect(table.nextDials().count == ClaimTable.Settings().dialLimit)
        #expect(table.dialCount == ClaimTable.Settings().dialLimit)
    }
}
