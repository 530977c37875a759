// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordIdentity
package import ChordTLS

extension TestAuthority.Issued {
    /// The certificate, followed by those of the authorities above it but for the root.
    package func chained(to authorities: TestAuthority.Issued...) throws -> Self {
        let chain = certificate + ".chain"
        try TestCertificates.join(
            [certificate] + authorities.map(\.certificate),
            into: chain
        )
        return Self(certificate: chain, key: key)
    }

    package func files(trusting roots: String, revocationList: String? = nil) -> TLSFiles {
        TLSFiles(
            certificateChain: certificate,
            privateKey: key,
            trustRoots: roots,
            revocationList: revocationList
        )
    }

    package func configuration(
        trusting roots: String,
        revocationList: String? = nil,
        policy: IdentityPolicy = TestCertificates.policy
    ) -> TLSConfiguration {
        TLSConfiguration(
            files: files(trusting: roots, revocationList: revocationList),
            policy: policy
        )
    }

    package func context(
        trusting roots: String,
        revocationList: String? = nil,
        policy: IdentityPolicy = TestCertificates.policy
    ) throws -> TLSContext {
        try TLSContext(
            configuration: configuration(
                trusting: roots,
                revocationList: revocationList,
                policy: policy
            )
        )
    }
}
