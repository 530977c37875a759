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

/// Reads the lines of a file, which may be compressed by gzip, with a bounded part of it in memory.
final class BackupSource {
    /// A line, with its line break if it has one.
    struct Line {
        var bytes: [UInt8]
        /// The place in the file after the line; nil if a compressed member goes on after it.
        var end: Int?
    }

    private let path: String
    private let descriptor: Int32
    private let gzip: GzipReader?
    /// Bytes of the file that were read and not decompressed yet.
    private var input: ArraySlice<UInt8> = []
    /// The place in the file of the first byte of `input`.
    private var offset = 0
    private var fileIsRead = false
    /// Bytes that are not delivered yet.
    private var text: ArraySlice<UInt8> = []
    /// Whether the text ends where a member does, or is the file itself.
    private var endsMember = false
    /// Whether nothing was decompressed since the last member.
    private var isBetweenMembers = true
    private var isAtEnd = false

    /// - Throws: a file that cannot be opened.
    init(_ path: String) throws(FileError) {
        self.path = path
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError(last: path) }
        var magic: [UInt8] = [0, 0]
        let count = pread(descriptor, &magic, 2, 0)
        gzip = count == 2 && magic == [0x1F, 0x8B] ? GzipReader() : nil
    }

    deinit { close(descriptor) }

    /// The next line; nil at the end of the file.
    ///
    /// - Throws: `FileError`, or `BackupFault` for compressed bytes that are damaged or break off.
    func next() throws -> Line? {
        var searched = 0
        while true {
            let rest = text.dropFirst(searched)
            if let place = rest.firstIndex(of: 0x0A) {
                let line = Array(text[...place])
                text = text[(place + 1)...]
                return Line(bytes: line, end: endOfLine)
            }
            searched = text.count
            guard searched <= BackupFormat.mostLineBytes else {
                throw BackupFault(
                    kind: .damaged,
                    message:
                        "it has a line of more than \(BackupFormat.mostLineBytes) bytes, which no backup has"
                )
            }
            guard try fill() else {
                guard !text.isEmpty else { return nil }
                let line = Array(text)
                text = []
                return Line(bytes: line, end: nil)
            }
        }
    }

    private var endOfLine: Int? {
        guard gzip != nil else { return offset - text.count }
        return text.isEmpty && endsMember ? offset : nil
    }

    /// Reads further text.
    ///
    /// - Returns: false at the end of the file.
    private func fill() throws -> Bool {
        guard !isAtEnd else { return false }
        guard let gzip else {
            let bytes = try read()
            offset += bytes.count
            text = ArraySlice(Array(text) + bytes)
            isAtEnd = bytes.isEmpty
            return !isAtEnd
        }
        while true {
            if input.isEmpty, !fileIsRead {
                input = ArraySlice(try read())
                fileIsRead = input.isEmpty
            }
            guard !input.isEmpty else {
                isAtEnd = true
                guard isBetweenMembers else {
                    throw BackupFault(
                        kind: .incomplete,
                        message:
                            "its end is missing: the compressed bytes break off after \(offset)"
                    )
                }
                return false
            }
            guard let piece = gzip.next(input), piece.taken > 0 || !piece.bytes.isEmpty else {
                throw BackupFault(
                    kind: .damaged,
                    message: "its compressed bytes are damaged after \(offset)"
                )
            }
            input = input.dropFirst(piece.taken)
            offset += piece.taken
            endsMember = piece.isMemberEnd
            isBetweenMembers = piece.isMemberEnd
            guard piece.bytes.isEmpty else {
                text = ArraySlice(Array(text) + piece.bytes)
                return true
            }
        }
    }

    private func read() throws(FileError) -> [UInt8] {
        var number: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: 256 << 10) { buffer, count in
            while true {
                let result = readOnce(descriptor, buffer)
                if result < 0, errno == EINTR { continue }
                if result < 0 { number = errno }
                count = max(0, result)
                return
            }
        }
        guard number == 0 else { throw FileError(path: path, number: number) }
        return bytes
    }
}

private func readOnce(_ descriptor: Int32, _ buffer: UnsafeMutableBufferPointer<UInt8>) -> Int {
    read(descriptor, buffer.baseAddress, buffer.count)
}
