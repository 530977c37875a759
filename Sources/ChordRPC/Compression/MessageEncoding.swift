// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// How a message's bytes may be written smaller: what `grpc-encoding` names, but for `identity`, which
/// is none.
package enum MessageEncoding: Sendable, Hashable {
    case gzip

    /// What this program reads, in the order it likes: the value of `grpc-accept-encoding`.
    package static let offered: StaticString = "identity,gzip"

    /// A shorter message is sent as it is: there is little to win, and a compressor costs a quarter of
    /// a mebibyte of memory while it works.
    package static let leastBytes = 1 << 10

    /// The message in fewer bytes; nil where it does not pay.
    package func compress(_ message: [UInt8]) -> [UInt8]? {
        guard message.count >= Self.leastBytes else { return nil }
        return Gzip.compress(message)
    }

    /// The message that `bytes` were made of.
    ///
    /// - Throws: RESOURCE_EXHAUSTED where it is longer than `limit`, INTERNAL where `bytes` are of no
    ///   message.
    package func decompress(_ bytes: [UInt8], limit: Int) throws(Status) -> [UInt8] {
        try Gzip.decompress(bytes, limit: limit)
    }

    /// The same on a budget: what zlib writes is taken from it.
    ///
    /// - Throws: besides, RESOURCE_EXHAUSTED where the budget is used up; nothing is inflated then.
    package func decompress(
        _ bytes: [UInt8],
        limit: Int,
        budget: InflationBudget?,
        at now: MonotonicTime
    ) throws(Status) -> [UInt8] {
        guard let budget else { return try decompress(bytes, limit: limit) }
        guard budget.allowsMore(at: now) else { throw budget.refusal }
        var inflated = 0
        defer { budget.take(inflated) }
        return try Gzip.decompress(bytes, limit: limit, counting: &inflated)
    }
}
