// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Reading events and what they carry.
extension HTTP2Session {
    /// The events not removed yet, as a copy. ``nextEvent()`` costs less.
    package var events: [HTTP2Event] {
        (0..<state.pointee.events.count).map { state.pointee.events[$0] }
    }

    /// The next event not seen yet. Commands may be given while going through them.
    package func nextEvent() -> HTTP2Event? {
        let index = state.pointee.nextEvent
        guard index < state.pointee.events.count else { return nil }
        state.pointee.nextEvent = index + 1
        return state.pointee.events[index]
    }

    /// Forgets all events, seen or not, and what they carried; keeps the memory.
    package func removeEvents() {
        state.pointee.removeEvents()
    }

    /// A field of a header list, in the order received. The pointers are good until the next
    /// ``receive(_:)`` or ``removeEvents()``.
    package func field(_ index: Int, of block: HTTP2HeaderBlock) -> (
        name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer
    ) {
        state.pointee.field(block, index)
    }

    /// A request's field whose name was recognised, otherwise like ``field(_:of:)``.
    package func knownField(_ index: Int, of block: HTTP2HeaderBlock) -> (
        name: HTTP2FieldName, value: UnsafeRawBufferPointer
    ) {
        state.pointee.knownField(block, index)
    }

    /// The value of the first field with a name, as long as ``field(_:of:)``'s.
    package func value(
        of name: StaticString,
        in block: HTTP2HeaderBlock
    ) -> UnsafeRawBufferPointer? {
        state.pointee.value(of: name, in: block)
    }

    /// The bytes of a data event, or the debug data of a GOAWAY, as long as ``field(_:of:)``'s.
    package func bytes(_ payload: HTTP2Payload) -> UnsafeRawBufferPointer {
        state.pointee.text(Int(payload.start), payload.count)
    }

    package func forEachHeader(
        _ block: HTTP2HeaderBlock,
        _ body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws -> Void
    ) rethrows {
        for index in 0..<Int(block.count) {
            let field = field(index, of: block)
            try body(field.name, field.value)
        }
    }
}
