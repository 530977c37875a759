// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CNGHTTP2

/// The place nghttp2 takes message bytes from.
enum OutboundData {
    /// A provider for the stream in a slot. The slot is checked again when nghttp2 comes for data:
    /// the stream may be gone by then.
    static func provider(slot: Int) -> nghttp2_data_provider {
        nghttp2_data_provider(
            source: nghttp2_data_source(fd: CInt(slot)),
            read_callback: { session, stream, buffer, length, flags, source, userData in
                OutboundData.read(
                    session,
                    stream,
                    buffer.unsafelyUnwrapped,
                    length,
                    flags.unsafelyUnwrapped,
                    Int(source.unsafelyUnwrapped.pointee.fd),
                    SessionCallbacks.state(userData)
                )
            }
        )
    }

    private static func read(
        _ session: OpaquePointer?,
        _ stream: Int32,
        _ buffer: UnsafeMutablePointer<UInt8>,
        _ length: Int,
        _ flags: UnsafeMutablePointer<UInt32>,
        _ index: Int,
        _ state: SessionCallbacks.State
    ) -> Int {
        guard index >= 0, index < state.pointee.slots.count,
            state.pointee.slots[index].stream == stream
        else { return Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue) }
        let count = state.pointee.slots[index].dequeue(into: buffer, length: length)
        state.pointee.queuedBytes -= count
        if count > 0 { state.pointee.slots[index].waitingSince = state.pointee.clock }
        let slot = state.pointee.slots[index]
        if slot.flags.contains(.pressured),
            slot.queued <= state.pointee.limits.streamHighWaterBytes / 2
        {
            state.pointee.slots[index].flags.remove(.pressured)
            state.pointee.events.append(.streamWritable(stream: stream))
        }
        guard slot.queued == 0 else { return count }
        guard slot.flags.contains(.ended) else {
            if count > 0 { return count }
            state.pointee.slots[index].flags.insert(.deferred)
            return Int(NGHTTP2_ERR_DEFERRED.rawValue)
        }
        flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue
        if slot.trailers != StreamSlot.noTrailers {
            flags.pointee |= NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
            submitTrailers(session, stream, index, state)
        }
        return count
    }

    private static func submitTrailers(
        _ session: OpaquePointer?,
        _ stream: Int32,
        _ index: Int,
        _ state: SessionCallbacks.State
    ) {
        let trailers = state.pointee.slots[index].trailers
        state.pointee.slots[index].trailers = StreamSlot.noTrailers
        let result: CInt
        if trailers == StreamSlot.heldTrailers {
            let headers = state.pointee.heldTrailers.removeValue(forKey: stream)
            result = (headers ?? HTTP2Headers()).withFields(copying: true) {
                nghttp2_submit_trailer(session, stream, $0, $1)
            }
        } else {
            let list = state.pointee.preparedLists[Int(trailers)]
            result = nghttp2_submit_trailer(session, stream, list.fields, list.count)
        }
        if result != 0 {
            // Out of memory, or a stream that ends another way. A message without its end must not
            // look complete.
            nghttp2_submit_rst_stream(
                session,
                UInt8(NGHTTP2_FLAG_NONE.rawValue),
                stream,
                NGHTTP2_INTERNAL_ERROR.rawValue
            )
        }
    }
}

extension HTTP2Headers {
    /// The list as nghttp2 reads it.
    ///
    /// - Parameter copying: whether nghttp2 has to copy the prepared fields too, because nobody
    ///   keeps them for it.
    func withFields(
        copying: Bool,
        _ body: (UnsafePointer<nghttp2_nv>?, Int) -> CInt
    ) -> CInt {
        if appended.isEmpty, !copying {
            return body(prepared.map { UnsafePointer($0.fields) }, prepared?.count ?? 0)
        }
        return withExtendedLifetime(prepared) {
            bytes.withUnsafeBufferPointer { bytes in
                withUnsafeTemporaryAllocation(of: nghttp2_nv.self, capacity: max(count, 1)) {
                    list in
                    let filled = fill(list, bytes, copying)
                    return body(UnsafePointer(list.baseAddress), filled)
                }
            }
        }
    }

    private func fill(
        _ list: UnsafeMutableBufferPointer<nghttp2_nv>,
        _ bytes: UnsafeBufferPointer<UInt8>,
        _ copying: Bool
    ) -> Int {
        var filled = 0
        func add(_ field: nghttp2_nv) {
            list.initializeElement(at: filled, to: field)
            filled += 1
        }
        func addAppended(pseudo: Bool) {
            for field in appended where field.isPseudo == pseudo {
                let base = UnsafeMutablePointer(mutating: bytes.baseAddress)
                add(
                    nghttp2_nv(
                        name: base.map { $0 + field.name.lowerBound },
                        value: base.map { $0 + field.value.lowerBound },
                        namelen: field.name.count,
                        valuelen: field.value.count,
                        flags: field.flags
                    )
                )
            }
        }
        addAppended(pseudo: true)
        if let prepared {
            for index in 0..<prepared.count {
                var field = prepared.fields[index]
                if copying { field.flags = 0 }
                add(field)
            }
        }
        addAppended(pseudo: false)
        return filled
    }
}

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
