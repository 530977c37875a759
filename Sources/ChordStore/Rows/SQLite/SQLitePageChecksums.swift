// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

#if SQLite
internal import CSQLite
internal import NIOConcurrencyHelpers

/// A layer between SQLite and the file system that gives each page of a database file a checksum, and
/// checks it whenever the page is read. Without it a damaged page could hide rows: a row's own checksum only
/// tells about rows that are found.
///
/// The last 8 bytes of a page hold the CRC-32 of the rest and of the page's offset, and a marker. The
/// database must reserve these bytes. A page that fails is an error `SQLITE_IOERR_DATA`.
///
/// Pages in the write-ahead log have SQLite's own checksums, which it checks when it opens the log.
enum SQLitePageChecksums {
    /// Bytes at the end of each page that the database must reserve.
    static let reservedBytes: CInt = 8
    private static let marker: UInt32 = 0x6368_7231
    /// The names of the layers by those of the systems below them.
    private static let names = NIOLockedValueBox<[String: String]>([:])

    /// Registers the layer with SQLite, once.
    ///
    /// - Parameter system: the name of the layer below; nil for the usual one.
    /// - Returns: the name of this layer; nil if there is no such system or no memory.
    static func register(over system: String?) -> String? {
        names.withLockedValue { names in
            if let name = names[system ?? ""] { return name }
            guard let base = sqlite3_vfs_find(system) else { return nil }
            let name = "chord-checksums-" + String(cString: base.pointee.zName)
            guard sqlite3_vfs_register(makeSystem(name, over: base), 0) == SQLITE_OK else {
                return nil
            }
            names[system ?? ""] = name
            return name
        }
    }

    // MARK: Pages

    /// Whether a read or write is one of a page: pages have a power of two bytes, from 512 on.
    private static func isPage(_ count: CInt, at offset: sqlite3_int64) -> Bool {
        count >= 512 && count & (count - 1) == 0 && offset % sqlite3_int64(count) == 0
    }

    private static func checksum(_ page: UnsafeRawBufferPointer, at offset: sqlite3_int64) -> UInt32
    {
        let content = UnsafeRawBufferPointer(rebasing: page.dropLast(Int(reservedBytes)))
        let place = withUnsafeBytes(of: offset.bigEndian) {
            Checksum.crc32($0.bytes)
        }
        return Checksum.crc32(content.bytes, continuing: place)
    }

    private static func hasValidChecksum(
        _ page: UnsafeRawBufferPointer,
        at offset: sqlite3_int64
    ) -> Bool {
        let end = page.count - Int(reservedBytes)
        let stored = page.loadUnaligned(fromByteOffset: end, as: UInt32.self).bigEndian
        let marker = page.loadUnaligned(fromByteOffset: end + 4, as: UInt32.self).bigEndian
        if marker == self.marker { return stored == checksum(page, at: offset) }
        // A page inside a file that was never written, such as a free one, has zeros. As the page of a tree
        // SQLite itself refuses it.
        return page.allSatisfy { $0 == 0 }
    }

    private static func addChecksum(
        _ page: UnsafeMutableRawBufferPointer,
        at offset: sqlite3_int64
    ) {
        let end = page.count - Int(reservedBytes)
        let checksum = checksum(UnsafeRawBufferPointer(page), at: offset)
        page.storeBytes(of: checksum.bigEndian, toByteOffset: end, as: UInt32.self)
        page.storeBytes(of: marker.bigEndian, toByteOffset: end + 4, as: UInt32.self)
    }

    // MARK: Files

    private typealias File = UnsafeMutablePointer<sqlite3_file>

    /// The file of the layer below. It follows this layer's own part.
    private static func below(_ file: File?) -> File {
        (UnsafeMutableRawPointer(file!) + MemoryLayout<csqlite_layered_file>.stride)
            .assumingMemoryBound(to: sqlite3_file.self)
    }

    private static func isDatabase(_ file: File?) -> Bool {
        UnsafeRawPointer(file!).assumingMemoryBound(to: csqlite_layered_file.self)
            .pointee.mark != 0
    }

    private static func read(
        _ file: File?,
        _ buffer: UnsafeMutableRawPointer?,
        _ count: CInt,
        _ offset: sqlite3_int64
    ) -> CInt {
        let inner = below(file)
        let code = inner.pointee.pMethods.pointee.xRead(inner, buffer, count, offset)
        // After a short read the rest of the buffer has zeros: a page that was cut off fails too.
        guard code == SQLITE_OK || code == csqlite_ioerr_short_read, isDatabase(file),
            isPage(count, at: offset)
        else { return code }
        let page = UnsafeRawBufferPointer(start: buffer, count: Int(count))
        return hasValidChecksum(page, at: offset) ? code : csqlite_ioerr_data
    }

    private static func write(
        _ file: File?,
        _ buffer: UnsafeRawPointer?,
        _ count: CInt,
        _ offset: sqlite3_int64
    ) -> CInt {
        let inner = below(file)
        guard isDatabase(file), isPage(count, at: offset), let buffer else {
            return inner.pointee.pMethods.pointee.xWrite(inner, buffer, count, offset)
        }
        // The buffer is SQLite's.
        return withUnsafeTemporaryAllocation(byteCount: Int(count), alignment: 8) { page in
            page.copyMemory(from: UnsafeRawBufferPointer(start: buffer, count: Int(count)))
            addChecksum(page, at: offset)
            return inner.pointee.pMethods.pointee.xWrite(inner, page.baseAddress, count, offset)
        }
    }

    /// The methods of all files. Version 2: without those that map the file into memory, past the checks.
    ///
    /// Made once, and never changed.
    private nonisolated(unsafe) static let methods: UnsafePointer<sqlite3_io_methods> = {
        var methods = sqlite3_io_methods()
        methods.iVersion = 2
        methods.xClose = {
            let file = below($0); return file.pointee.pMethods.pointee.xClose(file)
        }
        methods.xRead = { read($0, $1, $2, $3) }
        methods.xWrite = { write($0, $1, $2, $3) }
        methods.xTruncate = {
            let file = below($0); return file.pointee.pMethods.pointee.xTruncate(file, $1)
        }
        methods.xSync = {
            let file = below($0); return file.pointee.pMethods.pointee.xSync(file, $1)
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

    // MARK: System

    private typealias System = UnsafeMutablePointer<sqlite3_vfs>

    private static func lower(_ system: System?) -> System {
        system!.pointee.pAppData.assumingMemoryBound(to: sqlite3_vfs.self)
    }

    private static func open(
        _ system: System?,
        _ name: UnsafePointer<CChar>?,
        _ file: File?,
        _ flags: CInt,
        _ outFlags: UnsafeMutablePointer<CInt>?
    ) -> CInt {
        let base = lower(system)
        let inner = below(file)
        file!.pointee.pMethods = nil
        let code = base.pointee.xOpen(base, name, inner, flags, outFlags)
        // SQLite closes a file that has methods, even if it could not be opened.
        if inner.pointee.pMethods != nil { file!.pointee.pMethods = methods }
        UnsafeMutableRawPointer(file!).assumingMemoryBound(to: csqlite_layered_file.self)
            .pointee.mark = flags & SQLITE_OPEN_MAIN_DB
        return code
    }

    /// SQLite keeps the structure as long as the process lives.
    private static func makeSystem(_ name: String, over base: System) -> System {
        var system = sqlite3_vfs()
        system.iVersion = min(base.pointee.iVersion, 2)
        system.szOsFile =
            CInt(MemoryLayout<csqlite_layered_file>.stride) + base.pointee.szOsFile
        system.mxPathname = base.pointee.mxPathname
        let text = UnsafeMutablePointer<CChar>.allocate(capacity: name.utf8.count + 1)
        for (place, byte) in (Array(name.utf8) + [0]).enumerated() {
            (text + place).initialize(to: CChar(bitPattern: byte))
        }
        system.zName = UnsafePointer(text)
        system.pAppData = UnsafeMutableRawPointer(base)
        system.xOpen = { SQLitePageChecksums.open($0, $1, $2, $3, $4) }
        system.xDelete = {
            let below = SQLitePageChecksums.lower($0); return below.pointee.xDelete(below, $1, $2)
        }
        system.xAccess = {
            let below = SQLitePageChecksums.lower($0);
            return below.pointee.xAccess(below, $1, $2, $3)
        }
        system.xFullPathname = {
            let below = SQLitePageChecksums.lower($0)
            return below.pointee.xFullPathname(below, $1, $2, $3)
        }
        system.xRandomness = {
            let below = SQLitePageChecksums.lower($0);
            return below.pointee.xRandomness(below, $1, $2)
        }
        system.xSleep = {
            let below = SQLitePageChecksums.lower($0); return below.pointee.xSleep(below, $1)
        }
        system.xCurrentTime = {
            let below = SQLitePageChecksums.lower($0); return below.pointee.xCurrentTime(below, $1)
        }
        system.xGetLastError = {
            let below = SQLitePageChecksums.lower($0)
            return below.pointee.xGetLastError(below, $1, $2)
        }
        system.xCurrentTimeInt64 = {
            let below = SQLitePageChecksums.lower($0)
            return below.pointee.xCurrentTimeInt64(below, $1)
        }
        let pointer = System.allocate(capacity: 1)
        pointer.initialize(to: system)
        return pointer
    }
}
#endif
