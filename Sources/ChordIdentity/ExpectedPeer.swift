// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The peer that a dialler expects.
package struct ExpectedPeer: Sendable, Hashable {
    /// The name of the expected node; nil if it is not known, as with a bootstrap address.
    package var name: String?

    /// The host that was dialled, a DNS name or an IP address without a port.
    package var host: String?

    /// The roles that the peer may have.
    package var roles: Set<Role>

    /// Creates an expectation.
    package init(name: String? = nil, host: String? = nil, roles: Set<Role> = [.node]) {
        self.name = name
        self.host = host
        self.roles = roles
    }

    /// Checks that a peer is the expected one.
    ///
    /// The name is compared if the peer's identity proves one. The host is compared if no name is
    /// expected, or if the identity proves only hosts. An expectation without anything to compare
    /// is refused, because it would accept any member in place of any other.
    ///
    /// - Parameters:
    ///   - identity: The peer's identity.
    ///   - address: The address that was dialled, for the message.
    /// - Throws: `IdentityError` with `wrongRole`, `wrongName` or `wrongHost`.
    package func verify(
        _ identity: PeerIdentity,
        presentedBy address: String
    ) throws(IdentityError) {
        guard roles.contains(identity.role) else {
            let expected = roles.map(\.rawValue).sorted().joined(separator: " or ")
            throw IdentityError(
                .wrongRole,
                "certificate presented by \(address) has role \(identity.role), expected \(expected)"
            )
        }
        if let name, let proven = identity.name, identity.proof == .spiffe {
            guard name == proven else {
                throw IdentityError(
                    .wrongName,
                    "certificate presented by \(address) names \(identity.role) \(proven),"
                        + " expected \(printable(name))"
                )
            }
            return
        }
        guard let host else {
            throw IdentityError(
                .wrongHost,
                "certificate presented by \(address) proves"
                    + (identity.name.map { " \(identity.role) \($0), but no name" }
                        ?? " only its hosts, but no host")
                    + " was expected to compare it with"
            )
        }
        guard identity.holds(forHost: host) else {
            let hosts =
                identity.hosts.isEmpty
                ? "no host" : identity.hosts.prefix(8).map { printable($0) }.joined(separator: ", ")
            throw IdentityError(
                .wrongHost,
                "certificate presented by \(address) holds for \(hosts), expected"
                    + " \(printable(host))" + Self.mistake(host, identity)
            )
        }
    }

    /// An address in a DNS name entry looks right in a listing and never matches.
    private static func mistake(_ host: String, _ identity: PeerIdentity) -> String {
        guard let address = IPAddress(host),
            identity.dnsNames.contains(where: { IPAddress($0) == address })
        else {
            return ""
        }
        return " as an IP address: the certificate names it as a DNS name; issue it with IP:\(host)"
    }

    /// Plain names are shown as they are; others are quoted and escaped.
    private func printable(_ text: String) -> String {
        let isPlain =
            text.utf8.count <= 255 && !text.isEmpty
            && text.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "'") }
        return isPlain ? text : quoted(text)
    }
}
