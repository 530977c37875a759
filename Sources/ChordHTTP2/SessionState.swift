// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Everything the callbacks of nghttp2 read and write, in one place beside the session.
///
/// nghttp2 calls back during our calls into it. This is sound because no method here calls nghttp2, and
/// callers of nghttp2 hold no access to this value meanwhile.
struct SessionState: ~Copyable {
    struct Field: BitwiseCopyable {
        var name: Int32
        var nameCount: Int32
        var value: Int32
        var valueCount: Int32
        /// Recognised where requests are read.
        var known: HTTP2FieldName
    }

    /// Arenas above these sizes are freed when a burst is over.
    static let retainedBytes = 64 << 10
    static let retainedElements = 2048
    /// Prepared lists kept per session; lists beyond are sent as copies.
    static let maxPreparedLists = 128

    let isServer: Bool
    let limits: HTTP2Limits

    // What arrived.
    var events = Arena<HTTP2Event>()
    var nextEvent = 0
    var fields = Arena<Field>()
    var bytes = Arena<UInt8>()
    var headerBytesSinceDrain = 0
    // The header block being received; there is at most one per connection.
    var blockStream: Int32 = 0
    var blockStart = 0
    var blockBytesStart = 0
    var blockListBytes = 0
    var isBlockRefused = false
    var blockRules = RequestRules(isTrailers: false)
    /// Whether any request has announced the length of its body.
    var boundsBodies = false
    /// Header blocks begun so far, and whether the last of them is still incomplete.
    var blocksBegun: UInt64 = 0
    var isBlockIncomplete = false
    var repeated = RepeatedRequest()

    // What is open, and what waits to be sent.
    var slots = Arena<StreamSlot>()
    var table = StreamTable()
    var freeSlot: Int32 = -1
    var queuedBytes = 0
    /// The time in milliseconds, as the owner has set it.
    var clock: Int64 = 0
    /// Lists that nghttp2 may point into; `preparedNames` finds them without changing reference counts.
    var preparedLists: [HTTP2Headers.Prepared] = []
    private var preparedNames = Arena<ObjectIdentifier>()
    var heldTrailers: [Int32: HTTP2Headers] = [:]

    // What became of the connection.
    var counters = HTTP2Counters()
    var failure: HTTP2Error?
    var goAwayReceived = false
    var goAwaySent = false
    var ownGoAways = 0
    /// The peer's settings have changed the windows of all streams within the present read, and one of
    /// them became larger than a window may be.
    var windowsChanged = false
    var windowOverflowed = false

    init(isServer: Bool, limits: HTTP2Limits) {
        self.isServer = isServer
        self.limits = limits
    }

    deinit {
        for index in 0..<slots.count {
            var slot = slots[index]
            slot.freeBuffer(above: 0)
        }
    }

    // MARK: Events

    mutating func removeEvents() {
        events.removeAll(retaining: Self.retainedElements)
        nextEvent = 0
        headerBytesSinceDrain = 0
        repeated.isInUse = false
        guard blockStream != 0, !isBlockRefused else {
            fields.removeAll(retaining: Self.retainedElements)
            bytes.removeAll(retaining: Self.retainedBytes)
            blockStart = 0
            blockBytesStart = 0
            return
        }
        // The incomplete block stays: the bytes of its first fields are gone.
        let shift = Int32(blockBytesStart)
        bytes.removeFirst(blockBytesStart)
        fields.removeFirst(blockStart)
        for index in 0..<fields.count {
            fields[index].name -= shift
            fields[index].value -= shift
        }
        blockStart = 0
        blockBytesStart = 0
    }

    mutating func appendData(_ stream: Int32, _ data: UnsafePointer<UInt8>?, _ count: Int) {
        let start = bytes.count
        bytes.append(copying: data, count: count)
        // Chunks of one message that follow each other become one event: its reader gets one
        // piece of memory instead of one per frame.
        if events.count > nextEvent,
            case .data(stream, let payload, false) = events[events.count - 1],
            Int(payload.end) == start
        {
            events[events.count - 1] = .data(
                stream: stream,
                bytes: HTTP2Payload(Int(payload.start), bytes.count),
                endStream: false
            )
        } else {
            let payload = HTTP2Payload(start, bytes.count)
            events.append(.data(stream: stream, bytes: payload, endStream: false))
        }
    }

    mutating func endData(_ stream: Int32) {
        if events.count > nextEvent,
            case .data(stream, let payload, false) = events[events.count - 1]
        {
            events[events.count - 1] = .data(stream: stream, bytes: payload, endStream: true)
        } else {
            let payload = HTTP2Payload(bytes.count, bytes.count)
            events.append(.data(stream: stream, bytes: payload, endStream: true))
        }
    }

    // MARK: Streams

    /// Gives a stream a slot.
    @discardableResult
    mutating func open(_ stream: Int32, _ flags: StreamSlot.Flags) -> Int {
        let index: Int
        if freeSlot >= 0 {
            index = Int(freeSlot)
            freeSlot = slots[index].nextFree
        } else {
            index = slots.count
            slots.append(StreamSlot())
        }
        slots[index].stream = stream
        slots[index].flags = flags
        slots[index].trailers = StreamSlot.noTrailers
        slots[index].bodyLeft = StreamSlot.unboundBody
        table.insert(stream, index)
        counters.streamsOpened += 1
        return index
    }

    /// Forgets a stream and tells the owner if it knew of it.
    mutating func close(_ stream: Int32, _ code: HTTP2ErrorCode) {
        let index = table.find(stream)
        guard index >= 0 else { return }
        table.remove(stream)
        dropQueue(index)
        if slots[index].flags.contains(.announced) {
            events.append(.streamClosed(stream: stream, code: code))
        }
        slots[index].freeBuffer(above: StreamSlot.retainedBytes)
        slots[index].stream = 0
        slots[index].flags = []
        slots[index].nextFree = freeSlot
        freeSlot = Int32(index)
        counters.streamsClosed += 1
    }

    mutating func dropQueue(_ index: Int) {
        queuedBytes -= slots[index].discardQueue()
        if slots[index].trailers == StreamSlot.heldTrailers {
            heldTrailers[slots[index].stream] = nil
        }
        slots[index].trailers = StreamSlot.noTrailers
    }

    /// The index under which a prepared list is kept, or nil when there are too many.
    mutating func keep(_ list: HTTP2Headers.Prepared) -> Int? {
        let name = ObjectIdentifier(list)
        for index in 0..<preparedNames.count where preparedNames[index] == name { return index }
        guard preparedLists.count < Self.maxPreparedLists else { return nil }
        preparedLists.append(list)
        preparedNames.append(name)
        return preparedLists.count - 1
    }

    /// Frees memory that an idle connection does not need.
    mutating func releaseMemory() {
        if events.count == nextEvent { removeEvents() }
        if events.count == 0, blockStream == 0 {
            events.removeAll(retaining: 0)
            fields.removeAll(retaining: 0)
            bytes.removeAll(retaining: 0)
            repeated.releaseMemory()
        }
        for index in 0..<slots.count where slots[index].stream == 0 {
            slots[index].freeBuffer(above: 0)
        }
    }
}
