// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
internal import ChordCore

// What version 2 of the contract added to questions of members to their heads: claims on ranges.

extension Optional where Wrapped == UnsafeMutablePointer<Chord__V1__RangeClaim> {
    /// The caller's claim; nil if the field is absent.
    func claim(_ space: IdentifierSpace, _ path: FieldPath) throws(WireError) -> RangeClaim? {
        guard let message = self?.pointee else { return nil }
        return RangeClaim(
            id: try message.id.identifier(space, path.appending("id")),
            number: message.number,
            interval: try message.interval_ms.claimTime(path.appending("interval_ms")),
            hold: try message.hold_ms.claimTime(path.appending("hold_ms")),
            isForwarded: message.forwarded != 0
        )
    }
}

extension UInt32 {
    fileprivate func claimTime(_ path: FieldPath) throws(WireError) -> Duration {
        guard WireLimits.claimMilliseconds.contains(Int(self)) else {
            throw path.error(
                .outOfBounds,
                "\(self), at most \(WireLimits.claimMilliseconds.upperBound)"
            )
        }
        return .milliseconds(Int(self))
    }
}

extension EncodingArena {
    mutating func claim(
        _ claim: RangeClaim?,
        _ space: IdentifierSpace
    ) -> UnsafeMutablePointer<Chord__V1__RangeClaim>? {
        guard let claim else { return nil }
        let message = allocate(Chord__V1__RangeClaim.self, count: 1)
        chord__v1__range_claim__init(message)
        message.pointee.id = identifier(claim.id, space)
        message.pointee.number = claim.number
        message.pointee.interval_ms = Self.milliseconds(claim.interval)
        message.pointee.hold_ms = Self.milliseconds(claim.hold)
        message.pointee.forwarded = claim.isForwarded ? 1 : 0
        return message
    }

    /// Whole milliseconds, rounded up: a claim that is told too short would end too early.
    private static func milliseconds(_ time: Duration) -> UInt32 {
        let rounded = (time + .nanoseconds(999_999)) / .milliseconds(1)
        let limit = WireLimits.claimMilliseconds.upperBound
        return UInt32(min(max(0, rounded.rounded(.down)), Double(limit)))
    }
}
