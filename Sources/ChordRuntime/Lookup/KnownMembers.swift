// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import NIOConcurrencyHelpers

/// The members that this node has heard of, for all its threads: a ``MemberCache`` under a lock.
final class KnownMembers: Sendable {
    private let cache: NIOLockedValueBox<MemberCache>

    init(_ limits: MemberCache.Limits) {
        cache = NIOLockedValueBox(MemberCache(limits))
    }

    /// Takes what a member has said of others. The caller has checked that they are where the ring's rule puts them.
    func learn(_ nodes: [NodeReference], from member: NodeReference? = nil, at now: MonotonicTime) {
        let now = now - MonotonicTime(nanoseconds: 0)
        cache.withLockedValue { cache in
            if let member { cache.learn(member, isVerified: true, at: now) }
            for node in nodes where node.id != member?.id { cache.learn(node, at: now) }
        }
    }

    /// Whether a member was heard of just before.
    func hasJustHeard(of id: Identifier, at now: MonotonicTime) -> Bool {
        cache.withLockedValue { $0.hasJustHeard(of: id, at: now - MonotonicTime(nanoseconds: 0)) }
    }

    /// Takes the owner and the members after it from an answer to a lookup: each owns what follows the one before.
    func learnOwners(from answer: LookupResult, at now: MonotonicTime) {
        let now = now - MonotonicTime(nanoseconds: 0)
        cache.withLockedValue { cache in
            // The answering node is the owner, or the member before the owner.
            var start = answer.answering.id == answer.owner.id ? nil : answer.answering.id
            for node in [answer.owner] + answer.successors {
                // A list out of the circle's order claims ranges that are others'.
                if let start, start != answer.answering.id,
                    !node.id.isBetween(start, and: answer.owner.id)
                {
                    return
                }
                cache.learn(node, after: start, at: now)
                start = node.id
            }
        }
    }

    /// The member that owned an identifier when an answer last told.
    func owner(of id: Identifier, at now: MonotonicTime) -> NodeReference? {
        cache.withLockedValue { $0.owner(of: id, at: now - MonotonicTime(nanoseconds: 0)) }
    }

    /// A member did not answer, or not as a member.
    func doubt(_ id: Identifier, at now: MonotonicTime) {
        cache.withLockedValue { $0.doubt(id, at: now - MonotonicTime(nanoseconds: 0)) }
    }

    /// The connection to an address broke.
    func doubt(address: String, at now: MonotonicTime) {
        cache.withLockedValue {
            $0.doubt(address: address, at: now - MonotonicTime(nanoseconds: 0))
        }
    }

    /// The member nearest before an identifier, or at it, and after a node.
    func preceding(
        _ id: Identifier,
        after node: Identifier,
        at now: MonotonicTime
    ) -> NodeReference? {
        cache.withLockedValue {
            $0.preceding(id, after: node, at: now - MonotonicTime(nanoseconds: 0))
        }
    }

    /// The number of members that are known, and the bytes that they take.
    var size: (count: Int, bytes: Int) { cache.withLockedValue { ($0.count, $0.bytes) } }
}
