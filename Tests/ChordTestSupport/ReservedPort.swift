// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A port of 127.0.0.1, chosen by the kernel and reserved while this exists.
///
/// The port is bound and not listening: dialling it is refused, and a server that sets
/// SO_REUSEADDR, as ours do, can listen at it.
package final class ReservedPort: Sendable {
    package let number: Int
    private let descriptor: Int32

    package var address: String { "127.0.0.1:\(number)" }

    package init() throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw Failure(call: "socket", code: errno) }
        var one: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = descriptor
        let result = withUnsafeMutableBytes(of: &address) { bytes -> Int32 in
            bytes.withMemoryRebound(to: sockaddr.self) { pointer in
                bind(descriptor, pointer.baseAddress!, length) == 0
                    ? getsockname(descriptor, pointer.baseAddress!, &length) : -1
            }
        }
        guard result == 0 else {
            close(descriptor)
            throw Failure(call: "bind", code: errno)
        }
        number = Int(UInt16(bigEndian: address.sin_port))
    }

    deinit { close(descriptor) }

    package struct Failure: Error {
        package let call: String
        package let code: Int32
    }
}
