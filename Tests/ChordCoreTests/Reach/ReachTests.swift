// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordTestSupport
import Testing

/// Indirect probes, failures of our own link, and dials that others cause.
@Suite(.tags(.unit)) struct ReachTests {
    // MARK: Indirect probes

    @Test(
        "Answers of other members decide whether a node is reached",
        arguments: [
            ([true, true], ProbeRound.Verdict.reached),
            ([false, true, true], .reached),
            ([nil, nil, true], .reached),
            ([nil, true, true], .reached),
            ([true], .reached),
            ([false, false, true], .notReached),
            ([nil, false, true], .notReached),
            ([false], .notReached),
            ([nil, nil, nil], .unknown),
        ] as [([Bool?], ProbeRound.Verdict)]
    )
    func rounds(_ answers: [Bool?], _ verdict: ProbeRound.Verdict) {
        var round = ProbeRound(helpers: answers.count)
        let verdicts = answers.compactMap { round.take($0) }
        #expect(verdicts == [verdict])
        #expect(round.take(true) == nil)
    }

    @Test func probeRoundEndsWithTheSecondPositiveAnswer() {
        var round = ProbeRound(helpers: 3)
        #expect(round.take(true) == nil)
        #expect(round.take(true) == .reached)
        #expect(round.take(false) == nil)
    }

    // MARK: Our own link

    @Test func ownLinkIsBlamedWhenOnlyInboundCallsWork() {
        var health = DialHealth()
        health.failed(Identifier(1))
        #expect(!health.isLinkToBlame(isHeard: true))
        health.failed(Identifier(1))
        #expect(!health.isLinkToBlame(isHeard: true))
        health.failed(Identifier(2))
        #expect(health.isLinkToBlame(isHeard: true))
        #expect(!health.isLinkToBlame(isHeard: false))
        health.succeeded(Identifier(3))
        #expect(!health.isLinkToBlame(isHeard: true))
        #expect(health.hasFailed(Identifier(1)))
        #expect(!health.hasFailed(Identifier(3)))
    }

    @Test func oldDialFailuresExpire() {
        var health = DialHealth()
        health.failed(Identifier(1))
        for _ in 0...health.windowTicks { health.tick() }
        health.failed(Identifier(2))
        #expect(!health.isLinkToBlame(isHeard: true))
    }

    // MARK: Dials that others cause

    @Test func probeBudgetIsPerCaller() {
        var settings = ProbeBudget.Settings()
        settings.knownBurst = 3
        settings.knownRefill = 1
        var budget = ProbeBudget(settings: settings)
        func spend(_ caller: String) -> Bool { budget.spend(caller: caller, isKnown: true) }
        #expect((0..<5).map { _ in spend("n1") } == [true, true, true, false, false])
        // Another caller has one of its own.
        #expect(spend("n2"))
        budget.tick()
        #expect((0..<2).map { _ in spend("n1") } == [true, false])
    }

    @Test func unknownTargetsAreLimitedForAllCallersTogether() {
        var settings = ProbeBudget.Settings()
        settings.strangerBurst = 2
        settings.strangerRefill = 1
        var budget = ProbeBudget(settings: settings)
        let spent = (0..<4).map { budget.spend(caller: "n\($0)", isKnown: false) }
        #expect(spent == [true, true, false, false])
        #expect(budget.spend(caller: "n9", isKnown: true) == true)
        budget.tick()
        #expect(budget.spend(caller: "n7", isKnown: false) == true)
        #expect(budget.spend(caller: "n8", isKnown: false) == false)
    }

    @Test func numberOfTrackedCallersIsBounded() {
        var budget = ProbeBudget()
        let limit = ProbeBudget.Settings().callers
        for number in 0..<limit {
            #expect(budget.spend(caller: "n\(number)", isKnown: true) == true)
        }
        #expect(budget.spend(caller: "one more", isKnown: true) == false)
        for _ in 0..<10 { budget.tick() }
        #expect(budget.spend(caller: "one more", isKnown: true) == true)
    }
}
