// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// How sockets are read: small at first and larger under load, so that an idle connection stays
/// small.
enum ConnectionBuffers {
    static let receiving = AdaptiveRecvByteBufferAllocator(
        minimum: 2 << 10,
        initial: 2 << 10,
        maximum: 64 << 10
    )
}

/// The system's error numbers that are told apart.
enum SystemError {
    static let accessDenied = EACCES
    static let addressInUse = EADDRINUSE
    static let addressNotAvailable = EADDRNOTAVAIL
    static let familyNotSupported = EAFNOSUPPORT

    /// Whether it says that the system has no file or memory left for a connection.
    static func isShortage(_ number: CInt) -> Bool {
        [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(number)
    }

    static func text(_ number: CInt) -> String {
        String(cString: strerror(number))
    }
}
