// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The address of a node, `host:port`. An IPv6 host is written in brackets, as in `[::1]:7400`.
package struct NetworkAddress: Hashable, Sendable, CustomStringConvertible {
    /// A name, an IPv4 address, or an IPv6 address without brackets.
    package let host: String
    package let port: Int

    /// Reads an address to dial.
    ///
    /// - Throws: `AddressError` with `invalidAddress`; the message tells the problem.
    package init(_ text: String) throws(AddressError) {
        try self.init(text, ports: 1...65535)
    }

    /// Reads an address to listen on. With port 0 the kernel chooses the port.
    ///
    /// - Throws: `AddressError` with `invalidAddress`; the message tells the problem.
    package init(listening text: String) throws(AddressError) {
        try self.init(text, ports: 0...65535)
    }

    /// The address of a socket, which may have an IPv6 zone.
    package init(socketHost host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Whether a text is an address that can be dialled.
    package static func isWellFormed(_ text: String) -> Bool {
        (try? NetworkAddress(text)) != nil
    }

    /// The host of `host:port`, without brackets, where the text need not be a valid address. A text
    /// without a port is all host.
    package static func host(of text: String) -> String {
        String(withoutBrackets(split(text)?.host ?? text[...]))
    }

    /// The form that `init` reads.
    package static func join(host: String, port: Int) -> String {
        host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    package var description: String { Self.join(host: host, port: port) }

    // MARK: Reading

    private init(_ text: String, ports: ClosedRange<Int>) throws(AddressError) {
        guard let (host, digits) = Self.split(text) else {
            throw Self.error(text, "the port is missing")
        }
        if host.utf8.first == UInt8(ascii: "[") {
            try Self.check(bracketed: host, in: text)
        } else {
            try Self.check(name: host, in: text)
        }
        guard (1...5).contains(digits.utf8.count),
            digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let port = Int(digits), ports.contains(port)
        else {
            throw Self.error(
                text,
                "the port must be a number from \(ports.lowerBound) to \(ports.upperBound)"
            )
        }
        self.host = String(Self.withoutBrackets(host))
        self.port = port
    }

    private static func check(bracketed host: Substring, in text: String) throws(AddressError) {
        guard host.utf8.last == UInt8(ascii: "]") else {
            throw error(
                text,
                text.utf8.contains(UInt8(ascii: "]"))
                    ? "a colon and a port must follow the ]"
                    : "the bracket before the IPv6 host is never closed"
            )
        }
        // The system's parser would stop at a zero byte and leave the rest in the host.
        guard IPAddress(String(withoutBrackets(host)))?.bytes.count == 16 else {
            throw error(text, "the text in brackets is not an IPv6 address")
        }
    }

    private static func check(name host: Substring, in text: String) throws(AddressError) {
        guard !host.utf8.contains(UInt8(ascii: ":")) else {
            throw error(text, "an IPv6 host must stand in brackets, as in [::1]:7400")
        }
        guard (1...253).contains(host.utf8.count), host.utf8.allSatisfy(isOfName) else {
            throw error(text, "the host must be letters, digits, dots, hyphens and underscores")
        }
    }

    private static func split(_ text: String) -> (host: Substring, port: Substring)? {
        guard let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")) else { return nil }
        return (text[..<colon], text[text.utf8.index(after: colon)...])
    }

    private static func withoutBrackets(_ host: Substring) -> Substring {
        guard host.utf8.count >= 2, host.utf8.first == UInt8(ascii: "["),
            host.utf8.last == UInt8(ascii: "]")
        else { return host }
        return Substring(host.utf8.dropFirst().dropLast())
    }

    private static func isOfName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
            UInt8(ascii: "."):
            true
        default: false
        }
    }

    private static func error(_ text: String, _ problem: String) -> AddressError {
        var problem = problem
        if let scheme = text.firstRange(of: "://") {
            let host = text[scheme.upperBound...].prefix { !"/?#".contains($0) }
            problem = "it is a URL; write only the host and the port: \(host.prefix(270))"
        }
        return AddressError(
            .invalidAddress,
            "\"\(text.prefix(300))\" is not a host:port address: \(problem)"
        )
    }
}
