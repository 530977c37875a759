// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
package import ChordCore

/// One event, or the present state.
package struct WatchReply: WireMessage, Hashable {
    package enum Content: Hashable, Sendable {
        /// The first message: the present state.
        case now(NodeDescription)
        case event(RingEvent)
    }

    package var content: Content
    /// The time in milliseconds since 1970, by the node's clock.
    package var time: UInt64
    /// The number of events before this one that were left out.
    package var missed: UInt64

    /// A reply from its parts.
    package init(_ content: Content, time: UInt64, missed: UInt64 = 0) {
        self.content = content
        self.time = time
        self.missed = missed
    }

    /// The field with the number of left-out events, to be appended to an encoded reply.
    ///
    /// Protobuf's fields may come in any order. A reply is encoded once for all watchers, and this
    /// field is appended for a watcher that has missed events.
    package static func missedField(_ count: UInt64) -> [UInt8] {
        // Field 9, a varint.
        var field: [UInt8] = [9 << 3]
        var rest = count
        while rest >= 0x80 {
            field.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        field.append(UInt8(rest))
        return field
    }

    package init(
        decoding bytes: UnsafeRawBufferPointer,
        space: IdentifierSpace
    ) throws(WireError) {
        let name: StaticString = "WatchReply"
        self = try withUnpacked(name, bytes, chord__v1__watch_reply__unpack) {
            message throws(WireError) in
            WatchReply(
                try message.content(space),
                time: message.time,
                missed: message.missed
            )
        }
    }

    package func encode(appendingTo output: inout [UInt8], space: IdentifierSpace) {
        var arena = EncodingArena()
        var message = Chord__V1__WatchReply()
        chord__v1__watch_reply__init(&message)
        message.time = time
        message.missed = missed
        switch content {
        case .now(let description):
            message.kind = CHORD__V1__CHANGE_KIND__CHANGE_KIND_NOW
            message.description = arena.description(description)
        case .event(let event):
            arena.fill(&message, with: event, space)
        }
        arena.pack(&message, appendingTo: &output)
    }
}

extension Chord__V1__WatchReply {
    fileprivate func content(_ space: IdentifierSpace) throws(WireError) -> WatchReply.Content {
        func path(_ field: StaticString) -> FieldPath {
            FieldPath(message: "WatchReply", field: field)
        }
        func list(
            _ first: UnsafeMutablePointer<UnsafeMutablePointer<Chord__V1__Node>?>?,
            _ count: Int,
            _ field: StaticString
        ) throws(WireError) -> [NodeReference] {
            try first.nodes(count: count, space, path(field))
        }
        func one(_ nodes: [NodeReference], _ field: StaticString) throws(WireError) -> NodeReference
        {
            guard let node = nodes.first else {
                throw path(field).error(.missing, "empty")
            }
            return node
        }
        switch kind {
        case CHORD__V1__CHANGE_KIND__CHANGE_KIND_NOW:
            guard let description else {
                throw path("description").error(.missing, "absent")
            }
            return .now(try description.pointee.description("WatchReply.description"))
        case CHORD__V1__CHANGE_KIND__CHANGE_KIND_JOINED:
            let before = try list(before, n_before, "before")
            return .event(
                .joined(
                    RingState(
                        node: try one(before, "before"),
                        predecessor: try one(Array(before.dropFirst()), "before"),
                        successors: try list(after, n_after, "after")
                    )
                )
            )
        case CHORD__V1__CHANGE_KIND__CHANGE_KIND_RANGE:
            return .event(
                .rangeChanged(
                    from: try range_before.range(space, path("range_before")),
                    to: try range_after.range(space, path("range_after")),
                    cause: try cause.cause(path("cause"))
                )
            )
        case CHORD__V1__CHANGE_KIND__CHANGE_KIND_PREDECESSOR:
            return .event(
                .predecessorChanged(
                    from: try one(try list(before, n_before, "before"), "before"),
                    to: try one(try list(after, n_after, "after"), "after"),
                    cause: try cause.cause(path("cause"))
                )
            )
        case CHORD__V1__CHANGE_KIND__CHANGE_KIND_SUCCESSORS:
            return .event(
                .successorsChanged(
                    from: try list(before, n_before, "before"),
                    to: try list(after, n_after, "after"),
                    cause: try cause.cause(path("cause"))
                )
            )
        case CHORD__V1__CHANGE_KIND__CHANGE_KIND_SUCCESSORS_LOST:
            return .event(.successorsLost(try list(before, n_before, "before")))
        case CHORD__V1__CHANGE_KIND__CHANGE_KIND_LEFT:
            return .event(.left)
        default:
            throw path("kind").error(.malformed, "\(kind.rawValue) is an unknown kind")
        }
    }
}

extension Chord__V1__ChangeCause {
    fileprivate func cause(_ path: FieldPath) throws(WireError) -> RingEvent.Cause {
        guard let cause = RingEvent.Cause.allCases.first(where: { $0.number == self }) else {
            throw path.error(.malformed, "\(rawValue) is an unknown cause")
        }
        return cause
    }
}

extension RingEvent.Cause {
    fileprivate var number: Chord__V1__ChangeCause {
        switch self {
        case .joined: CHORD__V1__CHANGE_CAUSE__CHANGE_CAUSE_JOINED
        case .stabilized: CHORD__V1__CHANGE_CAUSE__CHANGE_CAUSE_STABILIZED
        case .rectified: CHORD__V1__CHANGE_CAUSE__CHANGE_CAUSE_RECTIFIED
        case .failed: CHORD__V1__CHANGE_CAUSE__CHANGE_CAUSE_FAILED
        case .left: CHORD__V1__CHANGE_CAUSE__CHANGE_CAUSE_LEFT
        case .merged: CHORD__V1__CHANGE_CAUSE__CHANGE_CAUSE_MERGED
        }
    }
}

extension Optional where Wrapped == UnsafeMutablePointer<Chord__V1__Range> {
    fileprivate func range(
        _ space: IdentifierSpace,
        _ path: FieldPath
    ) throws(WireError) -> IdentifierRange? {
        guard let message = self?.pointee else { return nil }
        return IdentifierRange(
            after: try message.after.identifier(space, path),
            through: try message.through.identifier(space, path)
        )
    }
}

extension EncodingArena {
    fileprivate mutating func fill(
        _ message: inout Chord__V1__WatchReply,
        with event: RingEvent,
        _ space: IdentifierSpace
    ) {
        switch event {
        case .joined(let state):
            message.kind = CHORD__V1__CHANGE_KIND__CHANGE_KIND_JOINED
            (message.n_before, message.before) = nodes([state.node, state.predecessor], space)
            (message.n_after, message.after) = nodes(state.successors, space)
        case .rangeChanged(let before, let after, let cause):
            message.kind = CHORD__V1__CHANGE_KIND__CHANGE_KIND_RANGE
            message.cause = cause.number
            message.range_before = before.map { range($0, space) }
            message.range_after = after.map { range($0, space) }
        case .predecessorChanged(let before, let after, let cause):
            message.kind = CHORD__V1__CHANGE_KIND__CHANGE_KIND_PREDECESSOR
            message.cause = cause.number
            (message.n_before, message.before) = nodes([before], space)
            (message.n_after, message.after) = nodes([after], space)
        case .successorsChanged(let before, let after, let cause):
            message.kind = CHORD__V1__CHANGE_KIND__CHANGE_KIND_SUCCESSORS
            message.cause = cause.number
            (message.n_before, message.before) = nodes(before, space)
            (message.n_after, message.after) = nodes(after, space)
        case .successorsLost(let lost):
            message.kind = CHORD__V1__CHANGE_KIND__CHANGE_KIND_SUCCESSORS_LOST
            (message.n_before, message.before) = nodes(lost, space)
        case .left:
            message.kind = CHORD__V1__CHANGE_KIND__CHANGE_KIND_LEFT
        }
    }

    private mutating func range(
        _ range: IdentifierRange,
        _ space: IdentifierSpace
    ) -> UnsafeMutablePointer<Chord__V1__Range> {
        let message = allocate(Chord__V1__Range.self, count: 1)
        chord__v1__range__init(message)
        message.pointee.after = identifier(range.lowerBound, space)
        message.pointee.through = identifier(range.upperBound, space)
        return message
    }
}
