// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A port of 127.0.0.1 that accepts connections and never answers.
final class SilentListener: Sendable {
    let address: String
    private let descriptor: Int32
    private let fillers: [Int32]

    /// - Parameter isFull: whether the queue of connections is full: then none comes about, and nothing says
    ///   so.
    init(isFull: Bool = false) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw TestFailure("socket: \(errno)") }
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let socketName = descriptor
        let isListening = withUnsafeMutablePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                bind(socketName, raw, length) == 0 && listen(socketName, isFull ? 0 : 64) == 0
                    && getsockname(socketName, raw, &length) == 0
            }
        }
        guard isListening else { throw TestFailure("no listener: \(errno)") }
        address = "127.0.0.1:\(UInt16(bigEndian: name.sin_port))"
        var fillers: [Int32] = []
        for _ in 0..<(isFull ? 8 : 0) {
            let filler = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            _ = fcntl(filler, F_SETFL, O_NONBLOCK)
            withUnsafePointer(to: name) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    _ = connect(filler, $0, length)
                }
            }
            fillers.append(filler)
        }
        self.fillers = fillers
    }

    /// Waits for a connection, and keeps it.
    func accept() async throws {
        try await eventually("somebody connects to \(address)") {
            var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            return poll(&waiting, 1, 0) == 1
        }
    }

    deinit {
        for filler in fillers { close(filler) }
        close(descriptor)
    }
}
