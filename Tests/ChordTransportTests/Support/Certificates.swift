// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordTLS
import ChordTestSupport
import Foundation

/// TLS contexts of the tests' certificates, made once per run.
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
        let issued = try TestCertificates.shared.get()
        let foreignRoots = issued.foreignAuthority.certificate
        n1 = try issued.context(issued.n1)
        n1Again = try issued.context(issued.n1)
        n2 = try issued.context(issued.n2)
        alice = try issued.context(issued.alice)
        n1Revoking = try issued.context(issued.n1, revocationList: issued.listWithN2)
        aliceRevoking = try issued.context(issued.alice, revocationList: issued.listWithN2)
        n1Elsewhere = try issued.context(issued.foreign, trusting: foreignRoots)
        foreign = try issued.context(issued.foreignN2, trusting: foreignRoots)
        foreignTrustingOurs = try issued.context(
            issued.foreignN2,
            trusting: issued.bothAuthorities
        )
    }
}
