// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A failed system call for a file or folder, with the system's reason.
package struct FileError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The file or folder, as the caller named it.
    package let path: String
    /// The system's error number.
    package let number: Int32

    /// The error of the last call on this thread.
    package init(last path: String) {
        self.init(path: path, number: errno)
    }

    package init(path: String, number: Int32) {
        self.path = path
        self.number = number
    }

    /// The system's description, for example "No such file or directory".
    package var reason: String { String(cString: strerror(number)) }

    package var description: String { "\(path): \(reason)" }

    /// The disk is full, or the user's quota on it is used up. This can pass.
    package var isFullDisk: Bool { number == ENOSPC || number == EDQUOT }
    package var isMissing: Bool { number == ENOENT }
    package var isThere: Bool { number == EEXIST }
    package var isHeldElsewhere: Bool { number == EWOULDBLOCK }
}
