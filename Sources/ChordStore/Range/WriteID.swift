// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordBase

/// A client of the store: 128 random bits, drawn by each client at its start.
package struct ClientID: Hashable, Sendable, Comparable, CustomStringConvertible, BitwiseCopyable {
    package let bits: RandomBits

    package init(_ bits: RandomBits) {
        self.bits = bits
    }

    package static func < (left: Self, right: Self) -> Bool { left.bits < right.bits }

    /// 32 hexadecimal digits.
    package var description: String { bits.description }
}

/// Identifies a write, so that a repeated request is applied once [Ongaro 6.3].
package struct WriteID: Hashable, Sendable {
    package var client: ClientID
    /// The client counts its writes from 1. One that counts its writes to each range apart has an identifier for
    /// each range.
    package var number: UInt64
    /// The lowest number for which the client still waits. Answers to lower numbers can be forgotten.
    package var lowestUnanswered: UInt64
    /// The range's time when the client prepared the write for the first time. Repeated requests carry the
    /// same time.
    package var preparedAt: RangeTime

    package init(
        client: ClientID,
        number: UInt64,
        lowestUnanswered: UInt64,
        preparedAt: RangeTime
    ) {
        self.client = client
        self.number = number
        self.lowestUnanswered = lowestUnanswered
        self.preparedAt = preparedAt
    }
}
