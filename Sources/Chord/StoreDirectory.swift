// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordStore

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif
#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The folder `store` in a node's data directory: the identity of the disk, the log and the rows.
///
/// `identity.json` says which disk this is, and which store it belongs to. It never leaves its log and rows: a
/// copy of the folder would be a second disk of the same name, and would break promises that the first has given.
struct StoreDirectory: Sendable {
    private struct Contents: Codable {
        var version: Int
        var disk: String
        var store: String?
        var givesBirth: Bool
        var isInUse: Bool
        var starts: UInt64
    }

    private static let version = 1
    private static let mostBytes = 16 * 1024

    let path: String
    private var file: String { "\(path)/identity.json" }
    var log: String { "\(path)/log" }
    var rows: String { "\(path)/rows" }

    /// - Parameter dataDirectory: the node's data directory, which exists and is locked.
    init(in dataDirectory: String) {
        path = "\(dataDirectory)/store"
    }

    /// Reads the identity, or makes a new one for an empty folder, and counts the start.
    ///
    /// - Throws: why it cannot be read, is damaged or missing. The folder is as before.
    func begin() throws(DataDirectoryFailure) -> (disk: DiskID, record: StoreRecord) {
        do throws(FileError) {
            try OpenFile.makeFolder(path)
        } catch {
            guard error.isThere else { throw DataDirectoryFailure(path, error) }
        }
        var (disk, record) = try disk()
        record.starts += 1
        do throws(FileError) {
            try write(disk, record)
        } catch {
            throw DataDirectoryFailure(path, error)
        }
        return (disk, record)
    }

    private func disk() throws(DataDirectoryFailure) -> (DiskID, StoreRecord) {
        if let known = try read() { return known }
        return try made()
    }

    private func made() throws(DataDirectoryFailure) -> (DiskID, StoreRecord) {
        for part in [log, rows] where access(part, F_OK) == 0 {
            throw DataDirectoryFailure(
                path,
                "\(file) is missing, and \(part) has data: without it the node does not know whose they are."
                    + " Put the file back, or remove the folder \(path) to begin with an empty disk; the other"
                    + " nodes of the ring then fill it again"
            )
        }
        var generator = SystemRandomNumberGenerator()
        return (DiskID(using: &generator), StoreRecord(starts: 0))
    }

    private func read() throws(DataDirectoryFailure) -> (DiskID, StoreRecord)? {
        func damaged(_ reason: String) -> DataDirectoryFailure {
            DataDirectoryFailure(
                path,
                "\(file) is damaged: \(reason). It was not changed. Put the file back, or remove the folder"
                    + " \(path) to begin with an empty disk; the other nodes of the ring then fill it again"
            )
        }
        let bytes: [UInt8]
        do throws(FileError) {
            guard let file = try OpenFile.existing(file, O_RDONLY) else { return nil }
            bytes = try file.contents(atMost: Self.mostBytes + 1)
        } catch {
            throw DataDirectoryFailure(path, error)
        }
        guard let contents = try? JSONDecoder().decode(Contents.self, from: Data(bytes)) else {
            throw damaged("it is not the JSON that a node writes")
        }
        guard contents.version == Self.version else {
            throw damaged("it has version \(contents.version), not \(Self.version)")
        }
        guard let disk = DiskID(contents.disk) else { throw damaged("it names no disk") }
        var record = StoreRecord(starts: contents.starts)
        if let text = contents.store {
            guard let store = StoreID(text) else { throw damaged("it names no store") }
            record.store = store
        }
        record.givesBirth = contents.givesBirth
        record.isInUse = contents.isInUse
        return (disk, record)
    }

    /// Bytes that a user without special rights can still write; 0 if the system does not say.
    var freeBytes: UInt64 {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return 0 }
        return UInt64(status.f_bavail) * UInt64(status.f_frsize)
    }

    /// Replaces the identity durably.
    func write(_ disk: DiskID, _ record: StoreRecord) throws(FileError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let contents = Contents(
            version: Self.version,
            disk: disk.description,
            store: record.store?.description,
            givesBirth: record.givesBirth,
            isInUse: record.isInUse,
            starts: record.starts
        )
        guard let data = try? encoder.encode(contents) else {
            preconditionFailure("no JSON: \(contents)")
        }
        try OpenFile.replace(file, with: Array(data) + [UInt8(ascii: "\n")])
    }
}
