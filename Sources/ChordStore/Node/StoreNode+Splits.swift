// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore
import ChordRPC
import Logging

extension StoreNode {
    /// Where the ring's store members are: their identifiers inside an arc; nil while the ring is not sure.
    package func setMemberPositions(
        _ positions: @escaping @Sendable (IdentifierRange) -> [Identifier]?
    ) {
        memberPositions = positions
    }

    // MARK: - Deciding

    /// Splits a range that this node leads, where it should be.
    func considerSplit(of replica: Replica) {
        guard !replica.isSplitting, replica.machine.configuration == replica.view.configuration,
            !replica.view.configuration.isJoint
        else { return }
        let bounds = replica.view.descriptor.bounds
        let step = replica.splitPolicy.nextStep(
            bounds: bounds,
            size: replica.view.size,
            members: memberPositions(bounds),
            replicas: replicas.count,
            limits: settings.splits,
            now: now
        )
        switch step {
        case .none: return
        case .at(let position): beginSplit(of: replica, .position(space.bytes(of: position)))
        case .half: beginSplit(of: replica, .half)
        }
    }

    /// Splits the range that has a position, if this node leads it: for stores with many ranges and few rows.
    package func split(at position: Identifier) {
        guard failure == nil, let replica = replica(at: position), replica.isLeader,
            !replica.isSplitting, replica.view.descriptor.bounds.canSplit(at: position)
        else { return }
        replica.isSplitting = true
        let found = SplitSearch.Found(position: space.bytes(of: position), size: RangeSize())
        split(replica.range, found)
    }

    private func beginSplit(of replica: Replica, _ target: SplitSearch.Target) {
        replica.isSplitting = true
        let limits = settings.splits
        let state = replica.state
        let range = replica.range
        rows.submit(
            { transaction throws(StoreError) in
                try state.refresh(in: &transaction)
                return SplitSearch(target, in: state.state, limits: limits)
            },
            { [weak self] result in
                self?.assumeIsolated { node in
                    guard case .success(let search) = result else {
                        return node.endSplit(of: range)
                    }
                    node.goOn(search, of: range)
                }
            }
        )
    }

    /// Counts the next rows. Each work is short, so that writes do not wait for the whole count.
    private func goOn(_ search: SplitSearch, of range: RangeID) {
        guard failure == nil, let replica = replicas[range], replica.isLeader,
            let interval = search.next
        else { return endSplit(of: range) }
        rows.submit(
            { transaction throws(StoreError) in
                try transaction.scan(interval, limit: RowLimit(rows: 1024, bytes: 1 << 20))
            },
            { [weak self] result in
                self?.assumeIsolated { node in
                    let page: RowPage
                    switch result {
                    case .success(let found): page = found
                    case .failure(let error):
                        node.endSplit(of: range)
                        return node.failed(error, of: range)
                    }
                    var search = search
                    if let found = search.take(page) {
                        node.split(range, found)
                    } else if search.next != nil {
                        node.goOn(search, of: range)
                    } else {
                        node.replicas[range]?.splitPolicy.couldNotHalve(now: node.now)
                        node.endSplit(of: range)
                    }
                }
            }
        )
    }

    private func endSplit(of range: RangeID) {
        replicas[range]?.isSplitting = false
    }

    private func split(_ range: RangeID, _ found: SplitSearch.Found) {
        guard failure == nil, let replica = replicas[range], replica.isLeader,
            let position = try? space.identifier(bigEndian: found.position)
        else { return endSplit(of: range) }
        let split = RangeSplit(
            child: RangeID(high: executor.random(), low: executor.random()),
            position: position,
            epoch: replica.view.descriptor.epoch,
            replicas: replica.view.configuration.members,
            size: found.size
        )
        logger.info(
            "splitting a range",
            metadata: [
                StoreLogKeys.range: "\(range)", StoreLogKeys.child: "\(split.child)",
            ]
        )
        propose(.split(split), at: replica) { [weak self] _ in
            self?.assumeIsolated { $0.endSplit(of: range) }
        }
    }

    // MARK: - Carrying out

    /// A split was applied here. The child takes part once the rows are durable: else its log could be ahead of
    /// them after a crash.
    ///
    /// - Parameter isLed: whether the parent's leader is here.
    func bear(_ child: StoredReplica, of parent: RangeID, isLed: Bool) {
        let descriptor = child.state.descriptor
        let range = descriptor.id
        unborn[range] = descriptor
        rows.commit { [weak self] result in
            self?.assumeIsolated { node in
                node.unborn[range] = nil
                guard node.failure == nil else { return }
                // It may have been deleted meanwhile.
                if let lowest = node.tombstones[range], child.number < lowest { return }
                do throws(StoreError) {
                    if case .failure(let error) = result { throw error }
                    try node.begin(child, of: parent)
                } catch {
                    return node.fail(error)
                }
                // The parent's leader goes first, so that the child does not wait for an election timeout.
                guard isLed, let replica = node.replicas[range] else { return }
                node.drive(replica) { $0.campaignAtOnce() }
            }
        }
    }

    private func begin(_ child: StoredReplica, of parent: RangeID) throws(StoreError) {
        let range = child.state.descriptor.id
        defer { recentChanges.split(parent, into: range, within: child.state.bounds) }
        guard let replica = replicas[range] else {
            return try start(child, nil, isNew: true)
        }
        let birth = child.state.position
        replica.become(child)
        noteBounds(of: replica)
        recentChanges.begin(range, after: child.state.version)
        drive(replica) { $0.born(as: birth) }
    }
}
