// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordCommandLine

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Where the bytes of an export go. A range that is delivered again takes back what was written of it.
protocol BackupSink: AnyObject {
    func append(_ bytes: [UInt8]) throws(FileError)
    /// What is appended from here on can be taken back, until the next call.
    func mark() throws(FileError)
    func takeBack() throws(FileError)
    /// Everything is written.
    func finish() throws(FileError)
    /// What was written is of no use.
    func abandon()
}

/// A file that has its name only when it is whole: until then it is called like it, with ".partial" after the name.
///
/// A name that ends in ".gz" makes it compressed. Each call of `append` makes a gzip member, so that a file that broke
/// off can be continued after any of them.
final class BackupFile: BackupSink {
    let path: String
    var partial: String { Self.partial(of: path) }
    private let descriptor: Int32
    private let isCompressed: Bool
    private var length = 0
    private var marked = 0

    static func partial(of path: String) -> String { "\(path).partial" }

    /// Opens the partial file.
    ///
    /// - Parameter kept: bytes of it that stay.
    /// - Throws: with `EWOULDBLOCK` if another export writes it.
    init(_ path: String, keeping kept: Int = 0) throws(FileError) {
        self.path = path
        isCompressed = path.hasSuffix(".gz")
        let partial = Self.partial(of: path)
        descriptor = open(partial, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileError(last: partial) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let failure = FileError(last: partial)
            close(descriptor)
            throw failure
        }
        length = kept
        marked = kept
        do throws(FileError) {
            try takeBack()
        } catch {
            close(descriptor)
            throw error
        }
    }

    deinit { close(descriptor) }

    func append(_ bytes: [UInt8]) throws(FileError) {
        let bytes = isCompressed ? GzipMembers.compress(bytes) : bytes
        try write(all: bytes, to: descriptor, partial)
        length += bytes.count
    }

    func mark() { marked = length }

    func takeBack() throws(FileError) {
        guard ftruncate(descriptor, off_t(marked)) == 0,
            lseek(descriptor, off_t(marked), SEEK_SET) >= 0
        else { throw FileError(last: partial) }
        length = marked
    }

    /// Syncs the file and gives it its name. A former file of that name is replaced.
    func finish() throws(FileError) {
        guard fsync(descriptor) == 0 else { throw FileError(last: partial) }
        guard rename(partial, path) == 0 else { throw FileError(last: path) }
        // The name itself.
        let folder = open(Self.folder(of: path), O_RDONLY | O_CLOEXEC)
        guard folder >= 0 else { return }
        fsync(folder)
        close(folder)
    }

    func abandon() { unlink(partial) }

    private static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}

/// Standard output. A range waits in a file without a name until it is whole, because a pipe takes nothing back.
final class BackupPipe: BackupSink {
    private let descriptor: Int32
    private let name: String

    init() throws(FileError) {
        let folder = System.environment("TMPDIR").flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
        name = "\(folder)/chord-export-\(getpid())"
        descriptor = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileError(last: name) }
        unlink(name)
    }

    deinit { close(descriptor) }

    func append(_ bytes: [UInt8]) throws(FileError) {
        try write(all: bytes, to: descriptor, name)
    }

    func mark() throws(FileError) {
        let length = lseek(descriptor, 0, SEEK_CUR)
        var offset: off_t = 0
        var buffer = [UInt8](repeating: 0, count: 256 << 10)
        while offset < length {
            let count = pread(descriptor, &buffer, buffer.count, offset)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw FileError(last: name) }
            try write(all: Array(buffer[..<count]), to: STDOUT_FILENO, "standard output")
            offset += off_t(count)
        }
        try takeBack()
    }

    func takeBack() throws(FileError) {
        guard ftruncate(descriptor, 0) == 0, lseek(descriptor, 0, SEEK_SET) >= 0 else {
            throw FileError(last: name)
        }
    }

    func finish() throws(FileError) { try mark() }

    func abandon() {}
}

/// Writes all of the bytes.
private func write(all bytes: [UInt8], to descriptor: Int32, _ path: String) throws(FileError) {
    var rest = bytes[...]
    while !rest.isEmpty {
        let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { throw FileError(last: path) }
        rest = rest.dropFirst(count)
    }
}
