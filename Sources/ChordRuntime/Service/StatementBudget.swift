// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordRPC
import NIOConcurrencyHelpers

/// Rate limits for statements of one peer that can change this node's place in the ring: Notify,
/// Leave, Found and Meet.
public struct StatementLimits: Hashable, Sendable {
    /// The number of statements that one peer may make at once. A node that joins a busy ring makes
    /// some dozens within a second. Further ones wait for the next interval.
    public var burst: UInt64 = 64
    /// The number of statements that one peer may make per stabilize interval, or per second if the
    /// interval is longer. A higher number tolerates peers with shorter intervals. A lower number
    /// limits the cost of a faulty peer, or of an attacker with a node certificate: each statement
    /// may change this node's range.
    public var perInterval: UInt64 = 16
    /// The number of peers whose statements are counted. The peer that has been quiet for the
    /// longest time is forgotten first.
    public var peers = 1024

    /// The defaults.
    public init() {}
}

/// Counts the statements of each peer.
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

    /// The reason why a statement of `peer` is refused; nil if it is allowed.
    func refusal(of peer: PeerIdentity, at now: MonotonicTime) -> Status? {
        // A host certificate proves no name, so its hosts identify the peer.
        let key = Peer(
            role: peer.role,
            name: peer.name,
            hosts: peer.name == nil ? peer.hosts : []
        )
        let isAllowed = entries.withLockedValue { entries in
            if entries[key] == nil, entries.count >= limits.peers {
                // The entry unused for the longest time has the fullest budget, so the least is
                // lost.
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
            "\(peer) sends too many statements about itself: more than \(limits.burst) at once and "
                + "\(perSecond) per second after that; try again in a second"
        )
    }
}
