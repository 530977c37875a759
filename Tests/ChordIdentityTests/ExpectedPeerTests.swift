// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordTestSupport
import Testing

@Suite(.tags(.unit)) struct ExpectedPeerTests {
    static func node(
        _ name: String? = "n1",
        dns: [String] = ["localhost"],
        ip: [String] = ["127.0.0.1"],
        role: Role = .node
    ) -> PeerIdentity {
        PeerIdentity(
            role: role,
            name: name,
            trustDomain: name == nil ? nil : "chord.test",
            proof: name == nil ? .host : .spiffe,
            dnsNames: dns,
            ipAddresses: ip
        )
    }

    private func failure(_ expected: ExpectedPeer, _ identity: PeerIdentity) -> IdentityError? {
        do throws(IdentityError) {
            try expected.verify(identity, presentedBy: "127.0.0.1:7946")
            return nil
        } catch {
            return error
        }
    }

    @Test func nameIsComparedWhenTheCertificateProvesIt() {
        #expect(failure(ExpectedPeer(name: "n1"), Self.node()) == nil)
        // The host is only the node's location then.
        #expect(failure(ExpectedPeer(name: "n1", host: "elsewhere"), Self.node()) == nil)
        let error = failure(ExpectedPeer(name: "n2"), Self.node("n3"))
        #expect(error?.code == .wrongName)
        #expect(
            error?.message == "certificate presented by 127.0.0.1:7946 names node n3, expected n2"
        )
        #expect(failure(ExpectedPeer(name: "N1"), Self.node())?.code == .wrongName)
    }

    @Test func hostIsComparedWhenNoNameIsExpected() {
        #expect(failure(ExpectedPeer(host: "127.0.0.1"), Self.node()) == nil)
        #expect(failure(ExpectedPeer(host: "LOCALHOST"), Self.node()) == nil)
        let error = failure(ExpectedPeer(host: "10.0.0.1"), Self.node())
        #expect(error?.code == .wrongHost)
        #expect(
            error?.message
                == "certificate presented by 127.0.0.1:7946 holds for localhost, 127.0.0.1,"
                + " expected 10.0.0.1"
        )
        #expect(
            failure(ExpectedPeer(host: "a"), Self.node(dns: [], ip: []))?.message
                == "certificate presented by 127.0.0.1:7946 holds for no host, expected a"
        )
    }

    @Test func hostIsComparedWhenTheCertificateProvesNoName() {
        #expect(failure(ExpectedPeer(name: "n1", host: "localhost"), Self.node(nil)) == nil)
        #expect(
            failure(ExpectedPeer(name: "n1", host: "10.0.0.1"), Self.node(nil))?.code == .wrongHost
        )
        #expect(failure(ExpectedPeer(name: "n1"), Self.node(nil))?.code == .wrongHost)
    }

    @Test func expectationWithoutNameAndHostIsRefused() {
        #expect(failure(ExpectedPeer(), Self.node())?.code == .wrongHost)
    }

    @Test func wrongRoleIsRefused() {
        let error = failure(ExpectedPeer(name: "n1"), Self.node(role: .admin))
        #expect(error?.code == .wrongRole)
        #expect(
            error?.message
                == "certificate presented by 127.0.0.1:7946 has role admin, expected node"
        )
        #expect(failure(ExpectedPeer(name: "n1", roles: [.admin]), Self.node(role: .admin)) == nil)
        #expect(failure(ExpectedPeer(name: "n1", roles: []), Self.node())?.code == .wrongRole)
    }

    @Test(arguments: [
        ("localhost", "localhost", true),
        ("LocalHost", "lOCALhOST", true),
        ("localhost.", "localhost", true),
        ("localhost", "localhost.", true),
        ("localhost", "localhost..", false),
        ("*.chord.test", "n1.chord.test", true),
        ("*.CHORD.test", "n1.chord.TEST", true),
        ("*.chord.test", "chord.test", false),
        ("*.chord.test", ".chord.test", false),
        ("*.chord.test", "a.n1.chord.test", false),
        ("*.test", "chord.test", false),
        ("*", "localhost", false),
        ("*.", "localhost", false),
        ("n*.chord.test", "n1.chord.test", false),
        ("n1.*.test", "n1.chord.test", false),
        ("*.*.test", "n1.chord.test", false),
        ("*.chord.test", "*.chord.test", false),
        ("n1.chord.test\0.evil.test", "n1.chord.test", false),
        ("n1.chord.test", "n1.chord.test\0", false),
        ("\u{212A}.test", "k.test", false),
        ("", "", false),
        ("127.0.0.1", "127.0.0.1", false),
        ("*.0.0.1", "127.0.0.1", false),
    ])
    func dnsNamesMatchByTheRules(_ pattern: String, _ host: String, _ matches: Bool) {
        #expect(Self.node(dns: [pattern], ip: []).holds(forHost: host) == matches)
    }

    @Test(arguments: [
        ("::1", "0:0:0:0:0:0:0:1", true),
        ("::1", "[::1]", true),
        ("2001:db8::a", "2001:DB8:0:0::000A", true),
        ("::ffff:7f00:1", "::ffff:127.0.0.1", true),
        ("127.0.0.1", "::ffff:127.0.0.1", false),
        ("127.0.0.1", "127.0.0.2", false),
        ("127.0.0.1", "127.0.0.01", false),
        ("127.0.0.1", "127.1", false),
    ])
    func addressesAreComparedByValueNotByText(_ held: String, _ host: String, _ matches: Bool) {
        #expect(Self.node(dns: [], ip: [held]).holds(forHost: host) == matches)
    }
}

@Suite(.tags(.unit)) struct TimestampTests {
    @Test(arguments: [
        (0 as Int64, "1970-01-01T00:00:00Z"),
        (-1, "1969-12-31T23:59:59Z"),
        (951_782_400, "2000-02-29T00:00:00Z"),
        (1_700_086_400, "2023-11-15T22:13:20Z"),
        (4_107_542_399, "2100-02-28T23:59:59Z"),
        (4_107_542_400, "2100-03-01T00:00:00Z"),
        (253_402_300_799, "9999-12-31T23:59:59Z"),
        (-62_167_219_200, "0000-01-01T00:00:00Z"),
    ])
    func timeIsFormattedAsACivilDate(_ seconds: Int64, _ text: String) {
        #expect(PeerCertificate.timestamp(secondsSince1970: seconds) == text)
    }
}
