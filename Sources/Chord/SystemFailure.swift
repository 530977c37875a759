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

/// A failed system call, with the system's reason.
struct SystemFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// The error number.
    let number: CInt
    /// The file or folder of the call.
    let path: String

    /// The failure of the last call on this thread.
    static func last(_ path: String) -> SystemFailure {
        SystemFailure(number: errno, path: path)
    }

    /// The reason as the system describes it.
    var reason: String { String(cString: strerror(number)) }

    var description: String { "\(path): \(reason)" }

    /// Whether the disk, or the user's quota, is full. That can pass.
    var isFullDisk: Bool { number == ENOSPC || number == EDQUOT }
    var isMissing: Bool { number == ENOENT }
    var isThere: Bool { number == EEXIST }
    var isHeldElsewhere: Bool { number == EWOULDBLOCK }
}

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
    init(_ path: String, _ flags: CInt, mode: mode_t = 0o600) throws(SystemFailure) {
        self.path = path
        while true {
            let opened = open(path, flags | O_CLOEXEC, mode)
            if opened >= 0 {
                descriptor = opened
                return
            }
            guard errno == EINTR else { throw .last(path) }
        }
    }

    deinit { close(descriptor) }

    /// Opens a file; nil if it does not exist.
    static func existing(_ path: String, _ flags: CInt) throws(SystemFailure) -> OpenFile? {
        do throws(SystemFailure) {
            return try OpenFile(path, flags)
        } catch {
            guard error.isMissing else { throw error }
            return nil
        }
    }

    /// Creates a folder, which must not exist yet.
    static func makeFolder(_ path: String) throws(SystemFailure) {
        guard mkdir(path, 0o700) == 0 else { throw .last(path) }
    }

    static func move(_ from: String, to path: String) throws(SystemFailure) {
        guard rename(from, path) == 0 else { throw .last(path) }
    }

    /// Locks the file as long as it is open. The lock excludes other processes and other open files
    /// of this process.
    ///
    /// - Throws: a failure with `isHeldElsewhere` if it is locked.
    func lock() throws(SystemFailure) {
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            guard errno == EINTR else { throw .last(path) }
        }
    }

    /// The beginning of the file, up to a number of bytes.
    func contents(atMost limit: Int) throws(SystemFailure) -> [UInt8] {
        var contents: [UInt8] = []
        while contents.count < limit {
            var piece = [UInt8](repeating: 0, count: min(limit - contents.count, 16 * 1024))
            let count = pread(descriptor, &piece, piece.count, off_t(contents.count))
            if count == 0 { break }
            if count > 0 {
                contents += piece[..<count]
            } else if errno != EINTR {
                throw .last(path)
            }
        }
        return contents
    }

    /// Replaces the content of the file.
    func replaceContents(with bytes: [UInt8]) throws(SystemFailure) {
        guard ftruncate(descriptor, 0) == 0 else { throw .last(path) }
        var rest = bytes
        while !rest.isEmpty {
            let count = pwrite(descriptor, rest, rest.count, off_t(bytes.count - rest.count))
            if count >= 0 {
                rest.removeFirst(count)
            } else if errno != EINTR {
                throw .last(path)
            }
        }
    }

    /// Waits until all written data is on the disk.
    func sync() throws(SystemFailure) {
        while fsync(descriptor) != 0 {
            guard errno == EINTR else { throw .last(path) }
        }
    }
}
