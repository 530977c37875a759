// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
package import NIOCore

/// A `host:port` taken apart. An IPv6 host stands in brackets, as in `[::1]:7400`.
package struct HostAndPort: Hashable, Sendable, CustomStringConvertible {
    /// Without brackets.
    package let host: String
    package let port: Int

    /// Reads an address to dial.
    ///
    /// - Throws: `invalidAddress` where it is not of the form, saying what is wrong with it.
    package init(_ address: String) throws(TransportError) {
        try self.init(address, ports: 1...65535)
    }

    /// Reads an address to listen at: port 0 lets the kernel choose.
    ///
    /// - Throws: `invalidAddress` where it is not of the form, saying what is wrong with it.
    package init(listening address: String) throws(TransportError) {
        try self.init(address, ports: 0...65535)
    }

    private init(_ address: String, ports: ClosedRange<Int>) throws(TransportError) {
        func refuse(_ why: String) -> TransportError {
            TransportError(
                .invalidAddress,
                "\"\(address.prefix(300))\" is no host:port address: \(why)"
            )
        }
        if let scheme = address.firstRange(of: "://") {
            let host = address[scheme.upperBound...].prefix { !"/?#".contains($0) }
            throw refuse(
                "it is a URL; an address is the host and the port alone: \(host.prefix(270))"
            )
        }
        let portText: Substring
        if address.hasPrefix("[") {
            guard let bracket = address.firstIndex(of: "]") else {
                throw refuse("the bracket before the IPv6 host is never closed")
            }
            let inside = address[address.index(after: address.startIndex)..<bracket]
            let rest = address[address.index(after: bracket)...]
            guard rest.hasPrefix(":") else { throw refuse("a colon and a port must follow the ]") }
            // Not the system's parser: it reads no further than a zero byte, and the rest would remain
            // part of the host.
            guard IPAddress(String(inside))?.bytes.count == 16 else {
                throw refuse("what stands in brackets is no IPv6 address")
            }
            host = String(inside)
            portText = rest.dropFirst()
        } else {
            let parts = address.split(separator: ":", omittingEmptySubsequences: false)
            switch parts.count {
            case 2: break
            case 1: throw refuse("the port is missing")
            default: throw refuse("an IPv6 host must stand in brackets, as in [::1]:7400")
            }
            guard Self.isHostName(parts[0]) else {
                throw refuse("the host must be letters, digits, dots, hyphens and underscores")
            }
            host = String(parts[0])
            portText = parts[1]
        }
        guard (1...5).contains(portText.utf8.count),
            portText.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let number = Int(portText), ports.contains(number)
        else {
            throw refuse(
                "the port must be a number from \(ports.lowerBound) to \(ports.upperBound)"
            )
        }
        port = number
    }

    init(numericHost: String, port: Int) {
        host = numericHost
        self.port = port
    }

    package var description: String { Self.join(host: host, port: port) }

    /// The form that `init` reads.
    package static func join(host: String, port: Int) -> String {
        host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    /// What is dialled where the host is a number already; nil for a name.
    package var numericAddress: SocketAddress? {
        try? SocketAddress(ipAddress: host, port: port)
    }

    private static func isHostName(_ text: Substring) -> Bool {
        (1...253).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                (0x61...0x7a).contains(byte) || (0x41...0x5a).contains(byte)
                    || (0x30...0x39).contains(byte) || byte == 0x2d || byte == 0x2e || byte == 0x5f
            }
    }
}
