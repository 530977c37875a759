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

/// Why a node's data directory is not used. It is the cause of a `ChordError` with `invalidConfiguration`.
public struct DataDirectoryFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// The directory.
    public var path: String
    /// What is wrong with it, and what to do.
    public var description: String

    init(_ path: String, _ description: String) {
        self.path = path
        self.description = description
    }

    init(_ path: String, _ failure: SystemFailure) {
        let file = failure.path == path ? "" : "\(failure.path): "
        self.init(path, "the data directory \(path) cannot be used: \(file)\(failure.reason)")
    }
}

/// A node's data directory: what the node keeps from one life to the next. One process holds it at a time.
///
/// It holds two files: `state.json`, what the node remembers, and `lock`, which names the process that holds
/// the directory. It is held as long as this object lives.
final class DataDirectory: Sendable {
    let path: String
    private let lock: OpenFile

    var stateFile: String { "\(path)/state.json" }

    /// Takes a directory, which is made where only its last part is missing.
    ///
    /// - Throws: where it cannot be used, or where another process holds it, which is named.
    init(_ path: String) throws(DataDirectoryFailure) {
        self.path = path
        do throws(SystemFailure) {
            do throws(SystemFailure) {
                try OpenFile.makeFolder(path)
            } catch  where error.isThere {}
            lock = try OpenFile("\(path)/lock", O_RDWR | O_CREAT)
        } catch {
            throw DataDirectoryFailure(path, error)
        }
        do throws(SystemFailure) {
            try lock.lock()
        } catch {
            guard error.isHeldElsewhere else { throw DataDirectoryFailure(path, error) }
            throw DataDirectoryFailure(
                path,
                "the data directory \(path) is in use by \(Self.holder(in: lock)): a directory is one "
                    + "node's, and a node runs once"
            )
        }
        // For the message above only: a full disk does not keep a node from running.
        try? lock.replaceContents(with: Array("\(getpid())\n".utf8))
    }

    private static func holder(in lock: OpenFile) -> String {
        let bytes = (try? lock.contents(atMost: 32)) ?? []
        let digits = bytes.prefix { (0x30...0x39).contains($0) }
        return digits.isEmpty
            ? "another process" : "process \(String(decoding: digits, as: UTF8.self))"
    }
}
