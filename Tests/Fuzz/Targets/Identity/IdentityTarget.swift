// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordTransport
import FuzzSupport

/// Texts in certificates and addresses: SPIFFE names, host names, IP addresses, host and port.
enum IdentityTarget: FuzzTarget {
    static let name = "identity"

    static var seeds: [[UInt8]] {
        [
            "spiffe://example.org/chord/node/n1", "SPIFFE://a-b_c.d/chord/admin/x.y",
            "spiffe://t/chord/client/%41", "spiffe://u@t:1/chord/node/n?q#f",
            "https://t/chord/node/n",
            "127.0.0.1", "::1", "[2001:db8::8:800:200c:417a]", "::ffff:192.0.2.1",
            "1:2:3:4:5:6:7:8",
            "fe80::1%eth0", "[::1]:7400", "n1.example:7400", "0.0.0.0:0", "[::]:65535", "a_b-c.d:1",
            "*.example.org\n*.example.org\nn1.example.org.", "example.org\nExample.ORG",
            "a.b\n*.b\nb",
            "node-1\n10.0.0.1\n[fe80::1]:99999",
        ].map { Array($0.utf8) }
    }

    static func run(_ input: UnsafeRawBufferPointer) throws {
        let texts = input.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            .prefix(6).map { String(decoding: $0, as: UTF8.self) }
        for text in texts {
            try tryName(text)
            try tryAddress(text)
            try tryNetworkAddress(text)
            let shown = quoted(text)
            try require(
                shown.unicodeScalars.allSatisfy { (0x20...0x7E).contains($0.value) || $0 == "…" },
                "a message could be forged: \(shown)"
            )
            try require(shown.utf8.count <= 12 * 200 + 5, "\(shown.utf8.count) bytes shown")
        }
        _ = PeerCertificate.timestamp(secondsSince1970: seconds(input))
        try judge(texts)
    }

    private static func seconds(_ input: UnsafeRawBufferPointer) -> Int64 {
        input.prefix(8).reduce(0) { $0 << 8 | Int64($1) }
    }

    private static func tryName(_ text: String) throws {
        guard let name = try? SPIFFEName(uri: text) else { return }
        let again = try SPIFFEName(uri: name.uri)
        try require(again == name, "\(text) became \(again)")
        try require(name.uri.utf8.count == text.utf8.count, "\(text) was changed to \(name.uri)")
        try require(
            name.name.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "/") },
            "a name that no two readers agree about: \(name)"
        )
    }

    private static func tryAddress(_ text: String) throws {
        guard let address = IPAddress(text) else { return }
        try require(IPAddress(bytes: address.bytes) == address, "other bytes")
        try require(
            IPAddress(address.description) == address,
            "\(text) became \(address)"
        )
        try require(text.utf8.allSatisfy { (0x2E...0x66).contains($0) }, "\(text) is no address")
    }

    private static func tryNetworkAddress(_ text: String) throws {
        let listening = try? NetworkAddress(listening: text)
        guard let parts = try? NetworkAddress(text) else {
            try require(listening == nil || listening?.port == 0, "listens but does not dial")
            return
        }
        try require(listening == parts, "dials but does not listen")
        try require((1...65535).contains(parts.port), "port \(parts.port)")
        try require(try NetworkAddress(parts.description) == parts, "\(text) became \(parts)")
        try require(
            parts.host.utf8.allSatisfy { (0x21...0x7E).contains($0) },
            "a host of \(quoted(parts.host))"
        )
        if text.hasPrefix("[") {
            try require(IPAddress(parts.host) != nil, "\(parts.host) in brackets")
        }
        _ = parts.numericAddress
    }

    /// A certificate that carries the texts, judged under every policy and held against each text.
    private static func judge(_ texts: [String]) throws {
        let isName = { (text: String) in text.utf8.contains(UInt8(ascii: ":")) }
        let certificate = PeerCertificate(
            subject: texts.first ?? "",
            serial: "01",
            dnsNames: texts.filter { !isName($0) },
            ipAddresses: texts.compactMap { IPAddress($0)?.description },
            uris: texts.filter { isName($0) && $0.utf8.count > 8 },
            notBefore: 0,
            notAfter: .max,
            keyUsage: .digitalSignature,
            keyUsageIsCritical: true
        )
        for admitsHosts in [false, true] {
            let policy = IdentityPolicy(
                trustDomains: ["example.org"],
                admitsHostCertificates: admitsHosts
            )
            guard let identity = try? policy.identity(of: certificate, presentedBy: .server) else {
                continue
            }
            if identity.proof == .spiffe {
                try require(certificate.uris.count == 1, "a name out of several")
                try require(identity.trustDomain == "example.org", "a foreign trust domain")
            } else {
                try require(certificate.uris.isEmpty && admitsHosts, "a host against the policy")
            }
            for text in texts {
                let expected = ExpectedPeer(host: text, roles: [.node])
                let isAccepted = (try? expected.verify(identity, presentedBy: "peer")) != nil
                try require(
                    isAccepted == (identity.role == .node && identity.holds(forHost: text)),
                    "\(quoted(text)) is judged in two ways"
                )
                if isAccepted {
                    try require(
                        text.utf8.allSatisfy { (0x21...0x7E).contains($0) },
                        "holds for \(quoted(text))"
                    )
                }
            }
        }
    }
}

#if FUZZING
@_cdecl("FuzzIdentity_main")
func start(_ count: CInt, _ arguments: FuzzArguments) -> CInt {
    IdentityTarget.start(count, arguments) { IdentityTarget.fuzz($0, $1) }
}
#endif
