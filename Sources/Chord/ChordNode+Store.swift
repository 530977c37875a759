// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordRuntime
import ChordStore

extension StoreConfiguration {
    /// What the node brings to the store. The data directory is locked by now.
    ///
    /// - Throws: why the store's folder cannot be used.
    func setup(in dataDirectory: String?) throws(DataDirectoryFailure) -> StoreSetup {
        guard engine == .disk, let dataDirectory else { return withoutDisk() }
        let directory = StoreDirectory(in: dataDirectory)
        let (disk, record) = try directory.begin()
        let logSettings = settings.log
        var setup = StoreSetup(
            settings: settings,
            disk: disk,
            record: record,
            engines: { identity, isNew, host in
                let log = SegmentedLog(
                    settings: logSettings,
                    identity: identity,
                    isNew: isNew,
                    now: host.now,
                    deliver: host.deliver
                ) { () throws(StoreError) in
                    try SystemLogFiles(directory: directory.log)
                }
                let rows = Self.rows(in: directory, of: identity, isNew: isNew, host)
                return StoreEngines(log: log, rows: rows)
            },
            remember: { record throws(StoreError) in
                do throws(FileError) {
                    try directory.write(disk, record)
                } catch {
                    throw StoreError(
                        error.isFullDisk ? .diskFull : .ioFailed,
                        "the store's identity cannot be written: \(error.path): \(error.reason)"
                    )
                }
            },
            suspension: { SystemClocks.suspension() }
        )
        setup.freeBytes = { directory.freeBytes }
        return setup
    }

    /// The rows on the node's disk. A program without SQLite does not come here: ``check(dataDirectory:)``.
    private static func rows(
        in directory: StoreDirectory,
        of identity: LogIdentity,
        isNew: Bool,
        _ host: RowEngineHost
    ) -> any RowEngine {
        #if SQLite
        SQLiteRows(
            directory: directory.rows,
            store: identity.store,
            disk: identity.disk,
            isNew: isNew,
            host: host
        )
        #else
        preconditionFailure("a store on disk was not refused")
        #endif
    }

    private func withoutDisk() -> StoreSetup {
        var generator = SystemRandomNumberGenerator()
        let disk = DiskID(using: &generator)
        return StoreSetup(
            settings: settings,
            disk: disk,
            record: StoreRecord(starts: 1),
            engines: engine == .routing ? nil : Self.memory,
            remember: { _ in },
            suspension: { SystemClocks.suspension() }
        )
    }

    private static let memory: StoreSetup.MakeEngines = { identity, _, host in
        StoreEngines(
            log: MemoryLog(deliver: host.deliver),
            rows: MemoryRows(
                disk: MemoryRowDisk(store: identity.store, disk: identity.disk),
                host: host
            )
        )
    }
}
