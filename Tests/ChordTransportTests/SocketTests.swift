// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
import ChordTLS
import ChordTestSupport
import NIOCore
import Testing

@testable import ChordTransport

#if os(Linux)
import Glibc

/// What the system is told about the sockets of connections, read from the sockets themselves.
@Suite("The sockets of connections", .tags(.network), .timeLimit(.minutes(5)))
struct SocketTests {
    typealias Keepalive = TransportConfiguration.SocketKeepalive

    struct Options: Hashable {
        var noDelay: CInt = 1
        var isAsked: CInt = 1
        var idle: CInt
        var interval: CInt
        var probes: CInt
        var unacknowledged: CInt
    }

    struct Case: CustomTestStringConvertible {
        var testDescription: String
        var keepalive: Keepalive
        var options: Options
    }

    private static let cases = [
        Case(
            testDescription: "the defaults: a minute",
            keepalive: Keepalive(),
            options: Options(idle: 30, interval: 10, probes: 3, unacknowledged: 60_000)
        ),
        Case(
            testDescription: "values of one's own",
            keepalive: Keepalive(idle: .seconds(7), interval: .seconds(2), probes: 5),
            options: Options(idle: 7, interval: 2, probes: 5, unacknowledged: 17_000)
        ),
        Case(
            testDescription: "less than the system takes",
            keepalive: Keepalive(idle: .zero, interval: .milliseconds(-5), probes: 0),
            options: Options(idle: 1, interval: 1, probes: 1, unacknowledged: 2_000)
        ),
        Case(
            testDescription: "more than the system takes",
            keepalive: Keepalive(idle: .seconds(1 << 40), interval: .seconds(9), probes: 1000),
            options: Options(idle: 32_767, interval: 9, probes: 127, unacknowledged: 33_910_000)
        ),
    ]

    @Test("TCP keepalive is set at both ends", arguments: cases)
    private func bothEndsAreLookedAfter(_ tested: Case) async throws {
        var configuration = TransportConfiguration()
        configuration.socketKeepalive = tested.keepalive
        let found = try await Self.options(configuration)
        #expect(found == [tested.options, tested.options])
    }

    @Test("Without a setting the system's TCP keepalive stays")
    func theSystemIsLeftAlone() async throws {
        var configuration = TransportConfiguration()
        configuration.socketKeepalive = nil
        let found = try await Self.options(configuration)
        #expect(found.map(\.noDelay) == [1, 1])
        #expect(found.map(\.isAsked) == [0, 0])
        #expect(found.map(\.unacknowledged) == [0, 0])
    }

    /// The options of both ends of a connection.
    private static func options(_ configuration: TransportConfiguration) async throws
        -> [Options]
    {
        let certificates = try await Certificates.get()
        return try await TestNode.serving(
            HeldCalls().router(),
            as: certificates.n1,
            configuration: configuration
        ) { _, address in
            let port = try NetworkAddress(address).port
            return try await TestNode.calling(
                as: certificates.n2,
                configuration: configuration
            ) { client in
                #expect(await client.call(TestMethod.echo, at: address).status == .ok)
                return (0..<4096).filter { isEnd(of: port, $0) }.map { options(of: $0) }
            }
        }
    }

    /// Whether a descriptor is one of a connection with that port.
    private static func isEnd(of port: Int, _ descriptor: CInt) -> Bool {
        func has(
            _ ask: (CInt, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) ->
                CInt
        ) -> Bool? {
            var address = sockaddr_in()
            var count = socklen_t(MemoryLayout<sockaddr_in>.size)
            let result = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    ask(descriptor, $0, &count)
                }
            }
            guard result == 0, address.sin_family == sa_family_t(AF_INET) else { return nil }
            return Int(UInt16(bigEndian: address.sin_port)) == port
        }
        guard let isTheirs = has({ getpeername($0, $1, $2) }) else { return false }
        return isTheirs || has { getsockname($0, $1, $2) } == true
    }

    private static func options(of descriptor: CInt) -> Options {
        func option(_ level: CInt, _ name: CInt) -> CInt {
            var value: CInt = -1
            var count = socklen_t(MemoryLayout<CInt>.size)
            return getsockopt(descriptor, level, name, &value, &count) == 0 ? value : -1
        }
        let tcp = CInt(IPPROTO_TCP)
        return Options(
            noDelay: option(tcp, TCP_NODELAY),
            isAsked: option(SOL_SOCKET, SO_KEEPALIVE),
            idle: option(tcp, TCP_KEEPIDLE),
            interval: option(tcp, TCP_KEEPINTVL),
            probes: option(tcp, TCP_KEEPCNT),
            unacknowledged: option(tcp, TCP_USER_TIMEOUT)
        )
    }
}
#endif
