// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordTestSupport
import Testing

@Suite(.tags(.unit)) struct IdentityPolicyTests {
    static let policy = IdentityPolicy(trustDomains: ["chord.test", "other.test"])
    static let hostPolicy = IdentityPolicy(
        trustDomains: ["chord.test"],
        admitsHostCertificates: true
    )

    static func certificate(
        _ uris: [String] = ["spiffe://chord.test/chord/node/n1"],
        change: (inout PeerCertificate) -> Void = { _ in }
    ) -> PeerCertificate {
        var certificate = PeerCertificate(
            subject: "CN = n1",
            serial: "0A",
            dnsNames: ["n1.chord.test"],
            ipAddresses: ["10.0.0.1"],
            uris: uris,
            notBefore: 0,
            notAfter: 1_000,
            keyUsage: .digitalSignature,
            keyUsageIsCritical: true,
            extendedKeyUsage: [.serverAuth, .clientAuth]
        )
        change(&certificate)
        return certificate
    }

    private func code(
        _ policy: IdentityPolicy,
        _ certificate: PeerCertificate,
        _ side: ConnectionSide = .client
    ) -> IdentityError.Code? {
        do throws(IdentityError) {
            _ = try policy.identity(of: certificate, presentedBy: side)
            return nil
        } catch {
            return error.code
        }
    }

    @Test(arguments: Role.allCases, ConnectionSide.allCases)
    func spiffeNameGivesRoleAndName(_ role: Role, _ side: ConnectionSide) throws {
        let certificate = Self.certificate(["spiffe://other.test/chord/\(role)/n1"])
        for policy in [
            Self.policy, IdentityPolicy(trustDomains: ["other.test"], admitsHostCertificates: true),
        ] {
            let identity = try policy.identity(of: certificate, presentedBy: side)
            #expect(identity.role == role)
            #expect(identity.name == "n1")
            #expect(identity.trustDomain == "other.test")
            #expect(identity.proof == .spiffe)
            #expect(identity.hosts == ["n1.chord.test", "10.0.0.1"])
            #expect(identity.notAfter == 1_000)
            #expect(identity.serial == "0A")
        }
    }

    struct Broken: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var code: IdentityError.Code
        var uris = ["spiffe://chord.test/chord/node/n1"]
        var change: @Sendable (inout PeerCertificate) -> Void = { _ in }
    }

    static let broken: [Broken] = [
        Broken(
            testDescription: "two URIs",
            code: .severalURIs,
            uris: ["spiffe://chord.test/chord/node/n1", "spiffe://chord.test/chord/node/n1"]
        ),
        Broken(
            testDescription: "a second URI of another kind",
            code: .severalURIs,
            uris: ["spiffe://chord.test/chord/node/n1", "https://chord.test"]
        ),
        Broken(testDescription: "another kind", code: .malformedSPIFFE, uris: ["https://a"]),
        Broken(
            testDescription: "foreign",
            code: .foreignTrustDomain,
            uris: ["spiffe://chord.tests/chord/node/n1"]
        ),
        Broken(testDescription: "authority", code: .authorityAsLeaf) { $0.isAuthority = true },
        Broken(testDescription: "no key usage", code: .keyUsage) { $0.keyUsage = nil },
        Broken(testDescription: "not critical", code: .keyUsage) { $0.keyUsageIsCritical = false },
        Broken(testDescription: "no digitalSignature", code: .keyUsage) {
            $0.keyUsage = .keyAgreement
        },
        Broken(testDescription: "keyCertSign", code: .keyUsage) {
            $0.keyUsage = [.digitalSignature, .keyCertSign]
        },
        Broken(testDescription: "cRLSign", code: .keyUsage) {
            $0.keyUsage = [.digitalSignature, .cRLSign]
        },
        Broken(testDescription: "no clientAuth", code: .extendedKeyUsage) {
            $0.extendedKeyUsage = .serverAuth
        },
        Broken(testDescription: "no serverAuth", code: .extendedKeyUsage) {
            $0.extendedKeyUsage = [.clientAuth, .other]
        },
        Broken(testDescription: "any is not both", code: .extendedKeyUsage) {
            $0.extendedKeyUsage = .any
        },
    ]

    @Test(arguments: broken)
    func invalidCertificateIsRefusedUnderBothPolicies(_ broken: Broken) {
        let certificate = Self.certificate(broken.uris, change: broken.change)
        for side in ConnectionSide.allCases {
            #expect(code(Self.policy, certificate, side) == broken.code)
            #expect(code(Self.hostPolicy, certificate, side) == broken.code)
        }
    }

    @Test func missingExtendedKeyUsageIsAccepted() {
        #expect(code(Self.policy, Self.certificate { $0.extendedKeyUsage = nil }) == nil)
    }

    @Test func policyWithoutTrustDomainAdmitsNobody() {
        #expect(code(IdentityPolicy(trustDomains: []), Self.certificate()) == .foreignTrustDomain)
    }

    @Test func hostCertificateIsRefusedWithoutTheHostPolicy() throws {
        let certificate = Self.certificate([])
        #expect(code(Self.policy, certificate) == .noUsableIdentity)
        let identity = try Self.hostPolicy.identity(of: certificate, presentedBy: .server)
        #expect(identity.role == .node)
        #expect(identity.name == nil)
        #expect(identity.trustDomain == nil)
        #expect(identity.proof == .host)
        #expect(identity.description == "node at 'n1.chord.test', '10.0.0.1'")
    }

    @Test func hostCertificateWithoutHostIsRefused() {
        let certificate = Self.certificate([]) {
            $0.dnsNames = []
            $0.ipAddresses = []
        }
        #expect(code(Self.hostPolicy, certificate) == .noUsableIdentity)
    }

    static let sides: [(PeerCertificate.ExtendedKeyUsage?, asServer: Bool, asClient: Bool)] = [
        (nil, true, true),
        (.serverAuth, true, false),
        (.clientAuth, false, true),
        ([.serverAuth, .clientAuth], true, true),
        (.any, true, true),
        (.other, false, false),
    ]

    @Test(arguments: sides)
    func hostCertificateNeedsTheKeyUsageOfItsSide(
        _ usage: PeerCertificate.ExtendedKeyUsage?,
        _ asServer: Bool,
        _ asClient: Bool
    ) {
        let certificate = Self.certificate([]) {
            $0.extendedKeyUsage = usage
            $0.keyUsage = nil
        }
        #expect(code(Self.hostPolicy, certificate, .server) == (asServer ? nil : .extendedKeyUsage))
        #expect(code(Self.hostPolicy, certificate, .client) == (asClient ? nil : .extendedKeyUsage))
    }

    @Test func hostCertificateThatCanSignIsRefused() {
        let signing = Self.certificate([]) { $0.keyUsage = [.digitalSignature, .keyCertSign] }
        #expect(code(Self.hostPolicy, signing) == .keyUsage)
        #expect(
            code(Self.hostPolicy, Self.certificate([]) { $0.isAuthority = true })
                == .authorityAsLeaf
        )
    }

    @Test func certificateTextIsEscapedInMessages() {
        let certificate = Self.certificate(["spiffe://chord.test/x\nnode n1 accepted\u{1B}[2J"])
        do throws(IdentityError) {
            _ = try Self.policy.identity(of: certificate, presentedBy: .client)
            Issue.record("accepted")
        } catch {
            #expect(error.message.contains("\\u{a}node n1 accepted\\u{1b}"))
            #expect(!error.message.contains("\n"))
        }
    }
}
