// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordTestSupport
import Testing

@Suite(.tags(.unit)) struct RingParametersTests {
    @Test func equalParametersHaveNoDifference() throws {
        let parameters = try Nodes.parameters(width: 6)
        #expect(parameters.difference(from: parameters) == nil)
    }

    @Test func differenceNamesBothSides() throws {
        let ours = try Nodes.parameters(width: 6)
        func difference(_ change: (inout RingParameters) throws -> Void) rethrows -> String? {
            var theirs = ours
            try change(&theirs)
            return ours.difference(from: theirs)
        }
        #expect(
            difference { $0.ring = "other" }
                == "the ring's name here is \"test\", there \"other\""
        )
        #expect(difference { $0.hash = "sha-1" } == "the hash function here is none, there sha-1")
        #expect(
            try difference { $0.space = try IdentifierSpace(width: 7) }
                == "the identifiers' width here is 6 bits, there 7 bits"
        )
        #expect(
            difference { $0.probe = Identifier(9) }
                == "both call their hash function none, but it gives 0 here and 9 there for the same text"
        )
        #expect(
            difference { $0.rule = .address } == "the identifier rule here is name, there address"
        )
        #expect(
            difference { $0.successorCount = 2 }
                == "the successor list's length here is 4, there 2"
        )
    }
}
