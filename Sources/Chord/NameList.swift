// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordIdentity
import ChordTLS

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Names of nodes that are admitted to a ring.
public enum NameList: Hashable, Sendable {
    /// Names, or patterns in which each `*` stands for any number of characters.
    case patterns([String])
    /// A file with one such name per line; empty lines and lines that begin with `#` do not count.
    case file(String)

    private static let mostBytes = 1 << 20

    /// The file, if it is one.
    var path: String? {
        if case .file(let path) = self { path } else { nil }
    }

    /// Reads the names.
    ///
    /// - Throws: `TLSError` for a file that cannot be read, and for a list without names.
    func patterns() throws(TLSError) -> [NamePattern] {
        switch self {
        case .patterns(let texts):
            guard !texts.isEmpty else {
                throw TLSError(.invalidConfiguration, "the list of admitted names is empty")
            }
            return texts.map { NamePattern($0) }
        case .file(let path):
            let bytes: [UInt8]
            do throws(FileError) {
                bytes = try OpenFile(path, O_RDONLY).contents(atMost: Self.mostBytes + 1)
            } catch {
                throw TLSError(
                    error.isMissing ? .fileMissing : .fileUnreadable,
                    "the file of admitted names \(quoted(path)) cannot be read: \(error.reason)",
                    about: TLSError.Subject(file: path)
                )
            }
            let lines = bytes.split { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }
                .map { Self.trimmed(String(decoding: $0, as: UTF8.self)) }
                .filter { !$0.isEmpty && !$0.hasPrefix("#") }
            guard bytes.count <= Self.mostBytes, !lines.isEmpty else {
                throw TLSError(
                    .fileMalformed,
                    "the file of admitted names \(quoted(path))"
                        + (lines.isEmpty
                            ? " has no names" : " is larger than \(Self.mostBytes) bytes"),
                    about: TLSError.Subject(file: path)
                )
            }
            return lines.map { NamePattern($0) }
        }
    }

    private static func trimmed(_ line: String) -> String {
        let blanks: Set<Character> = [" ", "\t"]
        let start = line.drop { blanks.contains($0) }
        return String(start.reversed().drop { blanks.contains($0) }.reversed())
    }
}
