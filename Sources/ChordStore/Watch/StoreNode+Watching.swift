// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordRPC

// Watching rows. The leader of a range serves it: it alone can show the present state. Each replica keeps the changes
// that it has applied last, so that a watcher goes on after its last version wherever the leadership goes.

extension StoreNode {
    /// Begins to watch rows at this node's replica, which must lead. ``end(_:)`` must follow.
    package func watch(_ target: WatchTarget) -> Result<RangeWatch, StoreRefusal> {
        if let failure { return .failure(.unavailable(failure)) }
        guard let replica = replica(at: target.position) else {
            return .failure(absence(of: target.position))
        }
        if isEndingWatches { return .failure(.unavailable(Self.stops)) }
        guard replica.isLeader else { return .failure(.elsewhere(hint(of: replica))) }
        let watch = RangeWatch(target, of: replica.range)
        watches.add(watch)
        scheduleWatchProgress()
        return .success(watch)
    }

    /// The next step of a watcher, who asks for one at a time.
    ///
    /// - Parameter completion: gets the step, or why the watcher must go on elsewhere.
    package func next(
        of watch: RangeWatch,
        _ completion: @escaping @Sendable (Result<WatchStep, StoreRefusal>) -> Void
    ) {
        if let ended = watch.ended { return completion(.failure(ended)) }
        watch.waiting = completion
        advance(watch)
    }

    /// The watcher has gone.
    package func end(_ watch: RangeWatch) {
        end(watch, .busy("the watcher has gone"))
    }

    /// The watcher waits no longer, and does not come back. Without effect if it has its step already.
    package func stopWaiting(_ watch: RangeWatch) {
        if watch.waiting != nil { end(watch) }
    }

    // MARK: - Steps

    private func advance(_ watch: RangeWatch) {
        guard watch.waiting != nil, !watch.isReading, watch.ended == nil else { return }
        guard failure == nil, let replica = replicas[watch.range], replica.isLeader else {
            return end(watch, failure.map { .unavailable($0) } ?? .notHere)
        }
        switch watch.cursor.phase {
        case .unconfirmed: confirm(watch, at: replica)
        case .state(let last): readState(for: watch, after: last)
        case .changes: lookAtChanges(for: watch, at: replica)
        }
    }

    /// Has a majority confirm that the replica leads: the state that follows contains every write that was answered
    /// before.
    private func confirm(_ watch: RangeWatch, at replica: Replica) {
        watch.isReading = true
        beginRead(of: replica) { [weak self] in
            self?.assumeIsolated { node in
                watch.isReading = false
                guard watch.ended == nil, let replica = node.replicas[watch.range] else { return }
                let known = watch.target.version.flatMap {
                    node.recentChanges.changes(of: watch.range, after: $0)
                }
                watch.cursor.confirmed(applied: replica.view.version, isKnown: known != nil)
                node.advance(watch)
            }
        } failed: { [weak self] refusal in
            watch.isReading = false
            self?.assumeIsolated { $0.end(watch, refusal) }
        }
    }

    private func readState(for watch: RangeWatch, after last: [UInt8]?) {
        watch.isReading = true
        let target = watch.target
        let position = space.bytes(of: target.position)
        let limit = RowLimit(
            rows: target.isSingleKey ? 1 : settings.watches.pageRows,
            bytes: settings.watches.stepBytes
        )
        perform(
            { state, rows throws(StoreError) in
                let interval = RowInterval(
                    slot: state.slot,
                    position: position,
                    partition: target.partition,
                    prefix: target.prefix,
                    from: last.map { $0 + [0] }
                )
                return try rows.scan(interval, limit: limit)
            },
            at: target.position,
            of: watch.range
        ) { [weak self] (result: Result<(RowPage, RangeView), StoreRefusal>) in
            self?.assumeIsolated { node in
                watch.isReading = false
                switch result {
                case .success(let (page, view)): node.take(page, at: view, for: watch)
                case .failure(let refusal): node.end(watch, refusal)
                }
            }
        }
    }

    private func take(_ page: RowPage, at view: RangeView, for watch: RangeWatch) {
        guard watch.ended == nil else { return }
        let changes = recentChanges.changes(of: watch.range, after: watch.cursor.version)
        let limit = settings.watches.stepBytes
        guard let step = watch.cursor.take(page, at: view, changes: changes, limit: limit) else {
            return advance(watch)
        }
        if step.hasGap { watchGaps &+= 1 }
        watch.tell(.success(step))
    }

    private func lookAtChanges(for watch: RangeWatch, at replica: Replica) {
        let outcome = watch.cursor.take(
            recentChanges.changes(of: watch.range, after: watch.cursor.version),
            through: replica.view.version,
            limit: settings.watches.stepBytes
        )
        switch outcome {
        case .tell(let step): watch.tell(.success(step))
        case .wait: break
        case .gap: advance(watch)
        case .goOn:
            // Others have their turn in between.
            watch.isReading = true
            executor.execute { [weak self] in
                watch.isReading = false
                self?.assumeIsolated { $0.advance(watch) }
            }
        }
    }

    // MARK: - What happens to a range

    /// Keeps what a replica has applied, and tells those who watch it. The replica has its new view.
    func publish(_ changes: [AppliedChanges], of replica: Replica) {
        let range = replica.range
        recentChanges.note(changes, through: replica.view.version, of: range)
        guard watches.has(range) else { return }
        endWatchesOutside(replica)
        guard let first = changes.first else { return }
        var partitions: Set<[UInt8]> = []
        for row in changes.lazy.flatMap(\.rows) where partitions.insert(row.partition).inserted {
            for watch in watches.of(range, row.partition) where watch.isIdle {
                // The watcher has looked at everything before these changes.
                watch.cursor.skip(to: first.version.predecessor ?? .zero)
                advance(watch)
            }
        }
    }

    /// A split has moved the rows of some watchers to the child. They go on there.
    private func endWatchesOutside(_ replica: Replica) {
        let bounds = replica.view.descriptor.bounds
        guard watches.of(replica.range).contains(where: { !bounds.contains($0.target.position) })
        else { return }
        for watch in watches.of(replica.range) where !bounds.contains(watch.target.position) {
            end(watch, .notHere)
        }
    }

    /// The replica does not lead any more, or has stopped.
    func endWatches(of range: RangeID, _ refusal: () -> StoreRefusal) {
        guard watches.has(range) else { return }
        for watch in watches.of(range) { end(watch, refusal()) }
    }

    /// The node stops: watchers go on elsewhere, and no new ones are taken.
    package func stopWatches() {
        isEndingWatches = true
        watchTimer?.cancel()
        for range in watches.ranges { endWatches(of: range) { .unavailable(Self.stops) } }
    }

    private static let stops = StoreError(.closed, "the node stops")

    private func end(_ watch: RangeWatch, _ refusal: StoreRefusal) {
        guard watch.ended == nil else { return }
        watches.remove(watch)
        watch.ended = refusal
        watch.tell(.failure(refusal))
    }

    // MARK: - Progress

    private func scheduleWatchProgress() {
        guard watchTimer == nil else { return }
        watchTimer = executor.schedule(after: settings.watches.progressInterval) { [weak self] in
            self?.assumeIsolated { node in
                node.watchTimer = nil
                node.tellProgress()
                if node.watches.count > 0, node.failure == nil { node.scheduleWatchProgress() }
            }
        }
    }

    /// Tells those to whom nothing happens how far nothing is missing.
    private func tellProgress() {
        for range in watches.ranges {
            guard let applied = replicas[range]?.view.version else { continue }
            for watch in watches.of(range) where watch.isIdle {
                watch.cursor.skip(to: applied)
                watch.tell(.success(WatchStep(version: watch.cursor.version)))
            }
        }
    }
}
