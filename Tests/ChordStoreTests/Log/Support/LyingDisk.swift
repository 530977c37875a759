// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordStore

/// A disk that does to unsynced data what disks do: at a power loss they are lost, kept in part, or kept in
/// another order. It can be full, read-only or slow, and a sync can fail. The same seed does the same.
///
/// It survives its users: each start of a process makes new `LyingFiles` over it. One thread at a time uses it.
final class LyingDisk {
    /// The contents of a file: on the disk, and as its users see them.
    final class Node {
        var durable: [UInt8] = []
        var cached: [UInt8] = []
        var unsynced: [Change] = []
    }

    enum Change {
        case write(Int, [UInt8])
        case size(Int)
    }

    enum NameChange {
        case set(String, Node)
        case rename(String, String)
        case remove(String)
    }

    /// What a crash keeps of a list of changes.
    private enum Kept: UInt64, CaseIterable {
        case nothing, everything, beginning, anyPart
    }

    private var generator: SeededGenerator
    private(set) var names: [String: Node] = [:]
    private var durableNames: [String: Node] = [:]
    private var unsyncedNames: [NameChange] = []
    private(set) var isLocked = false
    /// Counts the starts of processes: files of an earlier one are of no use.
    private var process = 0

    /// Operations that change something, so far.
    private(set) var operations = 0
    /// The operation at which the process dies.
    var crashOperation: Int?
    private(set) var isCrashed = false
    /// The operation, a sync, that fails.
    var failingSync: Int?
    /// Bytes of all files; nil for no limit.
    var capacity: Int?
    var isReadOnly = false
    /// Whether room can be reserved before it is written. Some file systems cannot.
    var canAllocate = true
    /// Called before each sync of a file.
    var whenSyncing: (() -> Void)?
    /// How long each sync takes, and how long all took.
    var syncDuration = Duration.zero
    private(set) var elapsed = Duration.zero

    init(seed: UInt64) {
        generator = SeededGenerator(seed: seed)
    }

    private func chance() -> Bool { generator.below(2) == 0 }

    // MARK: Crashes

    /// The process dies, and the system lives: caches stay.
    func killProcess() {
        process += 1
        isLocked = false
        isCrashed = false
        crashOperation = nil
    }

    /// The power fails: what was not synced is lost, or not.
    func losePower() {
        killProcess()
        let kept = choose(unsyncedNames)
        for change in kept { Self.apply(change, to: &durableNames) }
        unsyncedNames = []
        names = durableNames
        for (_, node) in names.sorted(by: { $0.key < $1.key }) {
            for change in tear(node.unsynced) { Self.apply(change, to: &node.durable) }
            node.unsynced = []
            node.cached = node.durable
        }
    }

    private func choose<Element>(_ changes: [Element]) -> [Element] {
        switch Kept(rawValue: generator.below(UInt64(Kept.allCases.count))) ?? .nothing {
        case .nothing: []
        case .everything: changes
        case .beginning: Array(changes.prefix(Int(generator.below(UInt64(changes.count + 1)))))
        case .anyPart: changes.filter { _ in chance() }
        }
    }

    private func tear(_ changes: [Change]) -> [Change] {
        let kept = choose(changes)
        guard chance() else { return kept }
        // Of each write any sectors may have reached the disk.
        let sector = 512
        return kept.flatMap { change -> [Change] in
            guard case .write(let offset, let bytes) = change else { return [change] }
            var parts: [Change] = []
            var start = 0
            while start < bytes.count {
                let end = min(bytes.count, (offset + start) / sector * sector + sector - offset)
                if chance() { parts.append(.write(offset + start, Array(bytes[start..<end]))) }
                start = end
            }
            return parts
        }
    }

    private static func apply(_ change: Change, to bytes: inout [UInt8]) {
        switch change {
        case .write(let offset, let new):
            let missing = offset + new.count - bytes.count
            if missing > 0 { bytes += [UInt8](repeating: 0, count: missing) }
            bytes.replaceSubrange(offset..<offset + new.count, with: new)
        case .size(let size):
            if size < bytes.count {
                bytes.removeLast(bytes.count - size)
            } else {
                bytes += [UInt8](repeating: 0, count: size - bytes.count)
            }
        }
    }

    private static func apply(_ change: NameChange, to names: inout [String: Node]) {
        switch change {
        case .set(let name, let node): names[name] = node
        case .rename(let name, let newName):
            if let node = names.removeValue(forKey: name) { names[newName] = node }
        case .remove(let name): names[name] = nil
        }
    }

    // MARK: Operations

    func start() -> LyingFiles {
        LyingFiles(self, process: process)
    }

    func check(_ process: Int) throws(StoreError) {
        guard process == self.process, !isCrashed else {
            throw StoreError(.ioFailed, "the process is dead")
        }
    }

    /// Begins an operation that changes something.
    ///
    /// - Returns: whether the process dies after it.
    private func begin(_ process: Int) throws(StoreError) -> Bool {
        try check(process)
        guard !isReadOnly else { throw StoreError(.readOnly, "the disk is read-only") }
        operations += 1
        guard operations == crashOperation else { return false }
        isCrashed = true
        // Some processes die before the system has done anything.
        guard chance() else { throw StoreError(.ioFailed, "the process died") }
        return true
    }

    private func end(_ dies: Bool) throws(StoreError) {
        if dies { throw StoreError(.ioFailed, "the process died") }
    }

    func lock(_ process: Int) throws(StoreError) {
        try check(process)
        guard !isReadOnly else { throw StoreError(.readOnly, "the disk is read-only") }
        guard !isLocked else { throw StoreError(.inUse, "another process has the disk") }
        isLocked = true
    }

    func unlock(_ process: Int) {
        if process == self.process { isLocked = false }
    }

    func change(_ change: NameChange, _ process: Int) throws(StoreError) {
        let dies = try begin(process)
        Self.apply(change, to: &names)
        unsyncedNames.append(change)
        try end(dies)
    }

    func syncNames(_ process: Int) throws(StoreError) {
        let dies = try begin(process)
        for change in unsyncedNames { Self.apply(change, to: &durableNames) }
        unsyncedNames = []
        try end(dies)
    }

    var available: Int {
        guard let capacity else { return .max / 2 }
        return max(0, capacity - names.values.reduce(0) { $0 + $1.cached.count })
    }

    /// Changes a file as far as there is room.
    func change(_ node: Node, _ change: Change, _ process: Int) throws(StoreError) {
        let dies = try begin(process)
        var change = change
        var isFull = false
        let room = node.cached.count + available
        switch change {
        case .write(let offset, let bytes) where offset + bytes.count > room:
            isFull = true
            change = .write(offset, Array(bytes.prefix(max(0, room - offset))))
        case .size(let size) where size > room:
            isFull = true
            change = .size(room)
        default: break
        }
        Self.apply(change, to: &node.cached)
        node.unsynced.append(change)
        try end(dies)
        if isFull { throw StoreError(.diskFull, "the disk is full") }
    }

    func sync(_ node: Node, _ process: Int) throws(StoreError) {
        whenSyncing?()
        elapsed += syncDuration
        let dies = try begin(process)
        if operations == failingSync {
            // The system forgets that the data are not on the disk, and shows them nevertheless.
            node.unsynced = []
            throw StoreError(.ioFailed, "the sync failed")
        }
        for change in node.unsynced { Self.apply(change, to: &node.durable) }
        node.unsynced = []
        try end(dies)
    }

    // MARK: Damage

    /// Files by name, as their users see them.
    var contents: [String: [UInt8]] {
        get { names.mapValues(\.cached) }
        set {
            names = newValue.mapValues { bytes in
                let node = Node()
                node.durable = bytes
                node.cached = bytes
                return node
            }
            durableNames = names
            unsyncedNames = []
        }
    }
}

/// The files of a `LyingDisk`, for one process.
final class LyingFiles: LogFiles {
    private let disk: LyingDisk
    private let process: Int

    init(_ disk: LyingDisk, process: Int) {
        self.disk = disk
        self.process = process
    }

    func lock() throws(StoreError) { try disk.lock(process) }

    func list() throws(StoreError) -> [String] {
        try disk.check(process)
        return disk.names.keys.sorted()
    }

    func create(_ name: String) throws(StoreError) -> any LogFile {
        guard disk.names[name] == nil else {
            throw StoreError(.ioFailed, "there is a file \(name)")
        }
        let node = LyingDisk.Node()
        try disk.change(.set(name, node), process)
        return LyingFile(disk, node, process)
    }

    func open(_ name: String) throws(StoreError) -> any LogFile {
        try disk.check(process)
        guard let node = disk.names[name] else { throw StoreError(.ioFailed, "no file \(name)") }
        return LyingFile(disk, node, process)
    }

    func rename(_ name: String, to newName: String) throws(StoreError) {
        guard disk.names[name] != nil else { throw StoreError(.ioFailed, "no file \(name)") }
        try disk.change(.rename(name, newName), process)
    }

    func remove(_ name: String) throws(StoreError) {
        guard disk.names[name] != nil else { throw StoreError(.ioFailed, "no file \(name)") }
        try disk.change(.remove(name), process)
    }

    func syncDirectory() throws(StoreError) { try disk.syncNames(process) }

    func availableBytes() throws(StoreError) -> UInt64 {
        try disk.check(process)
        return UInt64(disk.available)
    }

    func close() { disk.unlock(process) }
}

/// An open file of a `LyingDisk`.
final class LyingFile: LogFile {
    private let disk: LyingDisk
    private let node: LyingDisk.Node
    private let process: Int

    init(_ disk: LyingDisk, _ node: LyingDisk.Node, _ process: Int) {
        self.disk = disk
        self.node = node
        self.process = process
    }

    func size() throws(StoreError) -> Int {
        try disk.check(process)
        return node.cached.count
    }

    func read(at offset: Int, count: Int) throws(StoreError) -> [UInt8] {
        try disk.check(process)
        return Array(node.cached.dropFirst(offset).prefix(count))
    }

    func write(_ bytes: [UInt8], at offset: Int) throws(StoreError) {
        try disk.change(node, .write(offset, bytes), process)
    }

    func allocate(_ size: Int) throws(StoreError) {
        guard disk.canAllocate, node.cached.count < size else { return }
        try disk.change(node, .size(size), process)
    }

    func truncate(to size: Int) throws(StoreError) {
        try disk.change(node, .size(size), process)
    }

    func sync() throws(StoreError) { try disk.sync(node, process) }

    func close() {}
}
