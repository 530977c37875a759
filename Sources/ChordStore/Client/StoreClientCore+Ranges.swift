// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import ChordRuntime

extension StoreClientCore {
    /// More ranges than a ring can have.
    private static let mostRanges = 1 << 20

    /// Sends a request to each range, one after the other around the ring. Ranges only split, so the bounds of the
    /// answers make up the circle.
    ///
    /// - Parameters:
    ///   - timeout: the time for each range; nil stands for ``StoreClientLimits/deadline``.
    ///   - ask: makes the request for the range with a position.
    ///   - told: takes an answer, and returns the bounds of its range.
    func askAllRanges<Request: RoutedRequest>(
        _ timeout: Duration?,
        _ ask: (Identifier) -> Request,
        _ told: (Request.Reply.Content) throws(StoreClientError) -> IdentifierRange
    ) async throws(StoreClientError) {
        let space = try await keyHash().space
        var position = Identifier.zero
        var beginning: Identifier?
        for _ in 0..<Self.mostRanges {
            let aim = Aim(
                position: position,
                space: space,
                deadline: now + (timeout ?? limits.deadline)
            )
            let answered = try await answer(to: ask(position), aim)
            let bounds = try told(answered.content)
            guard bounds.contains(position) else {
                throw StoreClientError(
                    .invalidAnswer,
                    "\(answered.address) answers for a range that was not asked for"
                )
            }
            // The way around the ring ends where the first range began.
            let begun = beginning ?? bounds.lowerBound
            beginning = begun
            if bounds.upperBound == begun { return }
            position = space.adding(bounds.upperBound, Identifier(1))
        }
    }
}
