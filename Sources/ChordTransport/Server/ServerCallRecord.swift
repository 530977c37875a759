// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC

/// One call as the server's connection sees it. Used again for a later call once it has ended, so
/// that a call costs no allocation here. Confined to the connection's event loop.
final class ServerCallRecord {
    enum Phase {
        /// The request is on its way in.
        case receiving
        /// The handler runs, or has taken a responder and owes the answer.
        case handling
        /// The answer is with the session.
        case answered
    }

    /// Memory for a request that a stream keeps for its next call.
    static let retainedBytes = 16 << 10

    var id: Int32 = 0
    var phase = Phase.receiving
    var route: Router.Route?
    var deadline: MonotonicTime?
    var metadata = Metadata()
    /// How the request may be compressed.
    var encoding: MessageEncoding?
    /// How the caller reads a compressed answer; nil where it does not.
    var acceptedEncoding: MessageEncoding?
    /// Used where the request does not come in one piece.
    var request = MessageAssembler()
    /// What hears of a cancellation, once the handler has taken a responder.
    var deferred: DeferredCall?
    /// The messages both ways, where the call is one of streams.
    var flow: ServerStreamFlow?
    /// How many regular looks at the connection have found the request not whole yet.
    var looks = 0
    /// The response headers have gone ahead of the answer.
    var isAccepted = false

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
        looks = 0
        isAccepted = false
        encoding = nil
        acceptedEncoding = nil
    }
}

/// The calls of one connection, found by their stream.
///
/// The events of a call follow each other nearly always, so that the last stream asked for answers
/// most questions without a look into the dictionary; a call that is answered within its read never
/// enters it.
///
/// A class, because what a stream lets go of when it is forgotten may call back into the connection.
final class ServerStreamTable {
    private static let poolSize = 32

    private var current: ServerCallRecord?
    private var others: [Int32: ServerCallRecord] = [:]
    private var pool: [ServerCallRecord] = []

    var isEmpty: Bool { current == nil && others.isEmpty }

    var count: Int { others.count + (current == nil ? 0 : 1) }

    func make(_ id: Int32, route: Router.Route, deadline: MonotonicTime?) -> ServerCallRecord {
        let stream = pool.popLast() ?? ServerCallRecord()
        stream.begin(id, route: route, deadline: deadline)
        if let current { others[current.id] = current }
        current = stream
        return stream
    }

    func find(_ id: Int32) -> ServerCallRecord? {
        if let current, current.id == id { return current }
        return others.isEmpty ? nil : others[id]
    }

    /// Forgets a stream; it may be reused from now on. One that is forgotten already stays so.
    func remove(_ stream: ServerCallRecord) {
        guard stream.id != 0 else { return }
        if current === stream {
            current = nil
        } else {
            others[stream.id] = nil
        }
        stream.reset()
        if pool.count < Self.poolSize { pool.append(stream) }
    }

    /// All streams, for what is rare: an alarm, the end of the connection.
    var all: [ServerCallRecord] { (current.map { [$0] } ?? []) + others.values }

    func releaseMemory() {
        pool = []
    }
}
