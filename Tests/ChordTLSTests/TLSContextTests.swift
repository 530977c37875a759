// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordTestSupport
import Foundation
import Testing

@testable import ChordTLS

@Suite(.tags(.unit)) struct TLSContextTests {
    let fixtures: TestCertificates

    init() async throws {
        fixtures = try await TestCertificates.get()
    }

    @Test func contextReportsItsOwnIdentity() throws {
        let context = try fixtures.context(fixtures.n1, revocationList: fixtures.list)
        #expect(context.identity.name == "n1")
        #expect(context.identity.role == .node)
        #expect(context.identity.trustDomain == "chord.test")
        #expect(context.certificate.commonName == "n1")
        #expect(context.identity.notAfter == context.certificate.notAfter)
    }

    /// One way for a configuration to be wrong: the change to a good one, and what must be said.
    struct Fault: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var code: TLSError.Code
        var text: String
        var change: @Sendable (inout TLSConfiguration, TestCertificates) -> Void
    }

    static let faults: [Fault] = [
        Fault(
            testDescription: "no chain",
            code: .fileMissing,
            text: "there is no file '/nowhere/a'"
        ) { configuration, _ in configuration.files.certificateChain = "/nowhere/a" },
        Fault(
            testDescription: "no key",
            code: .fileMissing,
            text: "there is no file '/nowhere/b'"
        ) { configuration, _ in configuration.files.privateKey = "/nowhere/b" },
        Fault(
            testDescription: "no roots",
            code: .fileMissing,
            text: "there is no file '/nowhere/c'"
        ) { configuration, _ in configuration.files.trustRoots = "/nowhere/c" },
        Fault(
            testDescription: "no list",
            code: .fileMissing,
            text: "there is no file '/nowhere/d'"
        ) { configuration, _ in configuration.files.revocationList = "/nowhere/d" },
        Fault(
            testDescription: "a folder",
            code: .fileUnreadable,
            text: "Is a directory"
        ) { configuration, fixtures in
            configuration.files.certificateChain = fixtures.folder.path
        },
        Fault(
            testDescription: "key as chain",
            code: .fileMalformed,
            text: "holds no certificate in PEM form"
        ) { configuration, fixtures in configuration.files.certificateChain = fixtures.n1.key },
        Fault(
            testDescription: "chain as key",
            code: .fileMalformed,
            text: "holds no private key in PEM form"
        ) { configuration, fixtures in
            configuration.files.privateKey = fixtures.n1.certificate
        },
        Fault(
            testDescription: "certificate as list",
            code: .fileMalformed,
            text: "holds no revocation list in PEM form"
        ) { configuration, fixtures in
            configuration.files.revocationList = fixtures.authority.certificate
        },
        Fault(
            testDescription: "another's key",
            code: .keyMismatch,
            text: "does not belong to"
        ) { configuration, fixtures in configuration.files.privateKey = fixtures.n2.key },
        Fault(
            testDescription: "encrypted key",
            code: .keyEncrypted,
            text: "is encrypted"
        ) { configuration, fixtures in configuration.files.privateKey = fixtures.encryptedKey },
        Fault(
            testDescription: "expired",
            code: .certificateExpired,
            text: "expired on 2023-11-15T22:13:20Z; this machine's clock says 20"
        ) { configuration, fixtures in configuration.show(fixtures.expired) },
        Fault(
            testDescription: "not yet valid",
            code: .certificateNotYetValid,
            text: "is not valid before"
        ) { configuration, fixtures in configuration.show(fixtures.notYetValid) },
        Fault(
            testDescription: "foreign authority",
            code: .unknownAuthority,
            text: "is issued by an unknown authority: issuer 'CN = foreign authority'"
        ) { configuration, fixtures in configuration.show(fixtures.foreign) },
        Fault(
            testDescription: "revoked",
            code: .certificateRevoked,
            text: "is revoked"
        ) { configuration, fixtures in
            configuration.show(fixtures.revoked)
            configuration.files.revocationList = fixtures.list
        },
        Fault(
            testDescription: "list of another authority, where every authority needs one",
            code: .revocationListMissing,
            text: "there is no revocation list of its issuer 'CN = ours authority'"
        ) { configuration, fixtures in
            configuration.files.revocationList = fixtures.foreignList
            configuration.requiresRevocationLists = true
        },
        Fault(
            testDescription: "expired list",
            code: .revocationListExpired,
            text: "expired on 2024-02-01T00:00:00Z; this machine's clock says 20"
        ) { configuration, fixtures in
            configuration.files.revocationList = fixtures.expiredList
        },
        Fault(
            testDescription: "no clientAuth",
            code: .identityRefused,
            text: "missing: clientAuth"
        ) { configuration, fixtures in configuration.show(fixtures.serverOnly) },
        Fault(
            testDescription: "authority",
            code: .identityRefused,
            text: "is a certificate authority's"
        ) { configuration, fixtures in configuration.show(fixtures.authorityAsLeaf) },
        Fault(
            testDescription: "no digitalSignature",
            code: .identityRefused,
            text: "lacks digitalSignature"
        ) { configuration, fixtures in configuration.show(fixtures.noDigitalSignature) },
        Fault(
            testDescription: "no trust domain",
            code: .identityRefused,
            text: "no trust domain is configured"
        ) { configuration, _ in configuration.policy.trustDomains = [] },
        Fault(
            testDescription: "no sides",
            code: .identityRefused,
            text: "names no side"
        ) { configuration, _ in configuration.sides = [] },
        Fault(
            testDescription: "chain too deep",
            code: .certificateRefused,
            text: "certificate chain too long"
        ) { configuration, fixtures in
            configuration.show(fixtures.viaIntermediate)
            configuration.maximumChainDepth = 0
        },
        Fault(
            testDescription: "negative depth",
            code: .invalidConfiguration,
            text: "negative"
        ) { configuration, _ in configuration.maximumChainDepth = -1 },
        Fault(
            testDescription: "unknown group",
            code: .invalidConfiguration,
            text: "'P-257'"
        ) { configuration, _ in configuration.keyExchangeGroups = ["P-257"] },
        Fault(
            testDescription: "no group",
            code: .invalidConfiguration,
            text: "groups ''"
        ) { configuration, _ in configuration.keyExchangeGroups = [] },
    ]

    @Test(arguments: faults)
    func invalidConfigurationIsRefusedWithAReason(_ fault: Fault) throws {
        var configuration = fixtures.configuration(fixtures.n1)
        fault.change(&configuration, fixtures)
        do throws(TLSError) {
            _ = try TLSContext(configuration: configuration)
            Issue.record("the configuration was accepted")
        } catch {
            #expect(error.code == fault.code, "\(error)")
            #expect(error.message.contains(fault.text), "\(error)")
        }
    }

    @Test func brokenCertificateInABundleIsRefused() throws {
        let good = try String(contentsOfFile: fixtures.authority.certificate, encoding: .utf8)
        let path = fixtures.folder.appendingPathComponent("broken.crt").path
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
        try (good + broken).write(toFile: path, atomically: true, encoding: .utf8)
        var configuration = fixtures.configuration(fixtures.n1)
        configuration.files.trustRoots = path
        do throws(TLSError) {
            _ = try TLSContext(configuration: configuration)
            Issue.record("the configuration was accepted")
        } catch {
            #expect(error.code == .fileMalformed)
            #expect(error.message.contains("certificate 2 in the file"), "\(error)")
        }
    }

    @Test func contextSourceReturnsTheLatestContext() throws {
        let source = TLSContextSource(try fixtures.context(fixtures.n1))
        #expect(source.current.identity.name == "n1")
        source.replace(with: try fixtures.context(fixtures.n2))
        #expect(source.current.identity.name == "n2")
    }

    @Test func inspectionListsEveryCertificate() throws {
        let certificates = try CertificateFile.inspect(file: fixtures.viaIntermediate.certificate)
        try #require(certificates.count == 2)
        let leaf = certificates[0]
        #expect(leaf.subject == "CN = n1")
        #expect(leaf.commonName == "n1")
        #expect(leaf.issuer == "CN = intermediate authority")
        #expect(leaf.serial == "1000")
        #expect(leaf.uris == ["spiffe://chord.test/chord/node/n1"])
        #expect(leaf.dnsNames == ["localhost"])
        #expect(leaf.ipAddresses == ["127.0.0.1", "::1"])
        #expect(leaf.keyUsage == [.digitalSignature])
        #expect(leaf.keyUsageIsCritical)
        #expect(leaf.extendedKeyUsage == [.serverAuth, .clientAuth])
        #expect(!leaf.isAuthority)
        #expect(leaf.notAfter - leaf.notBefore == 30 * 86_400 + 3_600)
        let authority = certificates[1]
        #expect(authority.isAuthority)
        #expect(authority.keyUsage == [.keyCertSign, .cRLSign])
        #expect(authority.extendedKeyUsage == nil)
        #expect(authority.uris.isEmpty)
    }

    @Test func inspectionReadsExpiredCertificates() throws {
        let certificate = try #require(
            try CertificateFile.inspect(file: fixtures.expired.certificate).first
        )
        #expect(certificate.notBefore == 1_700_000_000)
        #expect(certificate.notAfter == 1_700_086_400)
    }
}

extension TLSConfiguration {
    mutating func show(_ issued: TestAuthority.Issued) {
        files.certificateChain = issued.certificate
        files.privateKey = issued.key
    }
}
