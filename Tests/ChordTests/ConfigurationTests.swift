// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordTestSupport
import Testing

/// Each setting that cannot work is refused before anything runs, in words that name it.
@Suite(.tags(.unit)) struct ConfigurationTests {
    /// A change that spoils a good configuration, and what the error has to say.
    struct Fault: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var says: [String]
        var spoil: @Sendable (inout ChordConfiguration) async throws -> Void

        init(
            _ description: String,
            says: [String],
            _ spoil: @escaping @Sendable (inout ChordConfiguration) async throws -> Void
        ) {
            testDescription = description
            self.says = says
            self.spoil = spoil
        }
    }

    @Test(
        arguments: [
            Fault("no name", says: ["name", "1 to 255 bytes"]) { $0.name = "" },
            Fault("another's name", says: ["names node n1", "n2"]) { $0.name = "n2" },
            Fault("no ring name", says: ["ring's name", "1 to 255"]) { $0.ring.name = "" },
            Fault("a ring name with a zero byte", says: ["zero byte"]) { $0.ring.name = "a\0b" },
            Fault("an empty failure domain", says: ["failure domain", "1 to 64"]) {
                $0.failureDomain = ""
            },
            Fault("a long failure domain", says: ["failure domain", "1 to 64"]) {
                $0.failureDomain = String(repeating: "x", count: 65)
            },
            Fault("a failure domain with a zero byte", says: ["failure domain", "zero byte"]) {
                $0.failureDomain = "a\0b"
            },
            Fault("no successors", says: ["successorCount is 0"]) { $0.ring.successorCount = 0 },
            Fault("too many successors", says: ["33", "1 to 32"]) { $0.ring.successorCount = 33 },
            Fault("no bits", says: ["identifiers"]) { $0.ring.width = 0 },
            Fault("more bits than there are", says: ["sha1", "160", "161"]) {
                $0.ring.hash = .sha1
                $0.ring.width = 161
            },
            Fault("a hash that breaks its word", says: ["short", "2", "1"]) {
                $0.ring.hash = .custom(name: "short", bits: 16) { _ in [0] }
                $0.ring.width = 16
            },
            Fault("an address without port", says: ["\"here\"", "port is missing"]) {
                $0.listen = "here"
            },
            Fault("an address that nobody can dial", says: ["0.0.0.0:0", "advertised"]) {
                $0.listen = "0.0.0.0:0"
            },
            Fault("a wrong advertised address", says: ["advertised", "\"there\""]) {
                $0.advertise = "there"
            },
            Fault("a wrong contact", says: ["contact", "\"them\""]) { $0.contacts = ["them"] },
            Fault("no interval", says: ["intervals.stabilize is 0"]) {
                $0.intervals.stabilize = .zero
            },
            Fault("too much jitter", says: ["intervals.jitter is 1"]) { $0.intervals.jitter = 1 },
            Fault("no idle timeout", says: ["transport.server.idleTimeout is 0"]) {
                $0.transport.server.idleTimeout = .zero
            },
            Fault("a grace that would overflow", says: ["shutdownGrace", "one year"]) {
                $0.shutdownGrace = .seconds(Int64.max)
            },
            Fault("a negative cap", says: ["failureDetection.cap is -1"]) {
                $0.failureDetection.cap = .seconds(-1)
            },
            Fault("no way to verify", says: ["lookups.verifiedWays is 0", "at least 1"]) {
                $0.lookups.verifiedWays = 0
            },
            Fault("no frame", says: ["transport.limits.maxFrameSize is 0"]) {
                $0.transport.limits.maxFrameSize = 0
            },
            Fault("no share of the time", says: ["lookups.answerShare is nan", "0.1 to 0.9"]) {
                $0.lookups.answerShare = .nan
            },
            Fault("no thread", says: ["eventLoopThreads is 0"]) { $0.eventLoopThreads = 0 },
            Fault("no handshake", says: ["certificates.handshakeTimeout"]) {
                $0.certificates.handshakeTimeout = .zero
            },
            Fault("no certificate", says: ["/nowhere/n1.pem"]) {
                $0.certificates = Certificates(directory: "/nowhere", name: "n1")
            },
            Fault("a client's certificate", says: ["client alice", "role node"]) {
                $0.name = "alice"
                $0.certificates = try await TestCertificates.of("alice")
            },
            Fault("another trust domain", says: ["chord.test", "elsewhere.test"]) {
                $0.certificates.trustDomains = ["elsewhere.test"]
            },
        ])
    func invalidSettingIsRefusedByName(fault: Fault) async throws {
        var spoilt = try await configuration("n1")
        try await fault.spoil(&spoilt)
        let error = await #expect(throws: ChordError.self) { _ = try await ChordNode(spoilt) }
        #expect(error?.code == .invalidConfiguration)
        for text in fault.says {
            #expect(error?.description.contains(text) == true, "\(error?.description ?? "")")
        }
    }

    @Test("Each preset is one value, and works")
    func presets() async throws {
        for timings in [Timings.lan, .wan, .local] {
            var preset = try await configuration("n1")
            preset.timings = timings
            #expect(preset.timings == timings)
            #expect(preset.intervals == timings.intervals)
            _ = try await ChordNode(preset)
        }
    }

    @Test("A used port is reported")
    func portTaken() async throws {
        let first = try await ChordNode(try await configuration("n1"))
        var second = try await configuration("n2")
        second.listen = first.reference.address
        let error = await #expect(throws: ChordError.self) { _ = try await ChordNode(second) }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.description.contains(first.reference.address) == true)
        #expect(error?.description.contains("in use") == true)
    }

    @Test("A client's settings are validated too")
    func client() async throws {
        let alice = try await TestCertificates.of("alice")
        let none = #expect(throws: ChordError.self) {
            _ = try ChordClient(ChordClientConfiguration(nodes: [], certificates: alice))
        }
        #expect(none?.code == .invalidConfiguration)
        let wrong = #expect(throws: ChordError.self) {
            _ = try ChordClient(ChordClientConfiguration(nodes: ["here"], certificates: alice))
        }
        #expect(wrong?.description.contains("\"here\"") == true)
        let never = #expect(throws: ChordError.self) {
            var configuration = ChordClientConfiguration(nodes: ["n:1"], certificates: alice)
            configuration.transport.client.connectTimeout = .zero
            _ = try ChordClient(configuration)
        }
        #expect(never?.description.contains("transport.client.connectTimeout is 0") == true)
    }
}
