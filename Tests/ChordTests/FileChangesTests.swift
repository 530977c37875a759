// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
import ChordTestSupport
import Foundation
import Testing

@testable import Chord

/// When a changed set of files is read.
@Suite(.tags(.unit)) final class FileChangesTests {
    private let folder = FileManager.default.temporaryDirectory
        .appending(path: "chord-files-\(UUID().uuidString)")
    private var now = MonotonicTime(nanoseconds: 0)

    init() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// A state of two files, the second of which is missing for an odd number.
    private func state(_ number: Int) throws -> FileChanges.Seen {
        let path = folder.appending(path: "file-\(number)").path
        try Data(count: number).write(to: URL(filePath: path))
        let identity = try #require(FileIdentity(of: path))
        return [identity, number % 2 == 0 ? identity : nil]
    }

    private func wait(_ duration: Duration) { now = now + duration }

    @Test("A change is read when two looks have seen the same")
    func settled() throws {
        let (first, second, third) = (try state(0), try state(1), try state(2))
        var changes = FileChanges(used: first)
        #expect(changes.look(first, at: now) == .none)
        #expect(changes.pause == FileChanges.interval)
        #expect(changes.look(second, at: now) == .none)
        #expect(changes.pause == FileChanges.settling)
        #expect(changes.look(third, at: now) == .none)
        #expect(changes.look(third, at: now) == .read(reports: false))
        changes.taken(third)
        #expect(changes.look(third, at: now) == .none)
        #expect(changes.pause == FileChanges.interval)
    }

    @Test("A set that does not fit together is reported at the second try, then tried each minute")
    func refused() throws {
        let (first, second) = (try state(0), try state(1))
        var changes = FileChanges(used: first)
        _ = changes.look(second, at: now)
        #expect(changes.look(second, at: now) == .read(reports: false))
        changes.refused(second, at: now, isReported: false)
        #expect(changes.look(second, at: now) == .none)
        wait(FileChanges.patience)
        #expect(changes.look(second, at: now) == .read(reports: true))
        changes.refused(second, at: now, isReported: true)
        #expect(changes.pause == FileChanges.interval)
        wait(FileChanges.patience)
        #expect(changes.look(second, at: now) == .none)
        wait(FileChanges.retry)
        #expect(changes.look(second, at: now) == .read(reports: false))
        changes.refused(second, at: now, isReported: true)
        #expect(changes.look(second, at: now) == .none)
    }

    @Test("A refused set that is completed is read at once, and one that is undone is forgotten")
    func completed() throws {
        let (first, second, third) = (try state(0), try state(1), try state(2))
        var changes = FileChanges(used: first)
        changes.refused(second, at: now, isReported: true)
        #expect(changes.look(third, at: now) == .none)
        #expect(changes.look(third, at: now) == .read(reports: false))
        changes.refused(third, at: now, isReported: false)
        #expect(changes.look(first, at: now) == .none)
        #expect(changes.areUsed(first))
        #expect(changes.pause == FileChanges.interval)
    }

    @Test("Each way to replace a file, and a change of its permissions, makes another identity")
    func identities() throws {
        let path = folder.appending(path: "watched").path
        let other = folder.appending(path: "other").path
        var seen: Set<FileIdentity?> = [FileIdentity(of: path)]
        func expectChange(_ what: String) {
            #expect(seen.insert(FileIdentity(of: path)).inserted, "\(what)")
        }
        try Data("one".utf8).write(to: URL(filePath: path))
        expectChange("created")
        let file = try FileHandle(forWritingTo: URL(filePath: path))
        try file.write(contentsOf: Data("longer".utf8))
        try file.close()
        expectChange("written in place")
        try Data("longer".utf8).write(to: URL(filePath: other))
        #expect(rename(other, path) == 0)
        expectChange("renamed")
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        expectChange("permissions")
        try FileManager.default.removeItem(atPath: path)
        #expect(FileIdentity(of: path) == nil)
        try Data("longer".utf8).write(to: URL(filePath: other))
        try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: other)
        expectChange("a link")
        try Data("longer".utf8).write(to: URL(filePath: other + "2"))
        try FileManager.default.createSymbolicLink(
            atPath: path + ".new",
            withDestinationPath: other + "2"
        )
        #expect(rename(path + ".new", path) == 0)
        expectChange("the link leads elsewhere")
    }
}
