// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCommandLine
import ChordTestSupport
import Testing

@testable import Chord
@testable import ChordCLI

/// The ends of a node's certificates as `chord describe` shows them.
@Suite(.tags(.unit)) struct DescribeCertificateTests {
    private let day: Int64 = 86_400

    @Test func expiryIsShownWithTheRemainingTime() {
        let ends = CertificateEnds(
            serial: "1A",
            certificate: 10 * day,
            authority: 400 * day,
            revocationList: 9 * day - 1
        )
        #expect(
            ends.texts(at: 9 * day) == [
                "expires 1970-01-11 (1 day left)",
                "serial 1A",
                "its authority expires 1971-02-05 (391 days left)",
                "its revocation list expires 1970-01-09T23:59:59Z: it has expired",
            ]
        )
        let lines = ends.json.lines
        for text in [
            "\"serial\"", "1970-01-11T00:00:00.000Z", "authority_ends", "revocation_list_ends",
        ] {
            #expect(lines.contains(text), "\(lines)")
        }
    }

    @Test func missingDatesAreReported() {
        let ends = CertificateEnds(serial: "1A", certificate: 10 * day)
        #expect(ends.texts(at: 0).last == "no revocation list that expires")
        #expect(!ends.json.lines.contains("authority_ends"))
    }

    @Test("Any number that a node reports can be shown")
    func extremes() {
        for end in [0, 1, Int64.max] {
            let ends = CertificateEnds(
                serial: "",
                certificate: end,
                authority: end,
                revocationList: end
            )
            for now in [Int64.min, 0, Int64.max] { #expect(ends.texts(at: now).count == 4) }
            #expect(!ends.json.lines.isEmpty)
        }
    }
}
