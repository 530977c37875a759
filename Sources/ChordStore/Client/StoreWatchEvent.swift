// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// What somebody who watches rows is told.
public enum StoreWatchEvent: Hashable, Sendable {
    /// The present state begins: rows and changes that were told before are void.
    ///
    /// It comes first, unless the watch goes on after a version. It comes again where the state has to be told anew.
    /// - Parameter afterGap: changes are missing between what was told before and this state.
    case stateBegins(afterGap: Bool)
    /// A row of the state.
    case row(StoreRow)
    /// All of the state was told: it is that of a version, after which a later watch can go on.
    case stateIsComplete(version: UInt64)
    /// What one write has changed. Versions grow. A watch can go on after a change's version once the state is complete.
    case changed(StoreChange)
    /// Nothing has changed up to a version, after which a later watch can go on. It comes every two seconds if nothing
    /// else does.
    case progress(version: UInt64)
    /// The stream has ended, and is opened again at another node. Nothing is missed by that.
    /// - Parameter reason: for people.
    case interrupted(reason: String)
}

/// What one write has changed. The operations of a batch come together.
public struct StoreChange: Hashable, Sendable {
    /// The version of the write.
    public var version: UInt64
    /// 1 or more, each of another key.
    public var keys: [StoreKeyChange]

    /// Makes a change from its parts.
    public init(version: UInt64, keys: [StoreKeyChange]) {
        self.version = version
        self.keys = keys
    }
}

/// The change of one key. A touch changes neither value nor version and is not told.
public struct StoreKeyChange: Hashable, Sendable {
    /// What has happened to the key.
    public enum Kind: Hashable, Sendable {
        /// A value was stored. Its version is that of the change, and its time to live is that of the write.
        case put(StoreValue)
        /// The key was deleted.
        case deleted
        /// The key's time to live was over.
        case expired
    }

    /// The key. Its partition is set, unless a key without a partition is watched.
    public var key: StoreKey
    /// What has happened to it.
    public var kind: Kind

    /// Makes a change from its parts.
    public init(key: StoreKey, kind: Kind) {
        self.key = key
        self.kind = kind
    }
}
