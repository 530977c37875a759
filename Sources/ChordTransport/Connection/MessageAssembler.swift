// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC

/// Assembles the one message of a unary call from DATA frames: frames and messages do not align.
struct MessageAssembler {
    /// The prefix and the bytes of the message that have arrived.
    private var bytes: [UInt8] = []
    /// The length with the prefix; nil until the prefix has arrived.
    private var expected: Int?
    /// How the message is compressed.
    private(set) var compression: MessageEncoding?

    var isEmpty: Bool { bytes.isEmpty }

    /// Bytes that have arrived.
    var count: Int { bytes.count }

    /// Bytes of memory held.
    var capacity: Int { bytes.capacity }

    /// Adds bytes of the stream.
    ///
    /// - Throws: INTERNAL if the prefix is wrong or more than one message comes,
    ///   RESOURCE_EXHAUSTED if the message is over `limit`.
    mutating func append(
        _ more: UnsafeRawBufferPointer,
        limit: Int,
        encoding: MessageEncoding? = nil
    ) throws(Status) {
        var rest = more
        if expected == nil {
            let missing = MessageFraming.prefixBytes - bytes.count
            bytes.append(contentsOf: rest.prefix(missing))
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(missing))
            try readPrefix(limit: limit, encoding)
        }
        guard let expected else { return }
        guard bytes.count + rest.count <= expected else { throw Self.secondMessage }
        bytes.append(contentsOf: rest)
    }

    private mutating func readPrefix(
        limit: Int,
        _ encoding: MessageEncoding?
    ) throws(Status) {
        var failure: Status?
        let prefix = bytes.withUnsafeBytes { bytes -> MessageFraming.Prefix? in
            do throws(Status) {
                return try MessageFraming.readPrefix(
                    bytes,
                    limit: limit,
                    encoding: encoding
                )
            } catch {
                failure = error
                return nil
            }
        }
        if let failure { throw failure }
        guard let prefix else { return }
        expected = MessageFraming.prefixBytes + prefix.count
        if prefix.isCompressed { compression = encoding }
        // The announced length may be false: until its bytes arrive, it must not make us
        // allocate more than a frame's worth ahead.
        bytes.reserveCapacity(MessageFraming.prefixBytes + min(prefix.count, 64 << 10))
    }

    /// Checks at the stream's end that the message is whole.
    ///
    /// - Throws: INTERNAL if it is not.
    func finish() throws(Status) {
        guard let expected else {
            throw bytes.isEmpty ? Self.noMessage : Self.truncated
        }
        guard bytes.count == expected else { throw Self.truncated }
    }

    /// Lends the message, without its prefix, while `body` runs.
    func withMessage<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        bytes.withUnsafeBytes { body(.init(rebasing: $0.dropFirst(MessageFraming.prefixBytes))) }
    }

    /// Returns the message, without its prefix and decompressed.
    ///
    /// - Parameters:
    ///   - budget: How many bytes this peer's compressed messages may inflate to.
    ///   - now: The time by which the budget grows again.
    /// - Throws: RESOURCE_EXHAUSTED if it is longer than `limit` or beyond the budget, INTERNAL where
    ///   it cannot be decompressed.
    consuming func takeMessage(
        limit: Int,
        budget: InflationBudget? = nil,
        at now: MonotonicTime = .distantFuture
    ) throws(Status) -> [UInt8] {
        bytes.removeFirst(min(bytes.count, MessageFraming.prefixBytes))
        guard let compression else { return bytes }
        return try compression.decompress(bytes, limit: limit, budget: budget, at: now)
    }

    /// Prepares it for the next call; memory above `retained` bytes is freed.
    mutating func reset(retaining retained: Int) {
        expected = nil
        compression = nil
        if bytes.capacity > retained {
            bytes = []
        } else {
            bytes.removeAll(keepingCapacity: true)
        }
    }

    /// The message of a frame that holds exactly one, which spares the copy; nil if it does not.
    ///
    /// - Throws: what `append` does for a prefix that is wrong.
    static func wholeMessage(
        in frame: UnsafeRawBufferPointer,
        limit: Int
    ) throws(Status) -> UnsafeRawBufferPointer? {
        guard let prefix = try MessageFraming.readPrefix(frame, limit: limit),
            frame.count == MessageFraming.prefixBytes + prefix.count
        else { return nil }
        return UnsafeRawBufferPointer(rebasing: frame.dropFirst(MessageFraming.prefixBytes))
    }

    static let noMessage = Status(
        .internalError,
        "the stream of a unary call ended without a message"
    )
    static let secondMessage = Status(
        .internalError,
        "more than one message on the stream of a unary call"
    )
    static let truncated = Status(
        .internalError,
        "the stream of a unary call ended inside its message"
    )
}
