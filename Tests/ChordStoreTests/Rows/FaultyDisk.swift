// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import CSQLite
import ChordStore
import Foundation
import NIOConcurrencyHelpers

/// A disk that loses what was not synced, and can be full or fail, as a layer between SQLite and the files.
///
/// Files are on the real disk, and reads find what was written. Besides, the layer keeps what each file had
/// when it was synced last, and the writes since then. A crash makes a copy of the directory in which each of
/// these writes is there, is missing, or is there in part.
///
/// `@unchecked Sendable`: the lock guards all state.
final class FaultyDisk: @unchecked Sendable {
    /// What was done to a file since its last sync.
    private enum Change {
        case write([UInt8], at: Int)
        case truncate(Int)
    }

    private struct File {
        /// Nil if not even the name is durable.
        var durable: [UInt8]?
        var changes: [Change] = []
        var isDeleted = false
    }

    private let lock = NIOLock()
    private var files: [String: File] = [:]
    private var paths: [CInt: String] = [:]
    private var nextMark: CInt = 1
    /// Writes, truncations, syncs and deletions so far.
    private var operations = 0
    private var crashPoint: Int?
    private var hasCrashed = false
    private var failingSync: Int?
    private var syncs = 0
    private var capacity = Int.max

    /// The name by which SQLite knows the disk.
    let name: String

    init() {
        name = "faulty-\(UUID().uuidString)"
        let base = sqlite3_vfs_find(nil)!
        var system = base.pointee
        system.iVersion = 2
        system.szOsFile = CInt(MemoryLayout<csqlite_layered_file>.stride) + base.pointee.szOsFile
        // SQLite keeps name and disk as long as the process lives.
        system.zName = UnsafePointer(strdup(name))
        system.pAppData = Unmanaged.passRetained(self).toOpaque()
        system.xOpen = { FaultyDisk.open($0, $1, $2, $3, $4) }
        system.xDelete = { FaultyDisk.delete($0, $1, $2) }
        system.xAccess = { FaultyDisk.base.pointee.xAccess(FaultyDisk.base, $1, $2, $3) }
        system.xFullPathname = {
            FaultyDisk.base.pointee.xFullPathname(FaultyDisk.base, $1, $2, $3)
        }
        let pointer = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
        pointer.initialize(to: system)
        sqlite3_vfs_register(pointer, 0)
    }

    // MARK: Faults

    /// Operations so far: a crash can be asked for at each of them.
    var operationCount: Int { lock.withLock { operations } }

    /// From this operation on nothing works any more: the power is gone.
    func crash(at operation: Int) {
        lock.withLock { crashPoint = operation }
    }

    var isCrashed: Bool { lock.withLock { hasCrashed } }

    /// Lets a sync fail: the next one, or the one after so many others.
    func failSync(after others: Int = 0) {
        lock.withLock { failingSync = syncs + others }
    }

    /// Room for files that grow: bytes beyond what all files in their folder have now.
    func setRoom(_ bytes: Int, in folder: String) {
        let used = Self.bytes(in: folder)
        lock.withLock { capacity = used + bytes }
    }

    func setUnlimited() {
        lock.withLock { capacity = .max }
    }

    private static func bytes(in folder: String) -> Int {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.reduce(0) { sum, name in
            let attributes = try? FileManager.default.attributesOfItem(atPath: "\(folder)/\(name)")
            return sum + ((attributes?[.size] as? Int) ?? 0)
        }
    }

    /// Copies a folder as a crash at this moment leaves it.
    func copyAfterCrash(
        from folder: String,
        to copy: String,
        using generator: inout SeededGenerator
    ) throws {
        try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: true)
        let files = lock.withLock { self.files }
        let tracked = Set(files.keys.map { URL(filePath: $0).lastPathComponent })
        for name in try FileManager.default.contentsOfDirectory(atPath: folder)
        where !tracked.contains(name) && !name.hasSuffix("-shm") {
            try FileManager.default.copyItem(atPath: "\(folder)/\(name)", toPath: "\(copy)/\(name)")
        }
        for path in files.keys.sorted() where path.hasPrefix(folder) {
            guard let file = files[path], var contents = file.durable else { continue }
            // The name of a deleted file may still be there, with what was synced.
            if file.isDeleted, generator.below(2) == 0 { continue }
            let order =
                generator.below(2) == 0 ? file.changes : file.changes.shuffled(using: &generator)
            for change in order { Self.keep(change, in: &contents, using: &generator) }
            let name = URL(filePath: path).lastPathComponent
            try Data(contents).write(to: URL(filePath: "\(copy)/\(name)"))
        }
    }

    /// Applies a change whole, in part or not at all.
    private static func keep(
        _ change: Change,
        in contents: inout [UInt8],
        using generator: inout SeededGenerator
    ) {
        let fate = generator.below(4)
        guard fate > 0 else { return }
        switch change {
        case .truncate(let size):
            if contents.count > size { contents.removeLast(contents.count - size) }
        case .write(let bytes, let offset):
            // A part ends at a sector, or within one.
            let most = UInt64(bytes.count + 1)
            let part = fate > 1 ? bytes.count : Int(generator.below(most)) / 512 * 512
            let kept = bytes.prefix(fate == 1 && part == 0 ? Int(generator.below(most)) : part)
            guard !kept.isEmpty else { return }
            if contents.count < offset + kept.count {
                contents += Array(repeating: 0, count: offset + kept.count - contents.count)
            }
            contents.replaceSubrange(offset..<offset + kept.count, with: kept)
        }
    }

    // MARK: Operations

    /// Counts an operation.
    ///
    /// - Returns: whether the disk still works.
    private func count() -> Bool {
        if let crashPoint, operations >= crashPoint { hasCrashed = true }
        operations += 1
        return !hasCrashed
    }

    private func write(_ mark: CInt, _ bytes: UnsafeRawBufferPointer, at offset: Int, size: Int)
        -> CInt
    {
        lock.withLock {
            guard count() else { return csqlite_ioerr_write }
            guard let path = paths[mark] else { return SQLITE_OK }
            let growth = max(offset + bytes.count - size, 0)
            if growth > 0, capacity < .max {
                let folder = URL(filePath: path).deletingLastPathComponent().path
                guard Self.bytes(in: folder) + growth <= capacity else { return SQLITE_FULL }
            }
            files[path]?.changes.append(.write(Array(bytes), at: offset))
            return SQLITE_OK
        }
    }

    private func truncate(_ mark: CInt, _ size: Int) -> CInt {
        lock.withLock {
            guard count() else { return csqlite_ioerr_write }
            if let path = paths[mark] { files[path]?.changes.append(.truncate(size)) }
            return SQLITE_OK
        }
    }

    private func sync(_ mark: CInt) -> CInt {
        lock.withLock {
            guard count() else { return csqlite_ioerr_fsync }
            defer { syncs += 1 }
            if failingSync == syncs { return csqlite_ioerr_fsync }
            guard let path = paths[mark] else { return SQLITE_OK }
            files[path]?.durable = FileManager.default.contents(atPath: path).map(Array.init) ?? []
            files[path]?.changes = []
            return SQLITE_OK
        }
    }

    private func opened(_ path: String) -> CInt {
        lock.withLock {
            defer { nextMark += 1 }
            paths[nextMark] = path
            if files[path] == nil || files[path]?.isDeleted == true {
                let former = files[path]?.durable
                let contents = FileManager.default.contents(atPath: path).map(Array.init) ?? []
                // A file that was there before the disk was watched is durable.
                files[path] = File(durable: contents.isEmpty ? former : contents)
            }
            return nextMark
        }
    }

    private func deleted(_ path: String) -> CInt {
        lock.withLock {
            guard count() else { return csqlite_ioerr_write }
            files[path]?.isDeleted = true
            return SQLITE_OK
        }
    }

    // MARK: SQLite's side

    private typealias FilePointer = UnsafeMutablePointer<sqlite3_file>

    /// The usual system. SQLite never changes it.
    private nonisolated(unsafe) static let base = sqlite3_vfs_find(nil)!

    private static func disk(_ system: UnsafeMutablePointer<sqlite3_vfs>?) -> FaultyDisk {
        Unmanaged<FaultyDisk>.fromOpaque(system!.pointee.pAppData).takeUnretainedValue()
    }

    /// The disks of open files, by their marks and names. Marks are of a disk, so the name goes with them.
    private static let disks = NIOLockedValueBox<[UInt: FaultyDisk]>([:])

    private static func disk(of file: FilePointer?) -> FaultyDisk? {
        disks.withLockedValue { $0[UInt(bitPattern: file!)] }
    }

    private static func layered(_ file: FilePointer?) -> UnsafeMutablePointer<csqlite_layered_file>
    {
        UnsafeMutableRawPointer(file!).assumingMemoryBound(to: csqlite_layered_file.self)
    }

    private static func below(_ file: FilePointer?) -> FilePointer {
        (UnsafeMutableRawPointer(file!) + MemoryLayout<csqlite_layered_file>.stride)
            .assumingMemoryBound(to: sqlite3_file.self)
    }

    private static func open(
        _ system: UnsafeMutablePointer<sqlite3_vfs>?,
        _ name: UnsafePointer<CChar>?,
        _ file: FilePointer?,
        _ flags: CInt,
        _ outFlags: UnsafeMutablePointer<CInt>?
    ) -> CInt {
        let inner = below(file)
        file!.pointee.pMethods = nil
        let code = base.pointee.xOpen(base, name, inner, flags, outFlags)
        guard inner.pointee.pMethods != nil else { return code }
        file!.pointee.pMethods = methods
        let disk = disk(system)
        layered(file).pointee.mark = name.map { disk.opened(String(cString: $0)) } ?? 0
        disks.withLockedValue { $0[UInt(bitPattern: file!)] = disk }
        return code
    }

    private static func delete(
        _ system: UnsafeMutablePointer<sqlite3_vfs>?,
        _ name: UnsafePointer<CChar>?,
        _ syncs: CInt
    ) -> CInt {
        let code = disk(system).deleted(String(cString: name!))
        return code == SQLITE_OK ? base.pointee.xDelete(base, name, syncs) : code
    }

    private static func size(_ file: FilePointer) -> Int {
        var size: sqlite3_int64 = 0
        _ = file.pointee.pMethods.pointee.xFileSize(file, &size)
        return Int(size)
    }

    /// Made once, and never changed.
    private nonisolated(unsafe) static let methods: UnsafePointer<sqlite3_io_methods> = {
        var methods = sqlite3_io_methods()
        methods.iVersion = 2
        methods.xClose = { file in
            let inner = below(file)
            disks.withLockedValue { $0[UInt(bitPattern: file!)] = nil }
            return inner.pointee.pMethods.pointee.xClose(inner)
        }
        methods.xRead = { file, buffer, count, offset in
            let inner = below(file)
            return inner.pointee.pMethods.pointee.xRead(inner, buffer, count, offset)
        }
        methods.xWrite = { file, buffer, count, offset in
            let inner = below(file)
            let bytes = UnsafeRawBufferPointer(start: buffer, count: Int(count))
            let code =
                disk(of: file)?.write(
                    layered(file).pointee.mark,
                    bytes,
                    at: Int(offset),
                    size: size(inner)
                ) ?? SQLITE_OK
            guard code == SQLITE_OK else { return code }
            return inner.pointee.pMethods.pointee.xWrite(inner, buffer, count, offset)
        }
        methods.xTruncate = { file, size in
            let inner = below(file)
            let code = disk(of: file)?.truncate(layered(file).pointee.mark, Int(size)) ?? SQLITE_OK
            guard code == SQLITE_OK else { return code }
            return inner.pointee.pMethods.pointee.xTruncate(inner, size)
        }
        // The real sync would only make the test slow.
        methods.xSync = { file, _ in
            disk(of: file)?.sync(layered(file).pointee.mark) ?? SQLITE_OK
        }
        methods.xFileSize = {
            let file = below($0); return file.pointee.pMethods.pointee.xFileSize(file, $1)
        }
        methods.xLock = {
            let file = below($0); return file.pointee.pMethods.pointee.xLock(file, $1)
        }
        methods.xUnlock = {
            let file = below($0); return file.pointee.pMethods.pointee.xUnlock(file, $1)
        }
        methods.xCheckReservedLock = {
            let file = below($0)
            return file.pointee.pMethods.pointee.xCheckReservedLock(file, $1)
        }
        methods.xFileControl = {
            let file = below($0)
            return file.pointee.pMethods.pointee.xFileControl(file, $1, $2)
        }
        methods.xSectorSize = {
            let file = below($0); return file.pointee.pMethods.pointee.xSectorSize(file)
        }
        methods.xDeviceCharacteristics = {
            let file = below($0)
            return file.pointee.pMethods.pointee.xDeviceCharacteristics(file)
        }
        methods.xShmMap = {
            let file = below($0)
            return file.pointee.pMethods.pointee.xShmMap(file, $1, $2, $3, $4)
        }
        methods.xShmLock = {
            let file = below($0)
            return file.pointee.pMethods.pointee.xShmLock(file, $1, $2, $3)
        }
        methods.xShmBarrier = {
            let file = below($0); file.pointee.pMethods.pointee.xShmBarrier(file)
        }
        methods.xShmUnmap = {
            let file = below($0); return file.pointee.pMethods.pointee.xShmUnmap(file, $1)
        }
        let pointer = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
        pointer.initialize(to: methods)
        return UnsafePointer(pointer)
    }()
}
