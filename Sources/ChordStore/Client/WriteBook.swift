// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
package import ChordWire

/// The writes of a client that have no answer yet, and the identifiers of new ones.
///
/// A client counts its writes to each range apart, under a client identifier of their own. So a range that does not
/// answer does not make the other ranges keep answers: a range keeps those from the lowest unanswered number on.
package struct WriteBook: Sendable {
    /// Where a write is counted: a range, or nil for all ranges that the client does not know.
    package typealias Place = UInt128?

    /// A write that has begun.
    package struct Ticket: Hashable, Sendable {
        let place: Place
        package let client: UInt128
        package let number: UInt64
        package let lowestUnanswered: UInt64
    }

    private var series: [Place: WriteSeries] = [:]
    private let capacity: Int
    private let window: Int

    /// - Parameters:
    ///   - capacity: the most client identifiers that are kept without an unanswered write, 1 or more.
    ///   - window: how far the number of a write may be from the lowest unanswered one, 1 or more. A range keeps
    ///     at most ``RequestTable/Limits/unanswered`` answers of a client.
    package init(capacity: Int, window: Int) {
        self.capacity = max(1, capacity)
        self.window = max(1, min(window, RequestTable.Limits.unanswered))
    }

    /// Client identifiers in use or kept.
    package var count: Int { series.count }

    /// Whether another write to a range can begin now.
    package func hasRoom(_ place: Place) -> Bool {
        series[place]?.hasRoom(within: window) ?? true
    }

    /// Begins a write; nil if too many writes to the range have no answer yet.
    ///
    /// - Parameter generator: draws the client identifier of the first write to a range.
    package mutating func begin(
        _ place: Place,
        using generator: inout some RandomNumberGenerator
    ) -> Ticket? {
        if series[place] == nil {
            dropIdleOnes()
            series[place] = WriteSeries(client: UInt128.random(in: 0...(.max), using: &generator))
        }
        guard let number = series[place]?.begin(within: window), let open = series[place] else {
            return nil
        }
        return Ticket(
            place: place,
            client: open.client,
            number: number,
            lowestUnanswered: open.lowestUnanswered
        )
    }

    /// Ends a write: it was answered, or will not be sent again.
    package mutating func end(_ ticket: Ticket) {
        guard series[ticket.place]?.client == ticket.client else { return }
        series[ticket.place]?.end(ticket.number)
    }

    /// Forgets identifiers without unanswered writes. The next write to their ranges draws new ones.
    private mutating func dropIdleOnes() {
        guard series.count >= capacity else { return }
        series = series.filter { !$0.value.isIdle }
    }
}

/// The writes under one client identifier.
private struct WriteSeries: Sendable {
    let client: UInt128
    private var next: UInt64 = 1
    /// Ascending.
    private var unanswered: [UInt64] = []

    init(client: UInt128) {
        self.client = client
    }

    var isIdle: Bool { unanswered.isEmpty }
    var lowestUnanswered: UInt64 { unanswered.first ?? next }

    func hasRoom(within window: Int) -> Bool { next - lowestUnanswered < UInt64(window) }

    mutating func begin(within window: Int) -> UInt64? {
        guard hasRoom(within: window) else { return nil }
        defer { next += 1 }
        unanswered.append(next)
        return next
    }

    mutating func end(_ number: UInt64) {
        // Most writes are answered in their order.
        guard let index = unanswered.firstIndex(of: number) else { return }
        unanswered.remove(at: index)
    }
}

extension WriteBook.Ticket {
    /// The write's identifier.
    ///
    /// - Parameter preparedMilliseconds: the range's time as the client knows it.
    package func id(preparedAt preparedMilliseconds: UInt64) -> WireWriteID {
        WireWriteID(
            client: client,
            number: number,
            lowestUnanswered: lowestUnanswered,
            preparedMilliseconds: preparedMilliseconds
        )
    }
}
