// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord

/// The settings of a fleet of processes: one partition of the store, which every process watches.
///
/// Settings that belong together are written by one batch, and every process applies them together. A process that was
/// away gets what it missed, or the whole state where that is too much; `apply` need not know which.
actor FleetSettings {
    /// All settings, as of one version.
    struct Snapshot: Hashable, Sendable {
        var values: [String: String]
        /// Grows with each change.
        var version: UInt64
    }

    private let store: StoreClient
    private let partition: [UInt8]
    private let apply: @Sendable (Snapshot) async -> Void

    /// - Parameters:
    ///   - fleet: names the partition.
    ///   - apply: gets the settings when they are known first, and after each change.
    init(
        _ store: StoreClient,
        fleet: String,
        apply: @escaping @Sendable (Snapshot) async -> Void
    ) {
        self.store = store
        partition = Array(fleet.utf8)
        self.apply = apply
    }

    /// Follows the settings until the task is cancelled.
    ///
    /// - Throws: `StoreClientError` if the watch cannot go on.
    func run() async throws(StoreClientError) {
        var values: [String: String] = [:]
        var isComplete = false
        for try await event in store.watch(partition: partition) {
            switch event {
            case .stateBegins:
                // The former settings stay applied until all of the new ones are known.
                (values, isComplete) = ([:], false)
            case .row(let row): values[Self.name(row.key)] = row.value.text
            case .stateIsComplete(let version):
                isComplete = true
                await apply(Snapshot(values: values, version: version))
            case .changed(let change):
                for key in change.keys {
                    if case .put(let value) = key.kind {
                        values[Self.name(key.key)] = value.text
                    } else {
                        values[Self.name(key.key)] = nil
                    }
                }
                // A change of a state that is not known in full is part of it.
                if isComplete { await apply(Snapshot(values: values, version: change.version)) }
            case .progress, .interrupted: break
            }
        }
    }

    /// Changes settings together. A value of nil deletes one.
    func set(_ changes: [String: String?]) async throws(StoreClientError) {
        let operations = changes.sorted { $0.key < $1.key }.map { name, value in
            value.map { StoreOperation.put(Array(name.utf8), Array($0.utf8)) }
                ?? .delete(Array(name.utf8))
        }
        try await store.batch(operations, in: partition)
    }

    private static func name(_ key: StoreKey) -> String {
        String(decoding: key.name, as: UTF8.self)
    }
}
