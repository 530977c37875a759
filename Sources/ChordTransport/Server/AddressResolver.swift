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

/// Turns a host to listen on into all its addresses.
enum AddressResolver {
    /// The addresses of `host`, in the system's order and without duplicates.
    ///
    /// - Throws: `resolveFailed`.
    static func addresses(
        of host: String,
        port: Int
    ) async throws(TransportError) -> [SocketAddress] {
        if let numeric = try? SocketAddress(ipAddress: host, port: port) { return [numeric] }
        // The system's resolver blocks, for seconds where a name server is silent: never on a loop.
        let result: Result<[SocketAddress], TransportError>
        do {
            result = try await NIOThreadPool.singleton.runIfActive { lookUp(host, port: port) }
        } catch {
            throw TransportError(.resolveFailed, "cannot look up \(host)", cause: error)
        }
        return try result.get()
    }

    private static func lookUp(
        _ host: String,
        port: Int
    ) -> Result<[SocketAddress], TransportError> {
        var hints = addrinfo()
        #if canImport(Glibc)
        hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        #else
        hints.ai_socktype = SOCK_STREAM
        #endif
        hints.ai_flags = AI_PASSIVE
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, String(port), &hints, &list)
        guard code == 0 else {
            return .failure(
                TransportError(
                    .resolveFailed,
                    "cannot look up \(host): \(String(cString: gai_strerror(code)))"
                )
            )
        }
        defer { freeaddrinfo(list) }
        var found: [SocketAddress] = []
        var next = list
        while let entry = next?.pointee {
            next = entry.ai_next
            guard let address = socketAddress(of: entry), !found.contains(address) else { continue }
            found.append(address)
        }
        guard !found.isEmpty else {
            return .failure(
                TransportError(.resolveFailed, "\(host) has neither an IPv4 nor an IPv6 address")
            )
        }
        return .success(found)
    }

    private static func socketAddress(of entry: addrinfo) -> SocketAddress? {
        guard let raw = UnsafeRawPointer(entry.ai_addr) else { return nil }
        switch entry.ai_family {
        case AF_INET where Int(entry.ai_addrlen) >= MemoryLayout<sockaddr_in>.size:
            return SocketAddress(raw.loadUnaligned(as: sockaddr_in.self))
        case AF_INET6 where Int(entry.ai_addrlen) >= MemoryLayout<sockaddr_in6>.size:
            return SocketAddress(raw.loadUnaligned(as: sockaddr_in6.self))
        default: return nil
        }
    }
}
