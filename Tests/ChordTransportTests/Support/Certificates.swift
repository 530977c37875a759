// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordTLS
import ChordTestSupport
import Foundation

/// The certificates that the tests show each other, made once per run.
struct Certificates: Sendable {
    let n1: TLSContext
    let n2: TLSContext
    let alice: TLSContext
    /// `n2`, certified by an authority that nobody else trusts, and trusting nobody else.
    let foreign: TLSContext
    /// `n2`, certified by that authority, and trusting ours besides.
    let foreignTrustingOurs: TLSContext
    /// `n1`, loaded once more.
    let n1Again: TLSContext
    /// `n1` and `alice` with a list that revokes `n2`.
    let n1Revoking: TLSContext
    let aliceRevoking: TLSContext
    /// `n1`, certified by the other authority, and trusting nobody else.
    let n1Elsewhere: TLSContext

    static let shared: Result<Certificates, any Error> = Result { try Certificates() }

    static func get() async throws -> Certificates {
        try await onOwnThread { try shared.get() }
    }

    private init() throws {
        let folder = TestCertificates.temporary.appending(path: "transport")
        let ours = try TestAuthority("ours", in: folder)
        let other = try TestAuthority("foreign", in: folder)
        let roots = ours.root.certificate
        let otherRoots = other.root.certificate
        let issued = try (
            n1: ours.issue(.member("n1")), n2: ours.issue(.member("n2")),
            alice: ours.issue(.member("alice", role: "client"))
        )
        n1 = try issued.n1.context(trusting: roots)
        n1Again = try issued.n1.context(trusting: roots)
        n2 = try issued.n2.context(trusting: roots)
        alice = try issued.alice.context(trusting: roots)
        try ours.revoke(issued.n2)
        let list = try ours.revocationList("n2-revoked.crl")
        n1Revoking = try issued.n1.context(trusting: roots, revocationList: list)
        aliceRevoking = try issued.alice.context(trusting: roots, revocationList: list)
        n1Elsewhere = try other.issue(.member("n1")).context(trusting: otherRoots)
        let stranger = try other.issue(.member("n2"))
        foreign = try stranger.context(trusting: otherRoots)
        let both = folder.appendingPathComponent("both.crt").path
        try TestCertificates.join([roots, otherRoots], into: both)
        foreignTrustingOurs = try stranger.context(trusting: both)
    }
}
