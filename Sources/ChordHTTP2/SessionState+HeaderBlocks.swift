// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CNGHTTP2

/// Header blocks, from their first field to the event that tells of them.
extension SessionState {
    mutating func beginBlock(_ stream: Int32, isTrailers: Bool) {
        blockRules = RequestRules(isTrailers: isTrailers)
        blockStream = stream
        blocksBegun += 1
        isBlockIncomplete = true
        blockStart = fields.count
        blockBytesStart = bytes.count
        blockListBytes = 0
        isBlockRefused = false
        let bytesWithList = headerBytesSinceDrain + repeated.listBytes
        repeated.begin(
            mayRepeat: isServer && !isTrailers && bytesWithList <= limits.maxHeaderBytesPerRead
        )
    }

    /// Why a field is not taken.
    enum FieldRefusal {
        /// The block is too large by now.
        case tooLarge
        /// It breaks a rule of requests.
        case malformed
    }

    /// Takes the next field of the block under way.
    mutating func takeField(_ name: OpaquePointer, _ value: OpaquePointer) -> FieldRefusal? {
        if repeated.matched >= 0 {
            if repeated.continues(name, value) { return nil }
            if let refusal = readRepeatedFields() { return refusal }
        }
        if isServer { repeated.note(name, value) }
        let (nameText, valueText) = (nghttp2_rcbuf_get_buf(name), nghttp2_rcbuf_get_buf(value))
        return appendField(
            name: nameText.base,
            nameCount: nameText.len,
            value: valueText.base,
            valueCount: valueText.len
        )
    }

    /// The block has begun like the one that repeats itself and is another: it is read after all.
    private mutating func readRepeatedFields() -> FieldRefusal? {
        for index in 0..<repeated.diverge() {
            let field = repeated.fields[index]
            let text = repeated.bytes.elements(from: 0).baseAddress
            let refusal = appendField(
                name: text.map { $0 + Int(field.name) },
                nameCount: Int(field.nameCount),
                value: text.map { $0 + Int(field.value) },
                valueCount: Int(field.valueCount)
            )
            if let refusal { return refusal }
        }
        return nil
    }

    /// Adds a field to the block under way.
    private mutating func appendField(
        name: UnsafePointer<UInt8>?,
        nameCount: Int,
        value: UnsafePointer<UInt8>?,
        valueCount: Int
    ) -> FieldRefusal? {
        // Section 6.5.2 of RFC 9113 counts 32 bytes for each field besides its text.
        let size = nameCount + valueCount + 32
        blockListBytes += size
        headerBytesSinceDrain += size
        guard blockListBytes <= limits.maxHeaderListBytes,
            headerBytesSinceDrain <= limits.maxHeaderBytesPerRead
        else { return .tooLarge }
        var known = HTTP2FieldName.other
        if isServer {
            let text = UnsafeRawBufferPointer(start: name, count: nameCount)
            let content = UnsafeRawBufferPointer(start: value, count: valueCount)
            known = HTTP2FieldName(text)
            guard blockRules.admits(known, text, content) else { return .malformed }
        }
        let start = Int32(truncatingIfNeeded: bytes.count)
        bytes.append(copying: name, count: nameCount)
        bytes.append(copying: value, count: valueCount)
        fields.append(
            Field(
                name: start,
                nameCount: Int32(truncatingIfNeeded: nameCount),
                value: start + Int32(truncatingIfNeeded: nameCount),
                valueCount: Int32(truncatingIfNeeded: valueCount),
                known: known
            )
        )
        return nil
    }

    /// Whether the block that has ended is a whole one, by the rules and by the length it announces.
    mutating func blockIsComplete(_ stream: Int32, endStream: Bool) -> Bool {
        guard isServer, !isBlockRefused, !repeated.isWhole else { return true }
        if repeated.matched >= 0, readRepeatedFields() != nil { return false }
        guard blockRules.isComplete(endStream: endStream) else { return false }
        let slot = table.find(stream)
        guard slot >= 0 else { return true }
        if blockRules.boundsBody, let length = blockRules.contentLength {
            slots[slot].bodyLeft = length
            boundsBodies = true
        }
        return !endStream || slots[slot].bodyLeft <= 0
    }

    /// Whether the body of a stream keeps to the length that was announced for it.
    mutating func admitsBody(_ stream: Int32, _ count: Int) -> Bool {
        guard boundsBodies else { return true }
        let slot = table.find(stream)
        guard slot >= 0, slots[slot].bodyLeft != StreamSlot.unboundBody else { return true }
        slots[slot].bodyLeft -= Int64(count)
        return slots[slot].bodyLeft >= 0
    }

    /// Whether the body of a stream may end here.
    func mayEndBody(_ stream: Int32) -> Bool {
        guard boundsBodies else { return true }
        let slot = table.find(stream)
        return slot < 0 || slots[slot].bodyLeft <= 0
    }

    /// The stream of the block will be reset, so its fields are not needed.
    mutating func refuseBlock() {
        isBlockRefused = true
        isBlockIncomplete = false
        repeated.forgetRecording()
        counters.headerListsRefused += 1
    }

    mutating func endBlock(_ stream: Int32, isRequest: Bool, endStream: Bool) {
        isBlockIncomplete = false
        guard blockStream == stream, !isBlockRefused else { return }
        let block = endedBlock(isRequest: isRequest)
        blockStream = 0
        let slot = table.find(stream)
        if slot >= 0 { slots[slot].flags.insert(.announced) }
        events.append(
            .headers(
                stream: stream,
                block: block,
                kind: isRequest ? .request : kind(of: block),
                endStream: endStream
            )
        )
    }

    private mutating func endedBlock(isRequest: Bool) -> HTTP2HeaderBlock {
        if repeated.isWhole {
            headerBytesSinceDrain += repeated.listBytes
            repeated.take()
            return HTTP2HeaderBlock(
                start: 0,
                count: Int32(truncatingIfNeeded: repeated.fields.count),
                repetition: repeated.number
            )
        }
        if isServer, isRequest {
            repeated.end(
                isPlain: blockRules.isPlain,
                fields: fields.elements(from: blockStart),
                bytes: bytes.elements(from: blockBytesStart),
                from: blockBytesStart,
                listBytes: blockListBytes
            )
        }
        return HTTP2HeaderBlock(
            start: Int32(truncatingIfNeeded: blockStart),
            count: Int32(truncatingIfNeeded: fields.count - blockStart)
        )
    }

    private func kind(of block: HTTP2HeaderBlock) -> HTTP2HeaderKind {
        guard let status = value(of: ":status", in: block), let first = status.first else {
            return .trailers
        }
        return first == UInt8(ascii: "1") ? .informational : .response
    }

    func field(_ block: HTTP2HeaderBlock, _ index: Int) -> (
        name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer
    ) {
        let field = place(block, index)
        return (
            text(Int(field.name), Int(field.nameCount), in: block),
            text(Int(field.value), Int(field.valueCount), in: block)
        )
    }

    func knownField(_ block: HTTP2HeaderBlock, _ index: Int) -> (
        name: HTTP2FieldName, value: UnsafeRawBufferPointer
    ) {
        let field = place(block, index)
        return (field.known, text(Int(field.value), Int(field.valueCount), in: block))
    }

    private func place(_ block: HTTP2HeaderBlock, _ index: Int) -> Field {
        precondition(index >= 0 && index < Int(block.count), "field \(index) of \(block.count)")
        if block.repetition != 0 { return repeated.fields[index] }
        return fields[Int(block.start) + index]
    }

    private func text(
        _ start: Int,
        _ count: Int,
        in block: HTTP2HeaderBlock
    ) -> UnsafeRawBufferPointer {
        if block.repetition == 0 { return text(start, count) }
        let bytes = repeated.bytes.elements(from: start)
        precondition(count <= bytes.count, "beyond the list")
        return UnsafeRawBufferPointer(start: bytes.baseAddress, count: count)
    }

    func text(_ start: Int, _ count: Int) -> UnsafeRawBufferPointer {
        precondition(start >= 0 && count >= 0 && start + count <= bytes.count, "beyond the arena")
        return UnsafeRawBufferPointer(start: bytes.base.map { $0 + start }, count: count)
    }

    func value(of name: StaticString, in block: HTTP2HeaderBlock) -> UnsafeRawBufferPointer? {
        let nameCount = Int32(name.utf8CodeUnitCount)
        for index in 0..<Int(block.count) {
            let field = place(block, index)
            guard field.nameCount == nameCount else { continue }
            let candidate = text(Int(field.name), Int(nameCount), in: block)
            if candidate.isEqual(to: name) {
                return text(Int(field.value), Int(field.valueCount), in: block)
            }
        }
        return nil
    }
}
