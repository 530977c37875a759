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

/// Why a node's data directory cannot be used. It is the cause of a `ChordError` with
/// `invalidConfiguration`.
public struct DataDirectoryFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// The directory.
    public var path: String
    /// The problem and its remedy.
    public var description: String

    init(_ path: String, _ description: String) {
        self.path = path
        self.description = description
    }

    init(_ path: String, _ failure: FileError) {
        let file = failure.path == path ? "" : "\(failure.path): "
        self.init(path, "the data directory \(path) cannot be used: \(file)\(failure.reason)")
    }
}

/// A node's data directory. It keeps the node's state between restarts. One process uses it at a
/// time.
///
/// It contains two files: `state.json` with the state, and `lock`, which names the process that
/// uses the directory. The directory stays locked as long as this object exists.
final class DataDirectory: Sendable {
    let path: String
    private let lock: OpenFile

    var stateFile: String { "\(path)/state.json" }

    /// Locks a directory. If only the last part of its path is missing, it is created.
    ///
    /// - Throws: the reason why it cannot be used. If another process uses it, the error names the
    ///   process.
    init(_ path: String) throws(DataDirectoryFailure) {
        self.path = path
        do throws(FileError) {
            do throws(FileError) {
                try OpenFile.makeFolder(path)
            } catch  where error.isThere {}
            lock = try OpenFile("\(path)/lock", O_RDWR | O_CREAT)
        } catch {
            throw DataDirectoryFailure(path, error)
        }
        do throws(FileError) {
            try lock.lock()
        } catch {
            guard error.isHeldElsewhere else { throw DataDirectoryFailure(path, error) }
            throw DataDirectoryFailure(
                path,
                "the data directory \(path) is in use by \(Self.holder(in: lock)): each "
                    + "running node needs its own directory"
            )
        }
        // This is only for the message above: a full disk must not keep a node from running.
        try? lock.replaceContents(with: Array("\(getpid())\n".utf8))
    }

    private static func holder(in lock: OpenFile) -> String {
        let bytes = (try? lock.contents(atMost: 32)) ?? []
        let digits = bytes.prefix { (0x30...0x39).contains($0) }
        return digits.isEmpty
            ? "another process" : "process \(String(decoding: digits, as: UTF8.self))"
    }
}
