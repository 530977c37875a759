// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
import ChordTestSupport
import Testing

@testable import ChordStore

@Suite(.tags(.unit)) struct StoreFailureTests {
    @Test func missingReplicasAreNamed() {
        let failure = StoreFailure.noMajority(
            range: "00ff",
            missing: ["n2", "n3"],
            mayHaveHappened: false
        )
        #expect(
            failure.status.description
                == "UNAVAILABLE: range 00ff has no majority: no answer from n2, n3"
        )
        #expect(failure.status.reason == nil)
    }

    @Test func writeInDoubtIsToldByTheReason() {
        for failure in [
            StoreFailure.noMajority(range: "00ff", missing: ["n2"], mayHaveHappened: true),
            .leadershipLost(range: "00ff"), .answerForgotten, .answeredBefore,
        ] {
            #expect(failure.status.reason == .mayHaveHappened)
            #expect(failure.status.asSent.reason == .mayHaveHappened)
            #expect(failure.status.message.contains("may have happened"))
        }
    }

    @Test func refusedWriteIsNotInDoubt() {
        for failure in [
            StoreFailure.noLeader(range: "00ff"), .rangeNotFound, .tooManyClients, .pageGone,
            .valueTooLong(bytes: 5, limit: 4), .diskFull(node: "n1"),
        ] {
            #expect(failure.status.reason == nil)
            #expect(!failure.status.message.contains("may have happened"))
        }
    }
}
