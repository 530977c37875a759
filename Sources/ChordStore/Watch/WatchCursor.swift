// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
package import ChordCore

/// What somebody watches.
package struct WatchTarget: Hashable, Sendable {
    package var position: Identifier
    package var partition: [UInt8]
    /// What the keys begin with.
    package var prefix: [UInt8]
    /// Whether only the key that equals the prefix is watched.
    package var isSingleKey: Bool
    /// The version after which to go on; nil to begin with the present state.
    package var version: LogIndex?

    package init(
        position: Identifier,
        partition: [UInt8],
        prefix: [UInt8] = [],
        isSingleKey: Bool = false,
        after version: LogIndex? = nil
    ) {
        self.position = position
        self.partition = partition
        self.prefix = prefix
        self.isSingleKey = isSingleKey
        self.version = version
    }

    func contains(_ row: ChangedRow) -> Bool {
        guard row.partition == partition else { return false }
        return isSingleKey ? row.key == prefix : row.key.starts(with: prefix)
    }
}

/// A part of what a watcher is told. Its fields are meant in their order.
package struct WatchStep: Hashable, Sendable {
    /// The present state begins with this step: what was told before is void.
    package var stateBegins = false
    /// Changes are missing between what was told before and the state that begins.
    package var hasGap = false
    package var changes: [AppliedChanges] = []
    /// The next rows of the state.
    package var rows: [RowPage.Element] = []
    /// The range's time when the rows were read.
    package var time = RangeTime.zero
    /// All of the state was told.
    package var stateIsComplete = false
    /// Rows and changes together show this version, as far as the state was told.
    package var version: LogIndex
}

/// How far one watcher has been told, and what comes next.
///
/// The state is told in pages, each as of the version at which it was read. Before the next page come the changes up to
/// that page's version of the keys that were told already. So the keys up to the last one told are always those of one
/// version, writes go on meanwhile, and no version of the rows must be kept.
package struct WatchCursor: Hashable, Sendable {
    package enum Phase: Hashable, Sendable {
        /// The replica has not been confirmed as the leader's.
        case unconfirmed
        /// A page of the state is to be read, after a key; nil for the first page.
        case state(after: [UInt8]?)
        /// All of the state was told.
        case changes
    }

    package let target: WatchTarget
    package private(set) var phase = Phase.unconfirmed
    /// What was told shows this version.
    package private(set) var version: LogIndex
    /// The state that comes next is after a gap.
    private var hasGap = false
    private var hasSpoken = false

    package init(_ target: WatchTarget) {
        self.target = target
        version = target.version ?? .zero
    }

    /// The replica leads, and has applied everything that was committed when the watcher came.
    ///
    /// - Parameter isKnown: whether all changes after the watcher's version are known here.
    package mutating func confirmed(applied: LogIndex, isKnown: Bool) {
        guard let version = target.version else { return phase = .state(after: nil) }
        // A version that the range has not come to is from another store, or from a time before a recovery.
        if isKnown, version <= applied { phase = .changes } else { beginStateAfterGap() }
    }

    /// Changes that the watcher was not told are not known any more.
    private mutating func beginStateAfterGap() {
        hasGap = true
        phase = .state(after: nil)
    }

    /// A page of the state was read.
    ///
    /// - Parameters:
    ///   - applied: the version at which it was read.
    ///   - changes: the changes of the range since the cursor's version; nil if they are not known any more.
    ///   - limit: bytes of changes from which on the page must wait, and is to be read again.
    /// - Returns: what to tell; nil if the state must begin again.
    package mutating func take(
        _ page: RowPage,
        at view: RangeView,
        changes: ArraySlice<AppliedChanges>?,
        limit: Int
    ) -> WatchStep? {
        guard case .state(let last) = phase else { return nil }
        var step = WatchStep(version: view.version)
        if let last {
            guard let changes else {
                beginStateAfterGap()
                return nil
            }
            var bytes = 0
            for change in changes.prefix(while: { $0.version <= view.version }) {
                guard
                    let told = change.of({ row in
                        target.contains(row) && row.key.byteOrder(to: last) <= 0
                    })
                else { continue }
                step.changes.append(told)
                bytes += told.bytes
                guard bytes < limit else {
                    version = told.version
                    step.version = version
                    return step
                }
            }
        } else {
            step.stateBegins = true
            step.hasGap = hasGap
            hasGap = false
        }
        step.rows =
            target.isSingleKey ? page.rows.filter { $0.key.key == target.prefix } : page.rows
        step.time = view.time
        version = view.version
        hasSpoken = true
        if let next = page.rows.last?.key.key, page.next != nil, !target.isSingleKey {
            phase = .state(after: next)
        } else {
            phase = .changes
            step.stateIsComplete = true
        }
        return step
    }

    /// What comes of changes once the state was told.
    package enum Outcome: Hashable, Sendable {
        case tell(WatchStep)
        /// Nothing new; more changes are to be looked at.
        case goOn
        /// Nothing new, and all changes were looked at.
        case wait
        /// Changes are missing: the state comes again.
        case gap
    }

    /// Looks at the next changes.
    ///
    /// - Parameters:
    ///   - changes: those of the range after the cursor's version; nil if some are not known any more.
    ///   - applied: up to where the changes go.
    ///   - limit: bytes from which on a step ends.
    package mutating func take(
        _ changes: ArraySlice<AppliedChanges>?,
        through applied: LogIndex,
        limit: Int
    ) -> Outcome {
        guard let changes else {
            beginStateAfterGap()
            return .gap
        }
        var step = WatchStep(version: version)
        var bytes = 0
        for change in changes.prefix(Self.changesPerLook) {
            if bytes >= limit { break }
            version = change.version
            guard let wanted = change.of(target.contains) else { continue }
            step.changes.append(wanted)
            bytes += wanted.bytes
        }
        let isThrough = changes.last.map { $0.version <= version } ?? true
        if isThrough { version = max(version, applied) }
        step.version = version
        // The first step tells the watcher that somebody listens.
        guard step.changes.isEmpty, hasSpoken else {
            hasSpoken = true
            return .tell(step)
        }
        return isThrough ? .wait : .goOn
    }

    /// Changes that are looked at in one go, so that a watcher of rare changes does not hold up the node.
    private static let changesPerLook = 4096

    /// Everything up to a version was looked at: the watcher was waiting, and nothing of it changed.
    package mutating func skip(to version: LogIndex) {
        self.version = max(self.version, version)
    }
}
