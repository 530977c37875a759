// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordStore
import ChordTestSupport
import Foundation
import Testing

/// The directory of a log in the file system.
@Suite(.tags(.unit))
struct SystemLogFilesTests {
    private func withFolder(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.path + "/files-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    @Test func filesKeepWhatIsWritten() throws {
        try withFolder { folder in
            let files = try SystemLogFiles(directory: folder)
            let file = try files.create("a")
            try file.allocate(4_096)
            #expect(try file.size() == 4_096)
            try file.write([1, 2, 3], at: 4_095)
            try file.sync()
            #expect(try file.size() == 4_098)
            #expect(try file.read(at: 4_094, count: 100) == [0, 1, 2, 3])
            try file.truncate(to: 4_096)
            // Reserved room is never taken away.
            try file.allocate(10)
            #expect(try file.size() == 4_096)
            file.close()
            try files.rename("a", to: "b")
            try files.syncDirectory()
            #expect(try files.list().sorted() == [".", "..", "b"])
            #expect(try files.open("b").read(at: 4_095, count: 9) == [1])
            try files.remove("b")
            #expect(!FileManager.default.fileExists(atPath: folder + "/b"))
            #expect(try files.availableBytes() > 0)
        }
    }

    @Test func errorsNameOperationAndFile() throws {
        try withFolder { folder in
            let files = try SystemLogFiles(directory: folder)
            for (operation, word) in [
                ({ _ = try files.open("none") }, "open"), ({ try files.remove("none") }, "remove"),
                ({ try files.rename("none", to: "a") }, "rename"),
            ] as [(() throws -> Void, String)] {
                let error = #expect(throws: StoreError.self) { try operation() }
                #expect(error?.code == .ioFailed)
                #expect(error?.message.contains("cannot \(word) \(folder)/none") == true)
            }
            _ = try files.create("a")
            #expect(throws: StoreError.self) { try files.create("a") }
        }
        let error = #expect(throws: StoreError.self) {
            try SystemLogFiles(directory: "/nowhere/at/all")
        }
        #expect(error?.message.contains("/nowhere/at/all") == true)
    }

    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/dev/full")))
    func fullDiskHasItsCode() throws {
        try withFolder { folder in
            let files = try SystemLogFiles(directory: folder)
            try FileManager.default.createSymbolicLink(
                atPath: folder + "/full",
                withDestinationPath: "/dev/full"
            )
            let file = try files.open("full")
            let error = #expect(throws: StoreError.self) { try file.write([1], at: 0) }
            #expect(error?.code == .diskFull)
        }
    }

    @Test func oneOpenerHasTheDirectory() throws {
        try withFolder { folder in
            let first = try SystemLogFiles(directory: folder)
            try first.lock()
            let second = try SystemLogFiles(directory: folder)
            let error = #expect(throws: StoreError.self) { try second.lock() }
            #expect(error?.code == .inUse)
            #expect(error?.message.contains(folder) == true)
            first.close()
            try second.lock()
        }
    }

    @Test func checksumIsThatOfGzip() {
        // The check value of CRC-32 [Koopman, "CRC-32/ISO-HDLC"].
        let bytes = Array("123456789".utf8)
        #expect(Checksum.crc32(bytes) == 0xCBF4_3926)
        let first = Checksum.crc32(Array(bytes.prefix(4)))
        #expect(Checksum.crc32(Array(bytes.dropFirst(4)), continuing: first) == 0xCBF4_3926)
        #expect(Checksum.crc32([], continuing: 7) == 7)
    }
}
