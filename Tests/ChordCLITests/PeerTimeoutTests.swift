// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Chord
import ChordCommandLine
import Logging
import ChordTestSupport
import Testing

@testable import ChordCLI

@Suite("The peer timeout", .tags(.network), .timeLimit(.minutes(5)))
struct PeerTimeoutTests {
    @Test("One second gives the defaults, and more scales all of them")
    func inProportion() {
        #expect(FailureDetection(allowing: .seconds(1)) == FailureDetection())
        #expect(LookupLimits(allowing: .seconds(1)) == LookupLimits())
        let patient = FailureDetection(allowing: .seconds(4))
        #expect(patient.initial == .seconds(2))
        #expect(patient.lookupFloor == .milliseconds(400))
        #expect(patient.maintenanceFloor == .seconds(4))
        #expect(patient.connect == .seconds(4))
        #expect(patient.cap == .seconds(12))
        #expect(LookupLimits(allowing: .seconds(4)).deadline == .seconds(20))
        // A short silence is no reason to hurry lookups.
        #expect(LookupLimits(allowing: .milliseconds(100)) == LookupLimits())
        let long = LookupLimits(allowing: .seconds(60))
        #expect(long.deadline == .seconds(300) && long.longestDeadline == .seconds(300))
    }

    @Test("The flag reaches the node")
    func flag() throws {
        let command = try ServeCommand.parse([
            "--name", "n1", "--certs-dir", "certs", "--peer-timeout", "1500ms",
        ])
        let configuration = try command.configuration(logger: Logger(label: "test"))
        #expect(configuration.failureDetection == FailureDetection(allowing: .milliseconds(1500)))
        #expect(configuration.lookups == LookupLimits(allowing: .milliseconds(1500)))
    }

    @Test(
        "An invalid setting is named",
        arguments: [
            ("soon", "CHORD_PEER_TIMEOUT is \"soon\""), ("1ms", "from 10ms to 1h, not 1ms"),
            ("2h", "from 10ms to 1h, not 2h"),
        ]
    )
    func badSetting(_ value: String, says: String) async throws {
        let outcome = try await ChordProcess.run(
            ["ring", "--certs-dir", try await TestCertificates.directory(), "--as", "client-demo"],
            environment: ["CHORD_PEER_TIMEOUT": value]
        )
        #expect(outcome.code == 78)
        #expect(outcome.errors.contains(says), "\(outcome.errors)")
    }
}
