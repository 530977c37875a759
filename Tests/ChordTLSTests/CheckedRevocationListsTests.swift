// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import ChordTestSupport
import Testing

@testable import ChordTLS

/// Chains pass without OpenSSL's check only if nothing about them and the lists is in doubt.
@Suite(.tags(.unit)) struct CheckedRevocationListsTests {
    let fixtures: ChainFixtures

    init() async throws {
        fixtures = try await ChainFixtures.get()
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var peer: @Sendable (ChainFixtures) -> TestAuthority.Issued
        var list: @Sendable (ChainFixtures) -> String
        /// The authorities that are known when the lists are read, beside the root.
        var known: [@Sendable (ChainFixtures) -> TestAuthority.Issued] = []
        /// Whether the root is at the end of the chain.
        var endsInRoot = true
        var passes: Bool
    }

    static let cases: [Case] = [
        Case(testDescription: "on no list", peer: \.own, list: \.rootList, passes: true),
        Case(
            testDescription: "on neither list, of known authorities",
            peer: \.deep,
            list: \.rootAndMiddleLists,
            known: [\.middle],
            passes: true
        ),
        Case(
            testDescription: "of an authority that was not known",
            peer: \.deep,
            list: \.rootAndMiddleLists,
            passes: false
        ),
        Case(
            testDescription: "the leaf is on a list",
            peer: \.deepRevoked,
            list: \.rootAndMiddleLists,
            known: [\.middle],
            passes: false
        ),
        Case(
            testDescription: "the intermediate authority is on a list",
            peer: \.deep,
            list: \.rootListAgainstMiddle,
            known: [\.middle],
            passes: false
        ),
        Case(
            testDescription: "an authority without a list",
            peer: \.deep,
            list: \.rootList,
            known: [\.middle],
            passes: false
        ),
        Case(
            testDescription: "a list that has expired",
            peer: \.deep,
            list: \.rootAndExpiredMiddleList,
            known: [\.middle],
            passes: false
        ),
        Case(
            testDescription: "a list by another key",
            peer: \.deep,
            list: \.forgedMiddleList,
            known: [\.middle],
            passes: false
        ),
        Case(testDescription: "a delta list", peer: \.own, list: \.deltaList, passes: false),
        Case(testDescription: "an indirect list", peer: \.own, list: \.indirectList, passes: false),
        Case(
            testDescription: "an intermediate authority that is trusted by itself",
            peer: \.deep,
            list: \.middleList,
            known: [\.middle],
            endsInRoot: false,
            passes: true
        ),
        Case(
            testDescription: "one that is trusted by itself, and whose issuer has a list",
            peer: \.deep,
            list: \.rootAndMiddleLists,
            known: [\.middle],
            endsInRoot: false,
            passes: false
        ),
        Case(
            testDescription: "a trusted leaf",
            peer: \.own,
            list: \.middleList,
            endsInRoot: false,
            passes: false
        ),
    ]

    @Test(arguments: cases)
    func onlyPlainChainsPass(_ given: Case) throws {
        let root = try PEMFile.certificates(in: fixtures.root.certificate)
        let known = try given.known.flatMap {
            try PEMFile.certificates(in: $0(fixtures).certificate)
        }
        let lists = CheckedRevocationLists(
            try PEMFile.revocationLists(in: given.list(fixtures)),
            signedBy: root + known
        )
        var chain = try PEMFile.certificates(in: given.peer(fixtures).certificate)
        if given.endsInRoot { chain += root }
        #expect(try passes(chain, lists) == given.passes)
    }

    @Test("One list of several of one authority is OpenSSL's choice")
    func severalListsOfOneAuthority() throws {
        let root = try PEMFile.certificates(in: fixtures.root.certificate)
        let files = [fixtures.rootList, fixtures.rootListAgainstMiddle]
        let lists = try files.flatMap { try PEMFile.revocationLists(in: $0) }
        let chain = try PEMFile.certificates(in: fixtures.own.certificate) + root
        #expect(try passes(chain, CheckedRevocationLists(lists, signedBy: root)) == false)
        #expect(try passes(chain, CheckedRevocationLists([lists[0]], signedBy: root)))
    }

    @Test("A list ends while it is in use")
    func listEndsLater() throws {
        let root = try PEMFile.certificates(in: fixtures.root.certificate)
        let lists = try PEMFile.revocationLists(in: fixtures.rootList)
        let checked = CheckedRevocationLists(lists, signedBy: root)
        let chain = try PEMFile.certificates(in: fixtures.own.certificate) + root
        let end = try #require(CertificateReader.validity(of: lists[0])).upperBound
        #expect(try passes(chain, checked, at: end))
        #expect(try passes(chain, checked, at: end + 1) == false)
    }

    private func passes(
        _ chain: [Certificate],
        _ lists: CheckedRevocationLists,
        at now: Int64 = chord_seconds_since_1970()
    ) throws -> Bool {
        let store = try TrustStore()
        let verification = try #require(X509_STORE_CTX_new())
        defer { X509_STORE_CTX_free(verification) }
        try #require(
            X509_STORE_CTX_init(verification, store.pointer, chain[0].pointer, nil) == 1
        )
        for certificate in chain { X509_up_ref(certificate.pointer) }
        // The verification frees the stack and its certificates.
        X509_STORE_CTX_set0_verified_chain(verification, try Credentials.stack(of: chain[...]))
        return lists.clear(verification, at: now)
    }
}
