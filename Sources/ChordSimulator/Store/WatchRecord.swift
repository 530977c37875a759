// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordStore

/// What one watcher was told of a key without a gap: the state at its beginning, and each change.
package struct WatchRecord: Hashable, Sendable {
    /// The row of the key; nil if it is absent.
    package struct Row: Hashable, Sendable {
        package var value: String
        package var version: UInt64

        package init(value: String, version: UInt64) {
            self.value = value
            self.version = version
        }
    }

    package struct Change: Hashable, Sendable {
        package var version: UInt64
        /// The value that was stored; nil if the key was deleted or has expired.
        package var value: String?
        package var isExpiry = false

        package init(version: UInt64, value: String?, isExpiry: Bool = false) {
            self.version = version
            self.value = value
            self.isExpiry = isExpiry
        }
    }

    package let key: Int
    package let watcher: String
    /// A gap before it was said.
    package let hasGap: Bool
    /// The version of the whole state; nil while it is being told.
    package private(set) var start: UInt64?
    package private(set) var initial: Row?
    package private(set) var changes: [Change] = []
    /// Nothing is missing up to this version.
    package var through: UInt64 = 0

    package init(key: Int, watcher: String, hasGap: Bool) {
        self.key = key
        self.watcher = watcher
        self.hasGap = hasGap
    }

    package mutating func row(_ value: StoreValue) {
        initial = Row(value: String(decoding: value.bytes, as: UTF8.self), version: value.version)
    }

    package mutating func complete(at version: UInt64) {
        start = version
        through = version
    }

    package mutating func add(_ change: StoreChange) {
        for key in change.keys {
            switch key.kind {
            case .put(let value):
                let text = String(decoding: value.bytes, as: UTF8.self)
                add(Change(version: change.version, value: text))
            case .deleted: add(Change(version: change.version, value: nil))
            case .expired: add(Change(version: change.version, value: nil, isExpiry: true))
            }
        }
    }

    package mutating func add(_ change: Change) {
        if start == nil {
            initial = change.value.map { Row(value: $0, version: change.version) }
        } else {
            changes.append(change)
            through = change.version
        }
    }

    /// The row just before a version.
    package func row(before version: UInt64) -> Row? {
        guard let last = changes.last(where: { $0.version < version }) else { return initial }
        return last.value.map { Row(value: $0, version: last.version) }
    }

    /// Whether the record knows everything at and just before a version.
    package func covers(_ version: UInt64) -> Bool {
        guard let start else { return false }
        return version > start && version <= through
    }
}
