// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// The socket options of connections.
///
/// Accepted sockets inherit the options of their listener, which saves the system calls.
struct ConnectionSockets {
    private typealias Options = [(option: ChannelOptions.Types.SocketOption, value: Int)]

    private let options: Options

    init(_ configuration: TransportConfiguration) {
        let noDelay = ChannelOptions.Types.SocketOption(level: .tcp, name: .tcp_nodelay)
        options =
            [(noDelay, 1)] + (configuration.socketKeepalive.map { Self.options(for: $0) } ?? [])
    }

    private static func options(
        for keepalive: TransportConfiguration.SocketKeepalive
    ) -> Options {
        func tcp(_ name: CInt) -> ChannelOptions.Types.SocketOption {
            ChannelOptions.Types.SocketOption(level: .tcp, name: .init(rawValue: name))
        }
        let idle = seconds(keepalive.idle)
        let interval = seconds(keepalive.interval)
        let probes = min(max(keepalive.probes, 1), 127)
        var options: Options = [
            (ChannelOptions.Types.SocketOption(level: .socket, name: .so_keepalive), 1),
            (tcp(TCP_KEEPINTVL), interval),
            (tcp(TCP_KEEPCNT), probes),
        ]
        #if os(Linux)
        // Keepalive does not probe while sent data is unacknowledged; that has a timeout of its own,
        // a quarter of an hour by default.
        let patience = idle + interval * probes
        options += [
            (tcp(TCP_KEEPIDLE), idle),
            (tcp(TCP_USER_TIMEOUT), patience * 1_000),
        ]
        #elseif canImport(Darwin)
        options.append((tcp(TCP_KEEPALIVE), idle))
        #endif
        return options
    }

    /// Linux refuses more than 32,767.
    private static func seconds(_ duration: Duration) -> Int {
        Int(min(max(duration.components.seconds, 1), 32_767))
    }

    func set(on bootstrap: ServerBootstrap) -> ServerBootstrap {
        options.reduce(bootstrap) { $0.serverChannelOption($1.option, value: $1.value) }
    }

    func set(on bootstrap: ClientBootstrap) -> ClientBootstrap {
        options.reduce(bootstrap) { $0.channelOption($1.option, value: $1.value) }
    }
}
