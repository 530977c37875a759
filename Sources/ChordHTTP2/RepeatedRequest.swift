// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CNGHTTP2

/// The header list of a request that a client sends again and again, recognised as it comes.
///
/// A client's calls of one method differ in their messages and not in their headers, nearly all of which
/// come as references into the compression table. nghttp2 keeps what stands there in counted buffers, so
/// one comparison of pointers tells that a field is the same one; others are compared byte by byte. A list
/// that is alike need neither be checked nor copied again. Its buffers are held here: no other field can
/// come to lie where they do.
///
/// Worth 15 % of a call at eight connections with sixteen calls each (docs/speed.md).
struct RepeatedRequest: ~Copyable {
    /// nghttp2's buffers of one field's name and value.
    private struct Buffers: BitwiseCopyable {
        var name: OpaquePointer
        var value: OpaquePointer
    }

    /// A list that the next requests do not repeat is dropped for another after so many of them.
    private static let patience = 16

    /// The fields and their text, as a block's.
    private(set) var fields = Arena<SessionState.Field>()
    private(set) var bytes = Arena<UInt8>()
    private var buffers = Arena<Buffers>()
    /// What the list counts against the limits of header lists.
    private(set) var listBytes = 0
    /// The number of the list: each has its own, none has zero.
    private(set) var number: UInt32 = 0
    /// How many fields of the block under way are the list's; below zero once one was not.
    private(set) var matched = -1
    /// Whether an event refers to the list, which must stay as it is then.
    var isInUse = false

    // A list becomes the repeated one in the third block that has it: the first is unknown, the second
    // shows that it comes again, of the third the buffers are held as they come.
    private var signature = 0
    private var lastSignature = 0
    private var comesAgain = false
    private var isRecording = false
    private var recorded = Arena<Buffers>()
    private var misses = 0

    init() {}

    deinit {
        for index in 0..<buffers.count { Self.release(buffers[index]) }
        for index in 0..<recorded.count { Self.release(recorded[index]) }
    }

    private static func release(_ field: Buffers) {
        nghttp2_rcbuf_decref(field.name)
        nghttp2_rcbuf_decref(field.value)
    }

    /// Whether all fields of the block that has come are the list's, and none is missing.
    var isWhole: Bool { matched > 0 && matched == fields.count }

    /// A block begins.
    mutating func begin(mayRepeat: Bool) {
        forgetRecording()
        signature = 0
        matched = mayRepeat && fields.count > 0 ? 0 : -1
        isRecording =
            mayRepeat && comesAgain && !isInUse && (fields.count == 0 || misses >= Self.patience)
    }

    /// Whether the next field of the block is the list's.
    mutating func continues(_ name: OpaquePointer, _ value: OpaquePointer) -> Bool {
        guard matched < buffers.count else { return false }
        let (field, held) = (fields[matched], buffers[matched])
        guard
            held.name == name || isText(name, field.name, field.nameCount),
            held.value == value || isText(value, field.value, field.valueCount)
        else { return false }
        matched += 1
        return true
    }

    /// Whether a buffer's text is that which begins at `start`.
    private func isText(_ buffer: OpaquePointer, _ start: Int32, _ count: Int32) -> Bool {
        let text = nghttp2_rcbuf_get_buf(buffer)
        let held = bytes.elements(from: Int(start))
        return count <= held.count
            && UnsafeRawBufferPointer(start: text.base, count: text.len)
                .isEqual(to: UnsafeRawBufferPointer(start: held.baseAddress, count: Int(count)))
    }

    /// The block is another one, or ends early: its first fields are read from the list.
    mutating func diverge() -> Int {
        let count = matched
        matched = -1
        for index in 0..<count { note(buffers[index].name, buffers[index].value) }
        return count
    }

    /// A field of a block that is not the list.
    mutating func note(_ name: OpaquePointer, _ value: OpaquePointer) {
        // The lengths say enough: a list that is another after all costs one comparison.
        let counts = (nghttp2_rcbuf_get_buf(name).len, nghttp2_rcbuf_get_buf(value).len)
        signature = (signature &* 31 &+ counts.0) &* 31 &+ counts.1
        guard isRecording else { return }
        nghttp2_rcbuf_incref(name)
        nghttp2_rcbuf_incref(value)
        recorded.append(Buffers(name: name, value: value))
    }

    /// A block that was not the list is complete: it becomes the list where it was recorded.
    ///
    /// - Parameters:
    ///   - isPlain: whether nothing in it has a meaning for its own stream only.
    ///   - blockFields: its fields, whose text begins at `start` of `blockBytes`.
    mutating func end(
        isPlain: Bool,
        fields blockFields: UnsafeBufferPointer<SessionState.Field>,
        bytes blockBytes: UnsafeBufferPointer<UInt8>,
        from start: Int,
        listBytes: Int
    ) {
        misses += 1
        comesAgain = isPlain && signature == lastSignature
        lastSignature = signature
        guard isRecording, isPlain, !isInUse, recorded.count == blockFields.count else {
            return forgetRecording()
        }
        isRecording = false
        swap(&buffers, &recorded)
        forgetRecording()
        fields.removeAll(retaining: .max)
        bytes.removeAll(retaining: .max)
        bytes.append(copying: blockBytes.baseAddress, count: blockBytes.count)
        for var field in blockFields {
            field.name -= Int32(truncatingIfNeeded: start)
            field.value -= Int32(truncatingIfNeeded: start)
            fields.append(field)
        }
        self.listBytes = listBytes
        number = number &+ 1 == 0 ? 1 : number &+ 1
        misses = 0
    }

    /// The list has come once more, and an event refers to it.
    mutating func take() {
        matched = -1
        misses = 0
        isInUse = true
    }

    mutating func forgetRecording() {
        isRecording = false
        for index in 0..<recorded.count { Self.release(recorded[index]) }
        recorded.removeAll(retaining: SessionState.retainedElements)
    }

    /// Forgets the list, unless an event or the block under way refers to it.
    mutating func releaseMemory() {
        guard !isInUse, matched < 0 else { return }
        forgetRecording()
        for index in 0..<buffers.count { Self.release(buffers[index]) }
        buffers.removeAll(retaining: 0)
        recorded.removeAll(retaining: 0)
        fields.removeAll(retaining: 0)
        bytes.removeAll(retaining: 0)
    }
}
