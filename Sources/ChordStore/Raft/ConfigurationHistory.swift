// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The configurations in the log of a replica [Ongaro 4.1]: the latest one in the log is in force,
/// committed or not, and falls with its entry.
struct ConfigurationHistory: Hashable, Sendable {
    private struct Item: Hashable, Sendable {
        var index: LogIndex
        var configuration: RaftConfiguration
    }

    /// Ordered by index. The first one is that of the log's base, or of the state at the start.
    private var items: [Item]

    init(base: RaftSnapshot) {
        items = [Item(index: base.index, configuration: base.configuration)]
    }

    /// The configuration in force.
    var current: RaftConfiguration { items[items.count - 1].configuration }
    /// The index of the entry that brought it.
    var currentIndex: LogIndex { items[items.count - 1].index }

    /// The configuration in force once the entry at `index` is the last one; nil where it is not known.
    func configuration(at index: LogIndex) -> RaftConfiguration? {
        items.last { $0.index <= index }?.configuration
    }

    /// Whether the replica votes in a configuration that may be the latest committed one, now that `commit` is
    /// known to be committed.
    func isVoter(_ replica: ReplicaNumber, sinceCommit commit: LogIndex) -> Bool {
        let first = items.lastIndex { $0.index <= commit } ?? 0
        return items[first...].contains { $0.configuration.isVoter(replica) }
    }

    mutating func append(_ configuration: RaftConfiguration, at index: LogIndex) {
        items.append(Item(index: index, configuration: configuration))
    }

    mutating func truncate(after index: LogIndex) {
        while items.count > 1, items[items.count - 1].index > index { items.removeLast() }
    }

    /// Forgets what only entries up to `index` need; the configuration in force there stays.
    mutating func compact(through index: LogIndex) {
        let base = items.lastIndex { $0.index <= index } ?? 0
        items.removeFirst(base)
    }
}
