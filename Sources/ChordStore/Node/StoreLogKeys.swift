// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The keys of the store's structured log lines. Values never stand under any of them.
package enum StoreLogKeys {
    package static let range = "chord.store.range"
    package static let positions = "chord.store.positions"
    package static let child = "chord.store.child"
    package static let role = "chord.store.role"
    package static let term = "chord.store.term"
    package static let store = "chord.store.id"
    package static let peer = "chord.peer"
    package static let disk = "chord.store.disk"
    package static let step = "chord.store.step"
}
