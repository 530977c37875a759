// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordIdentity
package import ChordTLS
package import Foundation

/// What the certificates of all tests have in common: a folder, a policy, and how files become contexts.
/// Each test target makes its own set of certificates once per run, in a subfolder.
package enum TestCertificates {
    package static let trustDomain = "chord.test"
    package static let policy = IdentityPolicy(trustDomains: [trustDomain])

    /// The folder of all sets. It is removed when the tests end.
    package static let temporary: URL = {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "chord-tests-\(UUID().uuidString)")
        try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        atexit { try? FileManager.default.removeItem(at: TestCertificates.temporary) }
        return folder
    }()

    /// Writes the files one after the other into a new file.
    package static func join(_ files: [String], into path: String) throws {
        let texts = try files.map { try String(contentsOfFile: $0, encoding: .utf8) }
        try texts.joined().write(toFile: path, atomically: true, encoding: .utf8)
    }
}

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
