// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// An open file. It is closed when the last reference is released.
///
/// It has only what a data directory needs: Foundation hides error numbers and does not sync
/// folders.
final class OpenFile: Sendable {
    let path: String
    private let descriptor: CInt

    /// Opens a file.
    ///
    /// - Parameter mode: the permissions of a new file.
    init(_ path: String, _ flags: CInt, mode: mode_t = 0o600) throws(FileError) {
        self.path = path
        while true {
            let opened = open(path, flags | O_CLOEXEC, mode)
            if opened >= 0 {
                descriptor = opened
                return
            }
            guard errno == EINTR else { throw FileError(last: path) }
        }
    }

    deinit { close(descriptor) }

    /// Opens a file; nil if it does not exist.
    static func existing(_ path: String, _ flags: CInt) throws(FileError) -> OpenFile? {
        do throws(FileError) {
            return try OpenFile(path, flags)
        } catch {
            guard error.isMissing else { throw error }
            return nil
        }
    }

    /// Creates a folder, which must not exist yet.
    static func makeFolder(_ path: String) throws(FileError) {
        guard mkdir(path, 0o700) == 0 else { throw FileError(last: path) }
    }

    static func move(_ from: String, to path: String) throws(FileError) {
        guard rename(from, path) == 0 else { throw FileError(last: path) }
    }

    /// Replaces a file durably: a new one is written beside it, synced and renamed, and the folder is synced.
    static func replace(_ path: String, with bytes: [UInt8]) throws(FileError) {
        let beside = path + ".new"
        let file = try OpenFile(beside, O_WRONLY | O_CREAT | O_TRUNC)
        try file.replaceContents(with: bytes)
        try file.sync()
        try move(beside, to: path)
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        try OpenFile(folder, O_RDONLY | O_DIRECTORY).sync()
    }

    /// Locks the file as long as it is open. The lock excludes other processes and other open files
    /// of this process.
    ///
    /// - Throws: a failure with `isHeldElsewhere` if it is locked.
    func lock() throws(FileError) {
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            guard errno == EINTR else { throw FileError(last: path) }
        }
    }

    /// The beginning of the file, up to a number of bytes.
    func contents(atMost limit: Int) throws(FileError) -> [UInt8] {
        var contents: [UInt8] = []
        while contents.count < limit {
            var piece = [UInt8](repeating: 0, count: min(limit - contents.count, 16 * 1024))
            let count = pread(descriptor, &piece, piece.count, off_t(contents.count))
            if count == 0 { break }
            if count > 0 {
                contents += piece[..<count]
            } else if errno != EINTR {
                throw FileError(last: path)
            }
        }
        return contents
    }

    /// Replaces the content of the file.
    func replaceContents(with bytes: [UInt8]) throws(FileError) {
        guard ftruncate(descriptor, 0) == 0 else { throw FileError(last: path) }
        var rest = bytes
        while !rest.isEmpty {
            let count = pwrite(descriptor, rest, rest.count, off_t(bytes.count - rest.count))
            if count >= 0 {
                rest.removeFirst(count)
            } else if errno != EINTR {
                throw FileError(last: path)
            }
        }
    }

    /// Writes behind the present end of a file that was opened for appending.
    func append(_ bytes: [UInt8]) throws(FileError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count >= 0 {
                rest.removeFirst(count)
            } else if errno != EINTR {
                throw FileError(last: path)
            }
        }
    }

    /// Waits until all written data is on the disk.
    func sync() throws(FileError) {
        while fsync(descriptor) != 0 {
            guard errno == EINTR else { throw FileError(last: path) }
        }
    }
}
