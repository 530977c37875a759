// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordRPC
import Logging

// A replica deletes itself only when a leader that a majority has confirmed shows it a descriptor that lacks its
// number. Numbers are never used again, so a removed replica is not needed by any majority. Without an answer it keeps
// its data.

extension StoreNode {
    // MARK: - Suspicion

    /// Asks about a replica that may have been removed: it has not heard of a leader for long, or something else
    /// has made it doubt.
    func checkMembership(of replica: Replica) {
        guard !replica.isLeader else { return }
        let contact = max(replica.machine.leaderContact ?? .zero, replica.doubtsSince)
        // The leader's node says for a replica that rests that it still leads it.
        let isDoubtful =
            !replica.machine.isQuiet && now - contact >= settings.raft.electionTimeoutMaximum * 3
        guard replica.lacksItself || isDoubtful else { return }
        askAtOnce(about: replica)
    }

    /// Time between two inquiries about one replica.
    static let inquiryInterval: Duration = .seconds(2)

    /// Asks whether a replica was removed, unless it was asked a moment ago.
    func askAtOnce(about replica: Replica) {
        guard !replica.isAsking, now >= replica.nextInquiry else { return }
        replica.isAsking = true
        replica.nextInquiry = now + Self.inquiryInterval
        let range = replica.range
        ask(inquiry(.removal(of: replica.number), of: replica)) { node, step in
            guard let replica = node.replicas[range] else { return }
            replica.isAsking = false
            replica.doubtsSince = node.now
            guard case .removed(let lowest) = step else { return }
            node.delete(replica, lowestNumber: lowest)
        }
    }

    // MARK: - Asking

    func inquiry(_ purpose: RangeInquiry.Purpose, of replica: Replica) -> RangeInquiry {
        let descriptor = replica.view.descriptor
        return RangeInquiry(
            purpose,
            descriptor: descriptor,
            leader: replica.machine.leader,
            own: identity.member,
            wanted: wantedMembers(descriptor.bounds.upperBound) ?? []
        )
    }

    /// Asks one node after the other. The completion gets how it ended.
    func ask(
        _ inquiry: RangeInquiry,
        _ completion: @escaping @Sendable (isolated StoreNode, RangeInquiry.Step) -> Void
    ) {
        var inquiry = inquiry
        let step = inquiry.begin()
        goOn(inquiry, step, completion)
    }

    private func goOn(
        _ inquiry: RangeInquiry,
        _ step: RangeInquiry.Step,
        _ completion: @escaping @Sendable (isolated StoreNode, RangeInquiry.Step) -> Void
    ) {
        guard failure == nil else { return }
        guard case .ask(let member) = step else { return completion(self, step) }
        transport.describe(
            inquiry.range,
            isConfirmed: inquiry.needsConfirmation,
            to: member
        ) { [weak self] answer in
            self?.assumeIsolated { node in
                var inquiry = inquiry
                let step = inquiry.answered(answer)
                node.goOn(inquiry, step, completion)
            }
        }
    }

    /// Answers another node that asks about a range.
    ///
    /// - Parameter isConfirmed: a leader answers only after a majority has confirmed that it leads. Other
    ///   replicas answer with what they have applied.
    package func describe(
        _ range: RangeID,
        isConfirmed: Bool,
        _ completion: @escaping @Sendable (RangeDescription) -> Void
    ) {
        let lowest = tombstones[range]
        guard failure == nil, let replica = replicas[range], replica.view.hasData else {
            // The descriptor of a damaged replica is as good as that of one that lags behind. It may be the only one
            // that names both the sender of a message and its receiver.
            let hint = damaged[range].map {
                RangeHint(descriptor: $0.descriptor, leader: nil, term: .zero)
            }
            return completion(RangeDescription(hint: hint, lowestNumber: lowest))
        }
        let known = RangeDescription(hint: hint(of: replica), lowestNumber: lowest)
        guard isConfirmed, replica.isLeader else { return completion(known) }
        beginRead(of: replica) { [weak self] in
            self?.assumeIsolated { node in
                guard let replica = node.replicas[range] else { return completion(known) }
                completion(
                    RangeDescription(
                        hint: node.hint(of: replica),
                        isConfirmed: true,
                        lowestNumber: lowest
                    )
                )
            }
        } failed: { _ in
            completion(known)
        }
    }

    // MARK: - Deleting

    /// Deletes a replica: first its record in the rows, with a tombstone, then its log. A restart between the two
    /// goes on with the second.
    private func delete(_ replica: Replica, lowestNumber lowest: ReplicaNumber) {
        let range = replica.range
        replica.timer?.work.cancel()
        let hint = hint(of: replica)
        failAll(of: replica) { .elsewhere(hint) }
        forget(replica)
        delete(range, replica.state, lowestNumber: lowest)
    }

    func delete(
        _ range: RangeID,
        _ state: AppliedState,
        lowestNumber lowest: ReplicaNumber
    ) {
        logger.notice(
            "a removed replica deletes itself",
            metadata: [StoreLogKeys.range: "\(range)"]
        )
        beingRemoved.insert(range)
        tombstones[range] = max(tombstones[range] ?? lowest, lowest)
        persistence.removeAll { $0.range == range }
        rows.submit(
            { transaction throws(StoreError) in
                try state.bury(lowestNumber: lowest, in: &transaction)
            },
            { [weak self] result in
                guard case .failure(let error) = result else { return }
                self?.assumeIsolated { $0.fail(error) }
            }
        )
        rows.commit { [weak self] result in
            self?.assumeIsolated { node in
                guard node.failure == nil else { return }
                if case .failure(let error) = result { return node.fail(error) }
                node.removeLog(of: range, lowestNumber: lowest)
                node.clearDiscardedRows()
            }
        }
    }

    func removeLog(of range: RangeID, lowestNumber lowest: ReplicaNumber) {
        beingRemoved.insert(range)
        persistence.append((range, GroupUpdate(range, removal: lowest), nil))
        scheduleFlush()
    }

    /// Deletes rows that belong to no replica any more, some by each work.
    func clearDiscardedRows() {
        guard !isClearing, failure == nil else { return }
        isClearing = true
        rows.submit(
            { transaction throws(StoreError) in
                try DiscardedRows.clearSome(atMost: 256, in: &transaction)
            },
            { [weak self] result in
                self?.assumeIsolated { node in
                    node.isClearing = false
                    switch result {
                    case .success(true): node.clearDiscardedRows()
                    case .success(false): break
                    case .failure(let error) where error.code == .corrupted:
                        // Nobody reads these rows. They only take room.
                        node.logger.error("rows of a former replica cannot be deleted: \(error)")
                    case .failure(let error): node.fail(error)
                    }
                }
            }
        )
    }
}
