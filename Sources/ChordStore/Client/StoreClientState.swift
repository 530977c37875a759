// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import ChordRuntime
import ChordWire

/// What a client of the store remembers between its operations. All is bounded.
struct StoreClientState: Sendable {
    /// Addresses that could not be reached, which are kept.
    private static let mostAvoided = 1024

    var ranges: RangeCache
    var writes: WriteBook
    var waiting = WriteWaiters()
    var hash: RingClient.KeyHash?
    /// The contact that answered last.
    private var preferred: String?
    private var avoidedUntil: [String: MonotonicTime] = [:]

    init(_ limits: StoreClientLimits) {
        ranges = RangeCache(capacity: limits.knownRanges)
        writes = WriteBook(capacity: limits.knownRanges, window: limits.unansweredWrites)
    }

    /// The contacts, beginning with the one that answered last.
    func order(_ contacts: [PeerTarget]) -> [PeerTarget] {
        guard let preferred else { return contacts }
        return contacts.filter { $0.address == preferred }
            + contacts.filter { $0.address != preferred }
    }

    /// The next step of an operation.
    mutating func next(_ route: inout StoreRoute, now: MonotonicTime) -> StoreRoute.Step {
        let avoided = avoidedUntil
        return route.next(ranges.use(at: route.position)) { address in
            avoided[address].map { $0 > now } ?? false
        }
    }

    /// A node has answered.
    mutating func reached(_ target: PeerTarget, among contacts: [PeerTarget]) {
        avoidedUntil[target.address] = nil
        if contacts.contains(where: { $0.address == target.address }) {
            preferred = target.address
        }
    }

    /// A node could not be reached.
    mutating func missed(
        _ question: StoreRoute.Question,
        at position: Identifier,
        until end: MonotonicTime,
        now: MonotonicTime
    ) {
        if avoidedUntil.count >= Self.mostAvoided {
            avoidedUntil = avoidedUntil.filter { $0.value > now }
        }
        if avoidedUntil.count < Self.mostAvoided { avoidedUntil[question.target.address] = end }
        if let leader = question.leader { ranges.doubtLeader(leader, at: position) }
        if preferred == question.target.address { preferred = nil }
    }

    /// The time of the range of a position; nil if it is not known, or not any more.
    func time(at position: Identifier, notBefore earliest: MonotonicTime) -> UInt64? {
        guard let range = ranges.range(at: position), let learned = range.timeLearnedAt,
            learned >= earliest
        else { return nil }
        return range.timeMilliseconds
    }
}

/// Writes that wait until others to the same range are answered, in the order in which they came.
struct WriteWaiters: Sendable {
    struct Waiter: Sendable {
        var number: UInt64
        var wake: @Sendable () -> Void
    }

    private var waiters: [WriteBook.Place: [Waiter]] = [:]
    private var next: UInt64 = 0

    /// - Returns: the waiter's number, for ``remove(_:at:)``.
    mutating func add(at place: WriteBook.Place, _ wake: @escaping @Sendable () -> Void) -> UInt64 {
        next += 1
        waiters[place, default: []].append(Waiter(number: next, wake: wake))
        return next
    }

    /// - Returns: whether the waiter was still waiting.
    mutating func remove(_ number: UInt64, at place: WriteBook.Place) -> Bool {
        guard let index = waiters[place]?.firstIndex(where: { $0.number == number }) else {
            return false
        }
        waiters[place]?.remove(at: index)
        if waiters[place]?.isEmpty == true { waiters[place] = nil }
        return true
    }

    /// Takes the first waiter out.
    mutating func popFirst(at place: WriteBook.Place) -> Waiter? {
        guard let first = waiters[place]?.first else { return nil }
        _ = remove(first.number, at: place)
        return first
    }
}
