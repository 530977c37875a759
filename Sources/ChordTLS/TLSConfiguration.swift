// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordIdentity

/// The PEM files that a node, a client or an operator needs for TLS.
public struct TLSFiles: Sendable, Hashable {
    /// Our own certificate, followed by the intermediate authorities below the root.
    public var certificateChain: String

    /// The unencrypted private key of our certificate. Who can read it can act as us, so its mode
    /// is 0600.
    public var privateKey: String

    /// The trusted authorities, one after the other. To replace an authority, trust the old one and
    /// the new one for a while.
    ///
    /// An intermediate authority may be listed without its root. It is then trusted like a root;
    /// the other certificates of its root are not. Revocations by its root count only if they are
    /// in `revocationList`.
    public var trustRoots: String

    /// The revocation lists; nil for none. A certificate whose issuer has a list here is checked
    /// against it, at any depth of the chain. It is refused once the list has expired, so leave out
    /// lists that you cannot refresh. For issuers without a list see
    /// `TLSConfiguration.requiresRevocationLists`.
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

/// How connections are secured: our certificate, the certificates that we accept, and the limits.
///
/// The following is fixed: TLS 1.3 only, certificates on both sides, `h2` by ALPN, no
/// renegotiation, no early data, no session resumption.
package struct TLSConfiguration: Sendable, Hashable {
    /// Our certificate, our key, and the trusted authorities.
    package var files: TLSFiles

    /// Which verified certificates are members', and in which roles.
    package var policy: IdentityPolicy

    /// Whether a certificate is refused if revocation lists are given and its issuer has none. If
    /// false, such certificates cannot be revoked, and a missing list goes unnoticed. If true, all
    /// certificates of an authority are refused while its list is missing.
    package var requiresRevocationLists = false

    /// Further requirements on our own certificate, checked when it is loaded.
    package var use = CertificateUse()

    /// The sides that our own certificate is used on. It is checked for each when it is loaded, so
    /// that a node whose certificate cannot dial fails at the start and not at the first dial.
    package var sides: Set<ConnectionSide> = [.server, .client]

    /// The time limit of a handshake, from the first byte to the last. A longer limit tolerates
    /// slower links; a shorter one frees slots held by silent connections sooner.
    package var handshakeTimeout: Duration = .seconds(10)

    /// The time limit for sending the last bytes of a closing connection. A longer limit delivers
    /// more to a slow reader; a shorter one ends a shutdown sooner.
    package var closeTimeout: Duration = .seconds(2)

    /// How long a server keeps a refused connection open after the alert, without reading from it.
    /// A connection that is closed at once is often reset before the peer has read the alert.
    package var refusalLinger: Duration = .milliseconds(500)

    /// The maximum number of intermediate authorities between a leaf certificate and a root.
    package var maximumChainDepth: Int = 4

    /// The key exchange groups by their names in OpenSSL, best first.
    package var keyExchangeGroups: [String] = ["X25519", "P-256"]

    /// The size of the buffer that a busy connection keeps for its next burst, per direction, in
    /// bytes. A larger one saves allocations under load; a smaller one saves memory.
    package var retainedBufferBytes: Int = 8 * 1_024

    /// Makes a configuration with every limit at its default.
    package init(files: TLSFiles, policy: IdentityPolicy) {
        self.files = files
        self.policy = policy
    }
}

/// The required properties of our own certificate. A property that is nil is not checked.
package struct CertificateUse: Sendable, Hashable {
    /// The required role.
    package var role: Role?

    /// The required name. A certificate without a name is not checked for it.
    package var name: String?

    /// The hosts that others dial. The certificate must hold for each of them, because others
    /// cannot join through a host that it does not hold for.
    package var hosts: [String]

    /// A use from its parts.
    package init(role: Role? = nil, name: String? = nil, hosts: [String] = []) {
        self.role = role
        self.name = name
        self.hosts = hosts
    }
}
