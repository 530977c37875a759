// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import NIOCore

/// Where a connection comes from, before it is authenticated: an IPv4 address, or an IPv6 network of 64
/// bits, which commonly belongs to one customer.
struct HostGroup: Hashable, CustomStringConvertible {
    private let bytes: [UInt8]

    init(_ host: String) {
        let plain = host.prefix { $0 != "%" }
        let address = IPAddress(String(plain))?.bytes ?? []
        if address.count == 16, address.prefix(10).allSatisfy({ $0 == 0 }), address[10] == 0xff,
            address[11] == 0xff
        {
            // An IPv4-mapped address of a dual-stack socket.
            bytes = Array(address.suffix(4))
        } else {
            bytes = address.count == 16 ? Array(address.prefix(8)) : address
        }
    }

    var description: String {
        guard bytes.count == 8 else { return IPAddress(bytes: bytes)?.description ?? "unknown" }
        let network = bytes + [UInt8](repeating: 0, count: 8)
        return IPAddress(bytes: network).map { "\($0)/64" } ?? "unknown"
    }
}
