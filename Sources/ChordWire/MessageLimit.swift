// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
internal import CProtobufC

/// What a message may cost to decode.
///
/// protobuf-c allocates a struct for each element of a list before anybody counts the elements. An empty
/// element has two bytes in the message and a hundred in memory. That does no harm in a message of 64 KiB. A
/// longer message is unpacked with a limit of memory besides.
struct MessageLimit {
    /// Bytes of the message.
    let bytes: Int
    /// Bytes of memory besides the message's own bytes; nil for no limit.
    let overheadBytes: Int?

    /// The limit of messages about the ring.
    static let ordinary = MessageLimit(bytes: WireLimits.messageBytes, overheadBytes: nil)
}

/// The memory that unpacking a message may still allocate. When it is used up, protobuf-c fails.
struct UnpackingBudget {
    /// Bytes that may still be allocated.
    var remainingBytes: Int
    /// Whether an allocation was refused.
    private(set) var isExhausted = false
    /// Blocks that were allocated and not freed.
    private(set) var blocks = 0

    init(bytes: Int) {
        remainingBytes = bytes
    }

    /// Calls `body` with an allocator that takes from this budget.
    mutating func withAllocator<Value>(
        _ body: (UnsafeMutablePointer<ProtobufCAllocator>) throws(WireError) -> Value
    ) throws(WireError) -> Value {
        try withUnsafeMutablePointer(to: &self) { budget throws(WireError) in
            var allocator = ProtobufCAllocator(
                alloc: { budget, size in
                    budget!.assumingMemoryBound(to: UnpackingBudget.self).pointee.allocate(size)
                },
                free: { budget, block in
                    budget!.assumingMemoryBound(to: UnpackingBudget.self).pointee.free(block)
                },
                allocator_data: UnsafeMutableRawPointer(budget)
            )
            return try withUnsafeMutablePointer(to: &allocator, body)
        }
    }

    private mutating func allocate(_ size: Int) -> UnsafeMutableRawPointer? {
        guard size <= remainingBytes else {
            isExhausted = true
            return nil
        }
        remainingBytes -= size
        blocks += 1
        return .allocate(byteCount: size, alignment: 16)
    }

    private mutating func free(_ block: UnsafeMutableRawPointer?) {
        guard let block else { return }
        blocks -= 1
        block.deallocate()
    }
}
