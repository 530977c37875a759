// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordTestSupport
import Dispatch
import Foundation
import NIOConcurrencyHelpers

@testable import ChordStore

/// The engines that the conformance tests run over.
enum EngineKind: CaseIterable, Sendable {
    case memory, sqlite
}

/// A folder that goes away with the test.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appending(
            path: "chord-rows-\(UUID().uuidString)"
        )
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }
}

/// An engine with an executor of its own, which the test drives.
///
/// `@unchecked Sendable`: the engine is used on the queue only, the rest is guarded by locks.
final class RowEngineDriver: @unchecked Sendable {
    static let store = StoreID(high: 1, low: 2)
    static let disk = DiskID(high: 3, low: 4)

    private struct State {
        var events: [RowEngineEvent] = []
        var timers: [@Sendable () -> Void] = []
        var waiting: [(matches: @Sendable ([RowEngineEvent]) -> Bool, done: @Sendable () -> Void)] =
            []
    }

    let kind: EngineKind
    private let queue = DispatchQueue(label: "rows")
    private let state = NIOLockedValueBox(State())
    private(set) var memoryDisk: MemoryRowDisk
    private(set) var folder: TemporaryFolder
    private var engine: (any RowEngine)?
    private let settings: SQLiteRowSettings
    private var system: String?

    init(
        _ kind: EngineKind,
        settings: SQLiteRowSettings = RowEngineDriver.smallSettings,
        system: String? = nil
    ) throws {
        self.kind = kind
        self.settings = settings
        self.system = system
        memoryDisk = MemoryRowDisk(store: Self.store, disk: Self.disk)
        folder = try TemporaryFolder()
    }

    /// Commits only by timers, which the tests fire, or on request.
    static var smallSettings: SQLiteRowSettings {
        var settings = SQLiteRowSettings()
        settings.cacheBytes = 1 << 20
        settings.reserveBytes = 64 << 10
        return settings
    }

    var directory: String { folder.path + "/rows" }

    // MARK: Life

    /// Makes and opens an engine.
    static func opened(
        _ kind: EngineKind,
        settings: SQLiteRowSettings = RowEngineDriver.smallSettings,
        system: String? = nil
    ) async throws -> RowEngineDriver {
        let driver = try RowEngineDriver(kind, settings: settings, system: system)
        try await driver.open()
        return driver
    }

    func makeEngine(
        store: StoreID = RowEngineDriver.store,
        disk: DiskID = RowEngineDriver.disk,
        isNew: Bool = true
    ) {
        let host = RowEngineHost(
            deliver: { [queue] work in queue.async(execute: work) },
            schedule: { [state] _, work in state.withLockedValue { $0.timers.append(work) } },
            now: { .zero },
            report: { [state] event in
                let done = state.withLockedValue { state in
                    state.events.append(event)
                    let events = state.events
                    let done = state.waiting.filter { $0.matches(events) }.map(\.done)
                    state.waiting.removeAll { $0.matches(events) }
                    return done
                }
                for done in done { done() }
            }
        )
        engine =
            switch kind {
            case .memory: MemoryRows(disk: memoryDisk, policy: settings.commit, host: host)
            case .sqlite:
                SQLiteRows(
                    directory: directory,
                    settings: settings,
                    store: store,
                    disk: disk,
                    isNew: isNew,
                    host: host,
                    system: system
                )
            }
    }

    func open(
        store: StoreID = RowEngineDriver.store,
        disk: DiskID = RowEngineDriver.disk,
        isNew: Bool = true
    ) async throws(StoreError) {
        makeEngine(store: store, disk: disk, isNew: isNew)
        try await call { engine, completion in engine.open(completion) }.get()
    }

    func close() async throws(StoreError) {
        try await call { engine, completion in engine.close(completion) }.get()
        engine = nil
    }

    /// Takes the power away, and opens the engine again on what the disk has. What was not synced is gone.
    func crash() async throws {
        switch kind {
        case .memory:
            await onQueue { self.memoryDisk.crash(keepsUnfinished: false) }
        case .sqlite:
            // The files as they are: changes that were not committed are in memory.
            let copy = try TemporaryFolder()
            try FileManager.default.copyItem(atPath: directory, toPath: copy.path + "/rows")
            try await close()
            folder = copy
        }
        state.withLockedValue { $0 = State() }
        try await open(isNew: false)
    }

    /// Uses another folder from the next opening on.
    func move(to folder: TemporaryFolder, system: String? = nil) {
        self.folder = folder
        self.system = system
        state.withLockedValue { $0 = State() }
    }

    // MARK: Calls

    /// Runs code on the engine's executor.
    func onQueue<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value {
        await handedOver { handOver in queue.async { handOver(work()) } }
    }

    private func call<Value: Sendable>(
        _ start:
            @escaping @Sendable (
                any RowEngine, @escaping @Sendable (Result<Value, StoreError>) -> Void
            ) -> Void
    ) async -> Result<Value, StoreError> {
        await handedOver { handOver in
            queue.async {
                guard let engine = self.engine else { preconditionFailure("no engine was made") }
                start(engine, handOver)
            }
        }
    }

    /// Submits a work and waits for it.
    @discardableResult
    func run<Value: Sendable>(
        _ work:
            @escaping @Sendable (inout any RowEngineTransaction) throws(StoreError) -> Value
    ) async throws(StoreError) -> Value {
        try await call { engine, completion in engine.submit(work, completion) }.get()
    }

    func commit() async throws(StoreError) {
        try await call { engine, completion in engine.commit(completion) }.get()
    }

    /// A snapshot of all records of a slot and its rows within bounds.
    func snapshot(
        of slot: Slot,
        within bounds: RowBounds = .all
    ) async throws(StoreError) -> any RowSnapshot {
        try await call { engine, completion in
            engine.snapshot(
                { reader throws(StoreError) in
                    var selection = RowSelection(records: [], slot: slot, bounds: bounds)
                    for name in try reader.metadataNames(in: .slot(slot)) {
                        guard let value = try reader.metadata(name) else { continue }
                        selection.records.append((name.name, value))
                    }
                    return selection
                },
                completion
            )
        }.get()
    }

    /// All bytes of a snapshot, in parts of some size.
    func bytes(of snapshot: any RowSnapshot, part: Int = 1 << 20) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < snapshot.byteCount {
            let offset = bytes.count
            bytes += try await call { _, completion in
                snapshot.read(at: offset, atMost: part, completion)
            }.get()
        }
        return bytes
    }

    /// Runs code with the engine, on its executor.
    func withEngine<Value: Sendable>(
        _ work: @escaping @Sendable (any RowEngine) -> Value
    ) async -> Value {
        await onQueue {
            guard let engine = self.engine else { preconditionFailure("no engine was made") }
            return work(engine)
        }
    }

    // MARK: Events and timers

    var events: [RowEngineEvent] { state.withLockedValue { $0.events } }

    /// The last work that is durable.
    var durable: RowSequence {
        events.reduce(.zero) { last, event in
            if case .durable(let through) = event { max(last, through) } else { last }
        }
    }

    /// Waits until the events so far satisfy a condition.
    func events(
        _ matches: @escaping @Sendable ([RowEngineEvent]) -> Bool
    ) async {
        let _: Bool = await handedOver { handOver in
            let isThere = state.withLockedValue { state in
                if matches(state.events) { return true }
                state.waiting.append((matches, { handOver(true) }))
                return false
            }
            if isThere { handOver(true) }
        }
    }

    func durable(through sequence: RowSequence) async {
        await events { events in
            events.contains {
                if case .durable(let through) = $0 { through >= sequence } else { false }
            }
        }
    }

    /// Works that were submitted and have not run.
    var worksWaiting: Int {
        get async { await onQueue { self.engine?.statistics.worksWaiting ?? 0 } }
    }

    /// Fires all timers that were started, as if their time had come.
    func fireTimers() async {
        let timers = state.withLockedValue { state in
            defer { state.timers = [] }
            return state.timers
        }
        await onQueue { for timer in timers { timer() } }
    }

    /// Waits until all that was submitted so far has run, timers that it starts included.
    func settle() async throws(StoreError) {
        // The second work runs after what follows the first one.
        try await run { _ throws(StoreError) in }
        try await run { _ throws(StoreError) in }
    }
}

extension RowKey {
    /// A key with short texts for its parts.
    init(_ slot: UInt64, _ position: [UInt8], _ partition: String, _ key: String) {
        self.init(
            slot: Slot(slot),
            position: position,
            partition: Array(partition.utf8),
            key: Array(key.utf8)
        )
    }

    /// A key of slot 1.
    static func test(_ number: Int) -> RowKey {
        RowKey(1, [UInt8(number % 251), UInt8(number / 251 % 251)], "p\(number % 7)", "k\(number)")
    }
}

extension Row {
    init(_ value: String, _ version: UInt64, expiry: UInt64? = nil) {
        self.init(
            value: Array(value.utf8),
            version: LogIndex(version),
            expiry: expiry.map { RangeTime(milliseconds: $0) }
        )
    }
}
