// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordRPC

/// Calls whose header lists have come in this read, in that order, and whose messages are likely to
/// follow in the same.
struct OpeningQueue {
    struct Opening {
        let stream: Int32
        let head: CallHead
    }

    private var openings: [Opening] = []
    private var next = 0

    var count: Int { openings.count - next }

    mutating func append(_ stream: Int32, _ head: CallHead) {
        openings.append(Opening(stream: stream, head: head))
    }

    /// The longest message of the first call, if that is the stream's.
    func limitOfFirst(_ stream: Int32) -> Int? {
        guard next < openings.count, openings[next].stream == stream else { return nil }
        return openings[next].head.limit
    }

    /// The head of the first call, if that is the stream's.
    mutating func takeFirst(_ stream: Int32) -> CallHead? {
        guard next < openings.count, openings[next].stream == stream else { return nil }
        next += 1
        return openings[next - 1].head
    }

    /// Takes out what is left.
    mutating func takeAll() -> [Opening] {
        let rest = Array(openings[next...])
        removeAll()
        return rest
    }

    /// To be called at the end of each read, when none is left.
    mutating func removeAll() {
        openings.removeAll(keepingCapacity: openings.count <= 32)
        next = 0
    }
}

/// Calls that come whole, and are answered while their handler runs: nearly all. They need no record.
extension ServerConnection {
    /// Calls that have not come whole in one read, or in another order than they began, get records.
    func enrollOpenings() {
        guard openings.count > 0 else { return openings.removeAll() }
        for opening in openings.takeAll() { enroll(opening.stream, opening.head) }
    }

    /// Answers the call that began first if this is its message, whole.
    ///
    /// - Returns: whether it was; if not, all calls have records now.
    func answerOpening(
        _ stream: Int32,
        _ bytes: UnsafeRawBufferPointer,
        _ endStream: Bool,
        _ session: HTTP2Session
    ) -> Bool {
        guard endStream, let calls,
            let limit = openings.limitOfFirst(stream),
            let request = try? MessageAssembler.wholeMessage(in: bytes, limit: limit),
            let head = openings.takeFirst(stream)
        else {
            enrollOpenings()
            return false
        }
        session.consumeConnection(bytes.count)
        if let refusal = refusalOfAnswers(session) {
            refuse(stream, refusal)
            return true
        }
        var call = ServerCall(
            deadline: head.timeout.map { now + $0 },
            metadata: head.metadata,
            reply: takeReplyBuffer(),
            context: calls,
            stream: stream
        )
        dispatched = stream
        unrecorded = head
        let outcome = router.dispatch(head.route, request: request, call: &call)
        dispatched = 0
        if unrecorded == nil {
            // The handler took a responder, with which the call got its record.
            if let record = streams.find(stream) {
                conclude(record, outcome, &call.reply, session)
            }
        } else {
            unrecorded = nil
            switch outcome {
            case .replied: answer(stream, plain: &call.reply, session)
            case .failed(let status): refuse(stream, status)
            case .deferred: refuse(stream, Self.noResponder)
            }
        }
        giveBackReplyBuffer(&call.reply)
        return true
    }
}
