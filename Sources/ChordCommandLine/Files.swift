// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordBase

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// File operations with system calls. Foundation would make the program several times as large.
package enum Files {
    /// The largest file that is read as a whole; scenarios and settings are much smaller.
    private static let mostBytes = 64 * 1024 * 1024

    package static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// Whether the path is an executable file.
    package static func isExecutable(_ path: String) -> Bool {
        guard let mode = mode(of: path), mode & UInt32(S_IFMT) == UInt32(S_IFREG) else {
            return false
        }
        return access(path, X_OK) == 0
    }

    /// Type and permissions, as in `stat`; nil if the file does not exist.
    package static func mode(of path: String) -> UInt32? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return UInt32(status.st_mode)
    }

    /// The text of a file; bytes that are not UTF-8 become replacement characters.
    package static func text(of path: String) throws(FileError) -> String {
        String(decoding: try bytes(of: path), as: UTF8.self)
    }

    /// The bytes of a file.
    package static func bytes(of path: String) throws(FileError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError(last: path) }
        defer { close(descriptor) }
        return try bytes(from: descriptor, path)
    }

    /// All bytes of standard input.
    package static func standardInput() throws(FileError) -> [UInt8] {
        try bytes(from: STDIN_FILENO, "standard input")
    }

    private static func bytes(
        from descriptor: Int32,
        _ path: String
    ) throws(FileError) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw FileError(last: path) }
            if count == 0 { return bytes }
            bytes += buffer[..<count]
            guard bytes.count <= mostBytes else { throw FileError(path: path, number: EFBIG) }
        }
    }

    /// Replaces a file as a whole: the text is written to a new file, which is then renamed.
    package static func write(
        _ text: String,
        to path: String,
        mode: UInt32 = 0o644
    ) throws(FileError) {
        let beside = "\(path).\(getpid()).new"
        let descriptor = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode_t(mode))
        guard descriptor >= 0 else { throw FileError(path: path, number: errno) }
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { systemWrite(descriptor, $0) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let failure = FileError(path: path, number: errno)
                close(descriptor)
                unlink(beside)
                throw failure
            }
            rest = rest.dropFirst(count)
        }
        guard close(descriptor) == 0, rename(beside, path) == 0 else {
            let failure = FileError(path: path, number: errno)
            unlink(beside)
            throw failure
        }
    }

    /// Removes a file, if it exists.
    package static func remove(_ path: String) { unlink(path) }

    /// The names in a folder, in no order.
    package static func names(in path: String) throws(FileError) -> [String] {
        guard let folder = opendir(path) else { throw FileError(last: path) }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) {
                    String(cString: $0)
                }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// Creates a folder and its missing parents.
    package static func makeFolder(_ path: String, mode: UInt32 = 0o755) throws(FileError) {
        var made = path.hasPrefix("/") ? "/" : ""
        for part in path.split(separator: "/") {
            made += (made.isEmpty || made == "/" ? "" : "/") + part
            guard mkdir(made, mode_t(mode)) != 0, errno != EEXIST else { continue }
            // An existing folder may be on a read-only disk.
            let number = errno
            guard let found = Files.mode(of: made), found & UInt32(S_IFMT) == UInt32(S_IFDIR) else {
                throw FileError(path: path, number: number)
            }
        }
        guard let found = Files.mode(of: path), found & UInt32(S_IFMT) == UInt32(S_IFDIR) else {
            throw FileError(path: path, number: ENOTDIR)
        }
    }

    private static func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
        #if canImport(Glibc)
        Glibc.write(descriptor, bytes.baseAddress, bytes.count)
        #elseif canImport(Musl)
        Musl.write(descriptor, bytes.baseAddress, bytes.count)
        #else
        Darwin.write(descriptor, bytes.baseAddress, bytes.count)
        #endif
    }
}

extension String {
    /// The text without blanks and tabs at its ends.
    package var trimmed: String {
        func isBlank(_ character: Character) -> Bool { character == " " || character == "\t" }
        return String(drop(while: isBlank).reversed().drop(while: isBlank).reversed())
    }
}
