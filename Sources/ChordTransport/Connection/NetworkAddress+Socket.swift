// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordBase
package import NIOCore

extension NetworkAddress {
    /// The host and port of a socket's address; nil if it has none.
    init?(_ address: SocketAddress?) {
        guard let address, let host = address.ipAddress, let port = address.port else { return nil }
        self.init(socketHost: host, port: port)
    }

    /// The socket address if the host is an IP address, nil if it is a name.
    package var numericAddress: SocketAddress? {
        try? SocketAddress(ipAddress: host, port: port)
    }
}
