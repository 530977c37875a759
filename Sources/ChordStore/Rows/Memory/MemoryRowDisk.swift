// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordBase

/// What of a memory engine survives the engine, for the simulator and tests: a disk with a crash, a full
/// disk and a failing one. An engine without such a disk keeps nothing.
///
/// `@unchecked Sendable`: confined to the executor of the engine's owner.
package final class MemoryRowDisk: @unchecked Sendable {
    package let store: StoreID
    package let disk: DiskID
    /// Whether `put` is refused, apart from the reserve.
    package var isFull = false {
        didSet { if isFull, !oldValue { reserveLeft = reserveBytes } }
    }
    /// What committed changes may use each time that the disk becomes full.
    package var reserveBytes = 0
    var reserveLeft = 0
    /// How long a commit takes. Works wait meanwhile.
    package var commitDelay = Duration.zero
    /// How long works and other requests wait before they run, those together that come meanwhile.
    package var workDelay = Duration.zero
    /// The error by which the next commit fails, once.
    package var nextCommitFailure: StoreError?

    /// Rows that cannot be read any more.
    private(set) var damaged: Set<RowKey> = []

    var committed = MemoryRowTables()
    /// What a commit under way makes durable.
    var unfinished: MemoryRowTables?
    /// The engine that has the disk, as the number of its opening.
    private(set) var holder: UInt64?
    private var openings: UInt64 = 0

    package init(store: StoreID, disk: DiskID) {
        self.store = store
        self.disk = disk
    }

    /// Takes the power from the engine that has the disk: it does nothing any more, and answers nothing.
    ///
    /// - Parameter keepsUnfinished: whether a commit that was under way is durable. A disk may do either.
    package func crash(keepsUnfinished: Bool) {
        if keepsUnfinished, let unfinished { committed = unfinished }
        unfinished = nil
        holder = nil
    }

    /// Durable rows.
    package var rowCount: Int { committed.rows.count }

    /// Damages a durable row, by its place in the order of all.
    package func damageRow(_ place: Int) {
        var left = place
        committed.rows.forEach(from: RowPlace.first.key(in: Slot(0))) { key, _ in
            if left == 0 { damaged.insert(key) }
            left -= 1
            return left >= 0
        }
    }

    /// A row is written anew, or deleted: its damage is gone.
    func heal(_ key: RowKey) {
        if !damaged.isEmpty { damaged.remove(key) }
    }

    /// Changes the value of a durable row so that no checksum tells, as an error of a program would. No engine has the
    /// disk.
    ///
    /// - Parameter place: the row's place in the order of all.
    package func alterRow(_ place: Int) {
        var left = place
        var found: (key: RowKey, row: Row)?
        committed.rows.forEach(from: RowPlace.first.key(in: Slot(0))) { key, row in
            if left == 0 { found = (key, row) }
            left -= 1
            return left >= 0
        }
        guard var found else { return }
        found.row.value.append(0xFF)
        _ = committed.set(found.row, at: found.key)
    }

    /// - Throws: `corrupted` if a row is damaged.
    func check(_ key: RowKey) throws(StoreError) {
        guard damaged.contains(key) else { return }
        throw StoreError(.corrupted, "a row of slot \(key.slot) is damaged")
    }

    /// What a disk holds durably.
    package struct Copy {
        fileprivate let tables: MemoryRowTables
    }

    package func copy() -> Copy { Copy(tables: committed) }

    /// Puts an old copy in the place of what is durable. No engine has the disk.
    package func restore(_ copy: Copy) {
        committed = copy.tables
    }

    /// - Returns: the number by which the engine is the holder; nil if another has the disk.
    func take() -> UInt64? {
        guard holder == nil else { return nil }
        openings += 1
        holder = openings
        return openings
    }

    func giveUp() {
        holder = nil
        unfinished = nil
    }
}
