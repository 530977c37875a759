// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordRPC

/// One call of a server's connection. Records are reused, so a call costs no allocation here. Confined
/// to the connection's event loop.
final class ServerCallRecord {
    enum Phase {
        /// The request is being received.
        case receiving
        /// The handler runs, or keeps a responder to answer later.
        case handling
        /// The answer was given to the session.
        case answered
    }

    /// Memory for a request that a record keeps for its next call.
    static let retainedBytes = 16 << 10

    /// Its place in the connection's table.
    let place: Int32
    @exclusivity(unchecked) var id: Int32 = 0
    @exclusivity(unchecked) var phase = Phase.receiving
    /// The connection's router keeps it alive for longer than any call lasts.
    unowned(unsafe) var route: Router.Route?
    @exclusivity(unchecked) var deadline: MonotonicTime?
    @exclusivity(unchecked) var metadata = Metadata()
    /// How the request may be compressed.
    @exclusivity(unchecked) var encoding: MessageEncoding?
    /// How the caller reads a compressed answer; nil if it does not.
    @exclusivity(unchecked) var acceptedEncoding: MessageEncoding?
    /// Used if the request does not arrive in one piece.
    @exclusivity(unchecked) var request = MessageAssembler()
    /// Told of a cancellation, once the handler keeps a responder.
    @exclusivity(unchecked) var deferred: DeferredCall?
    /// The messages in both directions of a streaming call.
    @exclusivity(unchecked) var flow: ServerStreamFlow?
    /// When the request began.
    @exclusivity(unchecked) var begun = MonotonicTime(nanoseconds: 0)
    /// The longest message that it may have.
    @exclusivity(unchecked) var limit = 0
    /// Bytes of it that the table counts as held.
    @exclusivity(unchecked) fileprivate(set) var heldBytes = 0
    /// The response headers were sent before the answer.
    @exclusivity(unchecked) var isAccepted = false

    init(_ place: Int32) {
        self.place = place
    }

    func begin(_ id: Int32, route: Router.Route, deadline: MonotonicTime?) {
        self.id = id
        self.route = route
        self.deadline = deadline
        phase = .receiving
    }

    func reset() {
        id = 0
        phase = .answered
        route = nil
        deadline = nil
        if !metadata.isEmpty { metadata = Metadata() }
        if !request.isEmpty { request.reset(retaining: Self.retainedBytes) }
        deferred = nil
        flow = nil
        heldBytes = 0
        isAccepted = false
        encoding = nil
        acceptedEncoding = nil
    }
}

/// The calls of one connection, found by their stream.
///
/// A class, because releasing a record's references may call back into the connection.
final class ServerStreamTable {
    /// Records that are kept while no call is under way.
    private static let poolSize = 32

    // Confined to the connection's event loop, and no method calls out in the middle of a change: checks
    // for overlapping access would only cost time on every call.

    /// The index in `records` of each stream's call.
    @exclusivity(unchecked) private var table = StreamTable()
    @exclusivity(unchecked) private var records: [ServerCallRecord] = []
    /// Indices of records that are not in use.
    @exclusivity(unchecked) private var free: [Int32] = []

    /// Streaming calls.
    @exclusivity(unchecked) private(set) var flowCount = 0
    /// Bytes of incomplete requests, and of messages that no handler has read.
    @exclusivity(unchecked) private(set) var heldBytes = 0

    var isEmpty: Bool { table.count == 0 }

    var count: Int { table.count }

    func make(_ id: Int32, route: Router.Route, deadline: MonotonicTime?) -> ServerCallRecord {
        let place = free.popLast() ?? Int32(records.count)
        if Int(place) == records.count { records.append(ServerCallRecord(place)) }
        let stream = records[Int(place)]
        stream.begin(id, route: route, deadline: deadline)
        table.insert(id, Int(place))
        return stream
    }

    /// Makes a call a streaming call.
    func attach(_ flow: ServerStreamFlow, to stream: ServerCallRecord) {
        stream.flow = flow
        flowCount += 1
    }

    /// Sets how many bytes are held for a call.
    func hold(_ bytes: Int, for stream: ServerCallRecord) {
        heldBytes += bytes - stream.heldBytes
        stream.heldBytes = bytes
    }

    /// Counts again the bytes held for streaming calls, because their handlers read without
    /// reporting it.
    func recount() {
        for stream in records where stream.id != 0 {
            if let unread = stream.flow?.unreadBytes { hold(unread, for: stream) }
        }
    }

    func find(_ id: Int32) -> ServerCallRecord? {
        let place = table.find(id)
        return place < 0 ? nil : records[place]
    }

    /// Removes a call and makes its record reusable. Does nothing if it was removed before.
    func remove(_ stream: ServerCallRecord) {
        guard stream.id != 0 else { return }
        table.remove(stream.id)
        heldBytes -= stream.heldBytes
        if stream.flow != nil { flowCount -= 1 }
        free.append(stream.place)
        stream.reset()
    }

    /// All calls, for rare uses: a deadline, the end of the connection.
    var all: [ServerCallRecord] { records.filter { $0.id != 0 } }

    /// Frees the records that a burst has left, once no call is under way.
    func shrink() {
        if isEmpty, records.count > Self.poolSize { releaseMemory() }
    }

    /// Frees all records; no call may be under way.
    func releaseMemory() {
        guard isEmpty else { return }
        records = []
        free = []
    }
}
