// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordIdentity

/// The files that make a node, a client or an operator able to speak TLS; all are PEM.
public struct TLSFiles: Sendable, Hashable {
    /// Our own certificate, followed by the intermediate authorities up to, not including, a root.
    public var certificateChain: String

    /// The private key of our certificate, unencrypted. Whoever reads it is us: mode 0600.
    public var privateKey: String

    /// The authorities that we trust, one after the other. Several may be trusted at once, so that an
    /// authority can be replaced without a moment in which half the ring refuses the other.
    ///
    /// An intermediate authority may stand here without its root: then it is trusted as a root is, and
    /// what its root has certified besides is not. Its root's word on it, such as a revocation that is
    /// not in `revocationList`, is not heard.
    public var trustRoots: String

    /// The revocation lists; nil for no revocation. A certificate of any depth whose issuer has a list
    /// here is held to it, and is refused once the list has expired: lists that cannot be refreshed are
    /// better left out. For issuers without a list see `TLSConfiguration.requiresRevocationLists`.
    public var revocationList: String?

    /// Names the files.
    public init(
        certificateChain: String,
        privateKey: String,
        trustRoots: String,
        revocationList: String? = nil
    ) {
        self.certificateChain = certificateChain
        self.privateKey = privateKey
        self.trustRoots = trustRoots
        self.revocationList = revocationList
    }
}

/// How connections are secured: whose certificate is shown, whose is accepted, and the limits.
///
/// What is not here is not a choice: TLS 1.3 only, certificates on both sides, `h2` by ALPN, no
/// renegotiation, no early data, no session resumption.
package struct TLSConfiguration: Sendable, Hashable {
    /// Our certificate, our key, and whom we trust.
    package var files: TLSFiles

    /// Which of the verified certificates stand for members, and as what.
    package var policy: IdentityPolicy

    /// Whether a certificate is refused when there are revocation lists and its issuer has none. Off,
    /// such an issuer's certificates cannot be revoked, and an authority's list may be missing without
    /// harm; on, an authority whose list is forgotten is refused with all that it has issued.
    package var requiresRevocationLists = false

    /// What our own certificate has to be, beyond being one that members accept; it is judged when it is
    /// loaded.
    package var use = CertificateUse()

    /// The sides that our own certificate is used on; it is judged for each when it is loaded, so
    /// that a node certificate that cannot dial fails at the start and not at the first dial.
    package var sides: Set<ConnectionSide> = [.server, .client]

    /// How long a handshake may take, from the first byte to the last. Longer spares peers behind
    /// slow links; shorter frees a slot sooner from those that connect and say nothing.
    package var handshakeTimeout: Duration = .seconds(10)

    /// How long a close waits for our last bytes to leave before it cuts the connection. Longer
    /// delivers more to a slow reader; shorter bounds a shutdown.
    package var closeTimeout: Duration = .seconds(2)

    /// How long a server keeps a refused connection open after its alert, reading nothing of it. A
    /// connection closed at once is often reset before the peer has read why it was refused.
    package var refusalLinger: Duration = .milliseconds(500)

    /// How many intermediate authorities may stand between a leaf certificate and a root.
    package var maximumChainDepth: Int = 4

    /// The groups that keys are agreed in, best first, as OpenSSL names them.
    package var keyExchangeGroups: [String] = ["X25519", "P-256"]

    /// How large a buffer a busy connection keeps for its next burst, in each direction, in bytes. Larger
    /// saves allocations under load, smaller saves memory.
    package var retainedBufferBytes: Int = 8 * 1_024

    /// Makes a configuration with every limit at its default.
    package init(files: TLSFiles, policy: IdentityPolicy) {
        self.files = files
        self.policy = policy
    }
}

/// What a certificate of ours is meant for. What is nil is not looked at.
package struct CertificateUse: Sendable, Hashable {
    /// The role that it has to prove.
    package var role: Role?

    /// The name that it has to prove, where it proves one.
    package var name: String?

    /// The hosts that others dial: it has to hold for each of them. A host without a certificate that
    /// holds for it cannot be joined through.
    package var hosts: [String]

    /// A use from its parts.
    package init(role: Role? = nil, name: String? = nil, hosts: [String] = []) {
        self.role = role
        self.name = name
        self.hosts = hosts
    }
}
