// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import ChordIdentity

extension CredentialsReader {
    /// Checks that the certificate fits its configured use.
    mutating func checkUse(of leaf: PeerCertificate, _ identity: PeerIdentity) {
        let file = files.certificateChain
        let use = configuration.use
        func refuse(_ message: String, _ code: IdentityError.Code, host: String? = nil) -> TLSError
        {
            TLSError(
                .identityRefused,
                message,
                cause: IdentityError(code, message),
                about: TLSError.Subject(
                    file: file,
                    serial: leaf.serial,
                    role: identity.role,
                    host: host
                )
            )
        }
        if let role = use.role, identity.role != role {
            let member = role == .node ? "a member" : "\(role)"
            faults.append(
                refuse(
                    "\(file) is the certificate of \(identity); \(member) needs one of role \(role)",
                    .wrongRole
                )
            )
        }
        if let name = use.name, let certified = identity.name, certified != name {
            faults.append(
                refuse(
                    "\(file) names \(identity.role) \(certified), but this node's name is \(name)",
                    .wrongName
                )
            )
        }
        let mistaken = identity.dnsNames.filter { IPAddress($0) != nil }
        for host in use.hosts where !identity.holds(forHost: host) {
            faults.append(
                refuse(
                    "\(label) does not hold for \(host), the host that other nodes dial"
                        + Self.hint(about: host, of: identity),
                    .wrongHost,
                    host: host
                )
            )
        }
        if use.role == .node, use.hosts.isEmpty, identity.hosts.count == mistaken.count {
            faults.append(
                refuse(
                    "\(label) has no host that other nodes could dial"
                        + (mistaken.first.map { Self.hint(about: $0, of: identity) } ?? ""),
                    .wrongHost
                )
            )
        }
        for address in mistaken where !identity.ipAddresses.contains(address) {
            warnings.append("\(label) names \(address)\(Self.asName(address))")
        }
    }

    private static func asName(_ address: String) -> String {
        " as a DNS name, which never matches an address; issue it with IP:\(address) (make node-cert"
            + " does that)"
    }

    private static func hint(about host: String, of identity: PeerIdentity) -> String {
        if IPAddress(host) != nil, identity.dnsNames.contains(host) {
            return ": it names the address\(asName(host))"
        }
        let hosts = identity.hosts.prefix(8).map { quoted($0) }.joined(separator: ", ")
        return hosts.isEmpty ? ": it names no host" : ": it holds for \(hosts)"
    }
}
