// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCommandLine
import ChordTestSupport
import Foundation
import Testing

@testable import ChordCLI

/// Start and end of a node's process before it is a member, and signals.
@Suite(.tags(.network, .slow), .serialized, .timeLimit(.minutes(3)))
struct StartingTests {
    /// Obstacles to becoming a member.
    enum Obstacle: CaseIterable, Sendable {
        case nobodyThere, silent, unconnected, founders
    }

    @Test(
        "SIGTERM and SIGINT end a node that is no member yet, with code 0",
        arguments: Obstacle.allCases,
        [SIGTERM, SIGINT]
    )
    func endingBeforeMembership(obstacle: Obstacle, signal: Int32) async throws {
        let own = try ReservedPort()
        let other = try ReservedPort()
        var held: SilentListener?
        var options: [String]
        switch obstacle {
        case .nobodyThere: options = ["--join", other.address]
        case .silent:
            let listener = try SilentListener()
            held = listener
            options = ["--join", listener.address]
        case .unconnected:
            // A full queue: the system drops connections, as a firewall does.
            let listener = try SilentListener(isFull: true)
            held = listener
            options = ["--join", listener.address]
        case .founders: options = ["--initial-ring", "\(own.address),\(other.address)"]
        }
        defer { withExtendedLifetime((held, other)) {} }
        let process = try ChordProcess(
            [
                "serve", "--name", "n1", "--ring", "test", "--listen", own.address, "--certs-dir",
                try await TestCertificates.directory(), "--join-timeout", "never", "--log-level",
                "debug",
            ] + options,
            // As long as the wait for the other's answer may be, the signal does not wait for it.
            environment: ["CHORD_PEER_TIMEOUT": "10m"]
        )
        defer { process.kill() }
        try await eventually("it listens: \(process.report)") {
            process.errorText.contains("serving")
        }
        process.send(signal)
        let outcome = try await process.outcome()
        #expect(outcome.code == 0, "\(outcome.errors)")
        #expect(outcome.output == "")
    }

    @Test("Signals within half a second count as one, and a later one ends at once")
    func requests() {
        var requests = EndingRequests()
        let began = ContinuousClock.now
        #expect(requests.meaning(at: began) == .first)
        #expect(requests.meaning(at: began) == .repetition)
        #expect(requests.meaning(at: began + .milliseconds(499)) == .repetition)
        #expect(requests.meaning(at: began + .milliseconds(500)) == .second)
        #expect(requests.meaning(at: began + .seconds(9)) == .second)
    }

    @Test("Two signals microseconds apart count as one, and the node leaves gracefully")
    func twoSignals() async throws {
        try await ProcessRing.running(2) { ring in
            let node = try #require(ring.forget("n2"))
            defer { node.process.kill() }
            // A stopped process gets both at the same moment, as SIGINT and SIGTERM do not merge.
            try await node.process.pause()
            node.process.send(SIGINT)
            node.process.send(SIGTERM)
            node.process.send(SIGCONT)
            let outcome = try await node.process.outcome()
            #expect(outcome.code == 0, "\(outcome.errors)")
            try await ring.awaitIdeal(1)
        }
    }

    @Test("A second signal ends a waiting node at once")
    func secondSignal() async throws {
        try await ProcessRing.running(2) { ring in
            let node = try #require(ring.forget("n2"))
            let neighbour = try #require(ring.nodes["n1"]).process
            defer { node.process.kill() }
            // It is sent the Leave and does not read it.
            try await neighbour.pause()
            defer { neighbour.send(SIGCONT) }
            node.process.send(SIGTERM)
            try await eventually("it leaves: \(node.process.errorText)") {
                node.process.errorText.contains("a second signal ends the process at once")
            }
            let clock = ContinuousClock()
            let first = clock.now
            try await eventually("half a second has passed") {
                clock.now - first > EndingRequests.sameRequest
            }
            node.process.send(SIGTERM)
            let outcome = try await node.process.outcome()
            #expect(outcome.code == 128 + SIGTERM, "\(outcome.errors)")
        }
    }

    @Test("Leaving has a deadline, even if neighbours do not answer")
    func leavingInTime() async throws {
        let options = [
            "--stabilize-interval", "250ms", "--leave-timeout", "1s", "--peer-timeout", "10m",
        ]
        try await ProcessRing.running(2, options: options) { ring in
            let node = try #require(ring.forget("n2"))
            let neighbour = try #require(ring.nodes["n1"]).process
            defer { node.process.kill() }
            try await neighbour.pause()
            defer { neighbour.send(SIGCONT) }
            node.process.send(SIGTERM)
            let outcome = try await node.process.outcome()
            #expect(outcome.code == 0, "\(outcome.errors)")
            #expect(
                outcome.errors.contains("left before all neighbours answered"),
                "\(outcome.errors)"
            )
        }
    }

    // MARK: Contacts

    @Test("Each contact that cannot let the node join is reported with its reason")
    func reasons() async throws {
        let own = try ReservedPort()
        let absent = try ReservedPort()
        let silent = try SilentListener()
        let directory = try await TestCertificates.directory()
        // Waits for a founder that never comes: alive, and no member.
        let founder = try ReservedPort()
        let waiting = try ChordProcess([
            "serve", "--name", "n3", "--ring", "test", "--listen", founder.address, "--certs-dir",
            directory, "--initial-ring", "\(founder.address),\(absent.address)",
        ])
        defer { waiting.kill() }
        try await eventually("n3 waits: \(waiting.report)") {
            waiting.errorText.contains("waiting for the other founders")
        }
        let contacts = [own.address, absent.address, silent.address, founder.address]
        let outcome = try await ChordProcess.run(
            [
                "serve", "--name", "n1", "--ring", "test", "--listen", own.address, "--certs-dir",
                directory, "--join-timeout", "2s", "--join", contacts.joined(separator: ","),
            ],
            environment: ["CHORD_PEER_TIMEOUT": "500ms"]
        )
        #expect(outcome.code == 69, "\(outcome.errors)")
        let message = try #require(outcome.errorLines.first { $0.hasPrefix("chord: ") })
        for contact in contacts { #expect(message.contains(contact), "\(message)") }
        #expect(message.contains("is this node itself"))
        #expect(message.contains("refused"))
        #expect(message.contains("not a member yet"))
        withExtendedLifetime((own, absent, founder)) {}
    }

    @Test("A node told to join through itself or through nobody begins no ring")
    func noRingOfItsOwn() async throws {
        let own = try ReservedPort()
        let directory = try await TestCertificates.directory()
        let serve = [
            "serve", "--name", "n1", "--ring", "test", "--listen", own.address, "--certs-dir",
            directory,
        ]
        let itself = try await ChordProcess.run(serve + ["--join", own.address])
        #expect(itself.code == 78, "\(itself.errors)")
        #expect(itself.output == "")
        #expect(itself.errors.contains("through itself"))
        #expect(itself.errors.contains("--initial-ring"))
        let empty = [
            ["--join", ""], ["--join", "127.0.0.1:1,"], ["--initial-ring", ""], ["--data-dir", ""],
        ]
        for options in empty {
            let nobody = try await ChordProcess.run(serve + options)
            #expect(nobody.code == 64, "\(nobody.errors)")
            #expect(nobody.output == "")
            #expect(nobody.errors.contains("\(options[0]) "), "\(nobody.errors)")
            #expect(nobody.errors.contains("empty"), "\(nobody.errors)")
        }
        let nowhere = try await ChordProcess.run(["ring", "--node", "", "--certs-dir", directory])
        #expect(nowhere.code == 64, "\(nowhere.errors)")
    }

    @Test("Three nodes that each name all three are told of --initial-ring")
    func everybodyWaits() async throws {
        let ports = try (0..<3).map { _ in try ReservedPort() }
        let directory = try await TestCertificates.directory()
        let all = ports.map(\.address).joined(separator: ",")
        let processes = try ports.indices.map { index in
            try ChordProcess([
                "serve", "--name", "n\(index + 1)", "--ring", "test", "--listen",
                ports[index].address, "--certs-dir", directory, "--join", all, "--join-timeout",
                "12s",
            ])
        }
        defer { for process in processes { process.kill() } }
        for process in processes {
            let outcome = try await process.outcome()
            #expect(outcome.code == 69, "\(outcome.errors)")
            #expect(outcome.output == "")
        }
        // The last to give up may find the others gone; the first sees them wait.
        #expect(processes.contains { $0.errorText.contains("--initial-ring") })
    }

    @Test("Commands that wait for a silent node end on SIGINT at once")
    func clients() async throws {
        let directory = try await TestCertificates.directory()
        for command in [["ring", "--wait", "2"], ["ring"], ["watch"], ["lookup", "apple"]] {
            // One each: a connection of the former command must not be taken for this one's.
            let silent = try SilentListener()
            defer { withExtendedLifetime(silent) {} }
            let process = try ChordProcess(
                command + [
                    "--node", silent.address, "--certs-dir", directory, "--as", "client-demo",
                ],
                environment: ["CHORD_PEER_TIMEOUT": "10m"]
            )
            defer { process.kill() }
            try await silent.accept()
            process.send(SIGINT)
            let outcome = try await process.outcome()
            #expect(outcome.code == (command == ["watch"] ? 0 : SIGINT), "\(command)")
        }
    }
}
