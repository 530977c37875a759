// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import ChordBase

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The directory of a log in the file system.
package final class SystemLogFiles: LogFiles {
    private let path: String
    private let directory: CInt
    private var lockFile: CInt?

    /// Opens a directory, which is made where only its last part is missing.
    ///
    /// - Throws: `readOnly`, `diskFull`, `ioFailed`.
    package init(directory path: String) throws(StoreError) {
        self.path = path
        let isNew = mkdir(path, 0o700) == 0
        guard isNew || errno == EEXIST else { throw .system("make the directory", path) }
        directory = try systemCall("open the directory", path) {
            openFile(path, O_RDONLY | O_DIRECTORY)
        }
        guard isNew else { return }
        do throws(StoreError) {
            try Self.syncParent(of: path)
        } catch {
            closeFile(directory)
            throw error
        }
    }

    deinit {
        close()
        closeFile(directory)
    }

    /// Makes the name of a new directory durable.
    private static func syncParent(of path: String) throws(StoreError) {
        let parent = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        let descriptor = try systemCall("open the directory", parent) {
            openFile(parent, O_RDONLY | O_DIRECTORY)
        }
        defer { closeFile(descriptor) }
        try systemCall("sync the directory", parent) { fsync(descriptor) }
    }

    private func path(of name: String) -> String { "\(path)/\(name)" }

    package func lock() throws(StoreError) {
        let path = path(of: "lock")
        let descriptor = try systemCall("open", path) {
            openFile(path, O_RDWR | O_CREAT)
        }
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            guard errno != EINTR else { continue }
            let error =
                errno == EWOULDBLOCK
                ? StoreError(
                    .inUse,
                    "the log in \(self.path) is in use: a directory belongs to one node, and a node runs "
                        + "once"
                ) : .system("lock", path)
            closeFile(descriptor)
            throw error
        }
        lockFile = descriptor
    }

    package func close() {
        // Closing the file releases the lock.
        if let lockFile { closeFile(lockFile) }
        lockFile = nil
    }

    package func list() throws(StoreError) -> [String] {
        // A descriptor of its own, because reading moves its place and closing ends it.
        let descriptor = try systemCall("open the directory", path) {
            openFile(path, O_RDONLY | O_DIRECTORY)
        }
        guard let stream = fdopendir(descriptor) else {
            let error = StoreError.system("list", path)
            closeFile(descriptor)
            throw error
        }
        defer { closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                guard errno == 0 else { throw .system("list", path) }
                return names
            }
            names.append(
                withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
            )
        }
    }

    package func create(_ name: String) throws(StoreError) -> any LogFile {
        let path = path(of: name)
        return SystemLogFile(
            path,
            try systemCall("make", path) {
                openFile(path, O_RDWR | O_CREAT | O_EXCL)
            }
        )
    }

    package func open(_ name: String) throws(StoreError) -> any LogFile {
        let path = path(of: name)
        return SystemLogFile(
            path,
            try systemCall("open", path) { openFile(path, O_RDWR) }
        )
    }

    package func rename(_ name: String, to newName: String) throws(StoreError) {
        try systemCall("rename", path(of: name)) { renameat(directory, name, directory, newName) }
    }

    package func remove(_ name: String) throws(StoreError) {
        try systemCall("remove", path(of: name)) { unlinkat(directory, name, 0) }
    }

    package func syncDirectory() throws(StoreError) {
        try systemCall("sync the directory", path) { fsync(directory) }
    }

    package func availableBytes() throws(StoreError) -> UInt64 {
        var information = statvfs()
        try systemCall("ask for the free space of", path) { fstatvfs(directory, &information) }
        return UInt64(information.f_bavail)
            .multipliedReportingOverflow(by: UInt64(information.f_frsize)).partialValue
    }
}

/// An open file of a log in the file system.
final class SystemLogFile: LogFile {
    private let path: String
    private var descriptor: CInt

    init(_ path: String, _ descriptor: CInt) {
        self.path = path
        self.descriptor = descriptor
    }

    deinit { close() }

    func close() {
        guard descriptor >= 0 else { return }
        closeFile(descriptor)
        descriptor = -1
    }

    func size() throws(StoreError) -> Int {
        var information = stat()
        try systemCall("ask for the size of", path) { fstat(descriptor, &information) }
        return Int(information.st_size)
    }

    func read(at offset: Int, count: Int) throws(StoreError) -> [UInt8] {
        var failure: StoreError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let read = pread(
                    descriptor,
                    buffer.baseAddress.map { $0 + filled },
                    count - filled,
                    off_t(offset + filled)
                )
                if read == 0 { return }
                if read > 0 {
                    filled += read
                } else if errno != EINTR {
                    failure = .system("read", path)
                    return
                }
            }
        }
        if let failure { throw failure }
        return bytes
    }

    func write(_ bytes: [UInt8], at offset: Int) throws(StoreError) {
        let failure = bytes.withUnsafeBytes { buffer -> StoreError? in
            var written = 0
            while written < buffer.count {
                let count = pwrite(
                    descriptor,
                    buffer.baseAddress.map { $0 + written },
                    buffer.count - written,
                    off_t(offset + written)
                )
                if count > 0 {
                    written += count
                } else if count == 0 || errno != EINTR {
                    return .system("write", path)
                }
            }
            return nil
        }
        if let failure { throw failure }
    }

    func allocate(_ size: Int) throws(StoreError) {
        let present = try self.size()
        guard present < size else { return }
        #if os(Linux)
        // Reserving room makes a later write cheaper to sync, and keeps it from finding the disk full.
        while true {
            let code = posix_fallocate(descriptor, 0, off_t(size))
            if code == 0 { return }
            if code == EINTR { continue }
            guard code == EOPNOTSUPP || code == EINVAL else {
                throw .system("reserve room for", path, code)
            }
            break
        }
        #endif
        try truncate(to: size)
    }

    func truncate(to size: Int) throws(StoreError) {
        try systemCall("set the size of", path) { ftruncate(descriptor, off_t(size)) }
    }

    func sync() throws(StoreError) {
        #if canImport(Darwin)
        // fsync of this system leaves the data in the cache of the disk.
        try systemCall("sync", path) { fcntl(descriptor, F_FULLFSYNC) }
        #else
        // A sync that was interrupted is not repeated: nothing says that it did its work.
        guard fdatasync(descriptor) == 0 else { throw .system("sync", path) }
        #endif
    }
}

// Outside the classes, whose own functions have the names of the system's.

private func openFile(_ path: String, _ flags: CInt) -> CInt {
    open(path, flags | O_CLOEXEC, 0o600)
}

private func closeFile(_ descriptor: CInt) {
    // Everything that matters was synced, and the descriptor is gone whatever the answer is.
    _ = close(descriptor)
}

/// Makes a system call, again where a signal interrupts it.
@discardableResult
private func systemCall(
    _ action: String,
    _ path: String,
    _ call: () -> CInt
) throws(StoreError) -> CInt {
    while true {
        let result = call()
        if result >= 0 { return result }
        guard errno == EINTR else { throw .system(action, path) }
    }
}

extension StoreError {
    /// The failure of the system call that this thread made last.
    fileprivate static func system(
        _ action: String,
        _ path: String,
        _ number: CInt = errno
    ) -> StoreError {
        let reason = String(cString: strerror(number))
        let code: StoreErrorCode =
            switch number {
            case ENOSPC, EDQUOT: .diskFull
            case EROFS: .readOnly
            default: .ioFailed
            }
        return StoreError(code, "cannot \(action) \(path): \(reason)")
    }
}
