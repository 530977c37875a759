// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordWire

/// What a watcher was told so far, over several streams: puts the parts of streams together, drops what comes twice, and
/// knows where the next stream goes on.
package struct WatchReader: Sendable {
    private enum State {
        /// No stream has told anything.
        case nothing
        /// The state is being told.
        case state
        /// Everything was told up to a version.
        case complete(UInt64)
    }

    private var state: State
    private let names: @Sendable ([UInt8]) -> StoreKey

    /// - Parameters:
    ///   - version: the version after which to go on; nil to begin with the state.
    ///   - names: makes the key that the reader's caller knows from the name of a row.
    package init(after version: UInt64?, names: @escaping @Sendable ([UInt8]) -> StoreKey) {
        state = version.map { .complete($0) } ?? .nothing
        self.names = names
    }

    /// The version after which the next stream goes on; nil if it begins with the state. A state that was told in part
    /// is told anew.
    package var version: UInt64? {
        if case .complete(let version) = state { version } else { nil }
    }

    /// A stream has told something.
    ///
    /// - Throws: `invalidAnswer` if it makes no sense.
    package mutating func take(
        _ content: StoreWatchReply.Content
    ) throws(StoreClientError) -> [StoreWatchEvent] {
        var events: [StoreWatchEvent] = []
        if content.stateBegins {
            events.append(.stateBegins(afterGap: content.hasGap))
            state = .state
        }
        for change in content.changes {
            if case .complete(let version) = state {
                guard change.version > version else { continue }
                state = .complete(change.version)
            }
            events.append(.changed(event(change)))
        }
        switch state {
        case .nothing:
            throw StoreClientError(
                .invalidAnswer,
                "a stream begins with changes, and not with a state"
            )
        case .state:
            events += content.rows.map { row in
                .row(StoreRow(key: names(row.key), value: StoreValue(row.value)))
            }
            guard content.stateIsComplete else { break }
            state = .complete(content.version)
            events.append(.stateIsComplete(version: content.version))
        case .complete(let version):
            guard content.rows.isEmpty else {
                throw StoreClientError(
                    .invalidAnswer,
                    "a stream tells rows after its state was complete"
                )
            }
            state = .complete(max(version, content.version))
            if events.isEmpty { events.append(.progress(version: max(version, content.version))) }
        }
        return events
    }

    private func event(_ change: WireChange) -> StoreChange {
        StoreChange(
            version: change.version,
            keys: change.keys.map { key in
                let kind: StoreKeyChange.Kind =
                    switch key.kind {
                    case .put(let value, let timeToLive):
                        .put(StoreValue(value, version: change.version, timeToLive: timeToLive))
                    case .delete: .deleted
                    case .expire: .expired
                    }
                return StoreKeyChange(key: names(key.key), kind: kind)
            }
        )
    }
}
