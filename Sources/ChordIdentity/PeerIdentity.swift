// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The identity of a peer whose certificate was verified and accepted.
public struct PeerIdentity: Sendable, Hashable, CustomStringConvertible {
    /// What the certificate proves.
    package enum Proof: String, Sendable, Hashable {
        /// A SPIFFE name: role and name are proven.
        case spiffe
        /// The host only, under the `dns` policy: the peer may claim any name.
        case host
    }

    /// The peer's role.
    public var role: Role

    /// The proven name; nil if only the host is proven.
    public var name: String?

    /// The trust domain of the name; nil if only the host is proven.
    public var trustDomain: String?

    /// What the certificate proves.
    package var proof: Proof

    /// The DNS names that the certificate holds for.
    package var dnsNames: [String]

    /// The IP addresses that the certificate holds for, in canonical text.
    package var ipAddresses: [String]

    /// The end of the certificate's validity, in seconds since 1970.
    package var notAfter: Int64

    /// The certificate's serial number in hexadecimal digits.
    package var serial: String

    /// Every host that the certificate holds for, DNS names first.
    package var hosts: [String] { dnsNames + ipAddresses }

    /// Creates an identity, for tests and the policy.
    package init(
        role: Role,
        name: String?,
        trustDomain: String?,
        proof: Proof,
        dnsNames: [String] = [],
        ipAddresses: [String] = [],
        notAfter: Int64 = .max,
        serial: String = ""
    ) {
        self.role = role
        self.name = name
        self.trustDomain = trustDomain
        self.proof = proof
        self.dnsNames = dnsNames
        self.ipAddresses = ipAddresses
        self.notAfter = notAfter
        self.serial = serial
    }

    /// The identity for a log line, `node n1 of example.org`.
    public var description: String {
        if let name, let trustDomain {
            return "\(role) \(name) of \(trustDomain)"
        }
        return "\(role) at \(hosts.map { quoted($0) }.joined(separator: ", "))"
    }

    /// Whether the certificate holds for a host.
    ///
    /// DNS names are compared without regard to case. A leftmost label `*` matches exactly one
    /// label, and never one directly below a top-level domain. IP addresses are compared as
    /// addresses, and only with IP addresses.
    package func holds(forHost host: String) -> Bool {
        if let address = IPAddress(host) {
            return ipAddresses.contains { IPAddress($0) == address }
        }
        return dnsNames.contains { HostPattern.matches($0, host: host) }
    }
}

/// Compares a certificate's DNS names with dialled names.
enum HostPattern {
    static func matches(_ pattern: String, host: String) -> Bool {
        let pattern = normalised(pattern)
        let host = normalised(host)
        // A name with a malformed label never matches. An embedded zero byte or a wildcard
        // elsewhere is an attack or a mistake.
        guard !host.isEmpty, isWellFormed(host[...]) else { return false }
        guard pattern.utf8.starts(with: "*.".utf8) else {
            return pattern == host && isWellFormed(pattern[...])
        }
        let suffix = pattern.utf8.dropFirst(2)
        guard isWellFormed(Substring(suffix)), suffix.contains(UInt8(ascii: ".")),
            let dot = host.utf8.firstIndex(of: UInt8(ascii: "."))
        else {
            return false
        }
        return host.utf8[host.utf8.index(after: dot)...].elementsEqual(suffix)
    }

    private static func normalised(_ name: String) -> String {
        let lowered = asciiLowercased(name)
        return lowered.utf8.last == UInt8(ascii: ".") ? String(lowered.dropLast()) : lowered
    }

    private static func isWellFormed(_ name: Substring) -> Bool {
        name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
            .allSatisfy { label in
                !label.isEmpty && label.count <= 63
                    && label.allSatisfy { byte in
                        switch byte {
                        case UInt8(ascii: "a")...UInt8(ascii: "z"),
                            UInt8(ascii: "0")...UInt8(ascii: "9"),
                            UInt8(ascii: "-"), UInt8(ascii: "_"):
                            true
                        default: false
                        }
                    }
            }
    }
}
