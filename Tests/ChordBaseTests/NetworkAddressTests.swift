// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordTestSupport
import Testing

@Suite("Network addresses", .tags(.unit))
struct NetworkAddressTests {
    @Test(arguments: [
        ("localhost:1", "localhost", 1), ("10.0.0.1:65535", "10.0.0.1", 65535),
        ("[::1]:7400", "::1", 7400), ("node-3.ring_a.test:80", "node-3.ring_a.test", 80),
    ])
    func addressIsSplitIntoHostAndPort(_ text: String, _ host: String, _ port: Int) throws {
        let address = try NetworkAddress(text)
        #expect(address.host == host)
        #expect(address.port == port)
        #expect(address.description == text)
        #expect(NetworkAddress.isWellFormed(text))
    }

    @Test(arguments: [
        "", ":", ":1", "host", "host:", "host:0", "host:65536", "host:-1", "host:+1", "host:1x",
        "host:000001", "::1:1", "[::1]", "[::1]1", "[::1:1", "[1.2.3.4]:1", "[]:1",
        "[h]:1", "[fe80::1%eth0]:80", "é:1", "[::1]:1:1", "[", "http://host:80", "ho st:1",
        "host\u{0}:1", "h\u{F6}st:1", "a:b:1", " host:1", "host: 1",
        String(repeating: "h", count: 254) + ":1",
    ])
    func malformedAddressesAreRefused(_ text: String) {
        let error = #expect(throws: AddressError.self) { try NetworkAddress(text) }
        #expect(error?.code == .invalidAddress)
        #expect(!NetworkAddress.isWellFormed(text))
    }

    @Test func portZeroIsForListeningOnly() throws {
        #expect(try NetworkAddress(listening: "localhost:0").port == 0)
        #expect(!NetworkAddress.isWellFormed("localhost:0"))
    }

    @Test(
        "The host of a text is found even if the text is not an address",
        arguments: [
            ("a.example:4400", "a.example"), ("127.0.0.1:1", "127.0.0.1"), ("[::1]:4400", "::1"),
            ("[fe80::1%eth0]:1", "fe80::1%eth0"), ("noport", "noport"), ("", ""), (":1", ""),
        ]
    )
    func host(address: String, host: String) {
        #expect(NetworkAddress.host(of: address) == host)
    }
}
