// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A session's data about one stream, mainly the message bytes that wait to be sent.
///
/// Slots and their buffers are reused when their stream has ended. The stream identifier shows which
/// stream a slot belongs to, so a stale reference does no harm.
struct StreamSlot: BitwiseCopyable {
    struct Flags: OptionSet, BitwiseCopyable {
        var rawValue: UInt8
        /// The owner has heard of the stream, or made it, and must hear of its end.
        static let announced = Flags(rawValue: 1)
        /// Our request went out: the peer knows of the stream.
        static let opened = Flags(rawValue: 2)
        /// A response or request has been submitted: data may follow.
        static let hasMessage = Flags(rawValue: 4)
        /// Nothing will be added to the queue.
        static let ended = Flags(rawValue: 8)
        /// nghttp2 asked for data when there was none and waits to be told.
        static let deferred = Flags(rawValue: 16)
        /// The queue passed its high-water mark, and the owner waits to hear that it fell.
        static let pressured = Flags(rawValue: 32)
        /// A reset is on its way out.
        static let isResetting = Flags(rawValue: 64)
    }

    /// Which trailers follow the queue.
    static let noTrailers: Int32 = -1
    /// The trailers are the ones the session holds under the stream's identifier.
    static let heldTrailers: Int32 = -2

    /// The peer has not said how long its body will be.
    static let unboundBody = Int64.min

    /// Buffers up to this size stay with the slot when its stream is over.
    static let retainedBytes = 4096

    var stream: Int32 = 0
    var nextFree: Int32 = -1
    /// An index into the session's prepared lists, or one of the two values above.
    var trailers = StreamSlot.noTrailers
    var flags: Flags = []
    /// Bytes of the request's body still to come, if its length was announced.
    var bodyLeft = StreamSlot.unboundBody
    /// Since when the queue has waited without the peer taking any of it, on the session's clock.
    var waitingSince: Int64 = 0
    private var base: UnsafeMutableRawPointer?
    private var capacity = 0
    private var head = 0
    private var tail = 0

    var queued: Int { tail - head }

    mutating func enqueue(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress, bytes.count > 0 else { return }
        if capacity - tail < bytes.count { makeRoom(for: bytes.count) }
        (base.unsafelyUnwrapped + tail).copyMemory(from: source, byteCount: bytes.count)
        tail += bytes.count
    }

    private mutating func makeRoom(for added: Int) {
        let kept = queued
        // Moving the bytes down pays only if at least as many bytes were taken since the last move.
        if let base, head >= kept, capacity - kept >= added {
            if kept > 0 { base.copyMemory(from: base + head, byteCount: kept) }
        } else {
            let larger = max(capacity * 2, kept + added, 256)
            let memory = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
            if let base {
                if kept > 0 { memory.copyMemory(from: base + head, byteCount: kept) }
                base.deallocate()
            }
            base = memory
            capacity = larger
        }
        head = 0
        tail = kept
    }

    /// Moves up to `length` bytes out of the queue and says how many.
    mutating func dequeue(into buffer: UnsafeMutablePointer<UInt8>, length: Int) -> Int {
        let count = min(length, queued)
        guard count > 0, let base else { return 0 }
        UnsafeMutableRawPointer(buffer).copyMemory(from: base + head, byteCount: count)
        head += count
        if head == tail {
            head = 0
            tail = 0
        }
        return count
    }

    /// Drops what waits and says how much it was.
    mutating func discardQueue() -> Int {
        let dropped = queued
        head = 0
        tail = 0
        return dropped
    }

    mutating func freeBuffer(above retained: Int) {
        guard capacity > retained else { return }
        base?.deallocate()
        base = nil
        capacity = 0
        head = 0
        tail = 0
    }
}
