// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordRPC
import NIOConcurrencyHelpers

/// How often one peer may say something about itself that can change this node's place in the ring: Notify,
/// Leave, Found and Meet.
public struct StatementLimits: Hashable, Sendable {
    /// Statements that one peer may make at once. A node that joins a busy ring makes some dozens within a
    /// second; more than that wait for the next interval.
    public var burst: UInt64 = 64
    /// Statements that one peer may make in each stabilize interval, or in each second where the interval is
    /// longer. More bear a peer with a shorter interval; fewer bound what a peer in turmoil, or an attacker
    /// with a node certificate, costs: each may move this node's range.
    public var perInterval: UInt64 = 16
    /// Peers whose statements are counted. A peer that has been quiet is forgotten first.
    public var peers = 1024

    /// The defaults.
    public init() {}
}

/// Counts what each peer has said.
final class StatementBudget: Sendable {
    private struct Peer: Hashable {
        var role: Role
        var name: String?
        var hosts: [String]
    }

    private struct Entry {
        var budget: RateBudget
        var lastUsed: MonotonicTime
    }

    private let limits: StatementLimits
    private let perSecond: UInt64
    private let entries = NIOLockedValueBox<[Peer: Entry]>([:])

    init(_ limits: StatementLimits, interval: Duration) {
        self.limits = limits
        let nanoseconds = UInt64(clamping: max(1, interval.clampedNanoseconds))
        let scaled = limits.perInterval.multipliedReportingOverflow(by: 1_000_000_000)
        perSecond = max(
            limits.perInterval,
            scaled.overflow ? .max : scaled.partialValue / nanoseconds
        )
    }

    /// Why a statement of `peer` is refused; nil where it may be made.
    func refusal(of peer: PeerIdentity, at now: MonotonicTime) -> Status? {
        // A certificate that proves hosts names nobody.
        let key = Peer(
            role: peer.role,
            name: peer.name,
            hosts: peer.name == nil ? peer.hosts : []
        )
        let isAllowed = entries.withLockedValue { entries in
            if entries[key] == nil, entries.count >= limits.peers {
                // The one that has been quiet for the longest time has the fullest budget.
                if let quiet = entries.min(by: { $0.value.lastUsed < $1.value.lastUsed }) {
                    entries[quiet.key] = nil
                }
            }
            var entry =
                entries[key]
                ?? Entry(
                    budget: RateBudget(burst: limits.burst, perSecond: perSecond, at: now),
                    lastUsed: now
                )
            entry.lastUsed = now
            let isAllowed = entry.budget.takeOne(at: now)
            entries[key] = entry
            return isAllowed
        }
        guard !isAllowed else { return nil }
        return Status(
            .resourceExhausted,
            "\(peer) says too much about itself: more than \(limits.burst) statements at once and "
                + "\(perSecond) a second after that; try again in a second"
        )
    }
}
