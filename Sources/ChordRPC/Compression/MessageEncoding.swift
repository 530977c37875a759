// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A compression of messages: a value of `grpc-encoding` other than `identity`.
package enum MessageEncoding: Sendable, Hashable {
    case gzip

    /// The value of `grpc-accept-encoding`: what this program decodes, in order of preference.
    package static let offered: StaticString = "identity,gzip"

    /// Shorter messages are not compressed. They save few bytes, and a compressor needs 256 KiB of
    /// memory while it works.
    package static let leastBytes = 1 << 10

    /// The compressed message; nil if it is not shorter.
    package func compress(_ message: [UInt8]) -> [UInt8]? {
        guard message.count >= Self.leastBytes else { return nil }
        return Gzip.compress(message)
    }

    /// Decompresses a message.
    ///
    /// - Throws: RESOURCE_EXHAUSTED if it is longer than `limit`; INTERNAL if the bytes are
    ///   malformed.
    package func decompress(_ bytes: [UInt8], limit: Int) throws(Status) -> [UInt8] {
        try Gzip.decompress(bytes, limit: limit)
    }

    /// Decompresses a message and charges its size to a budget.
    ///
    /// - Throws: also RESOURCE_EXHAUSTED if the budget is used up; then nothing is decompressed.
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
