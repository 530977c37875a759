// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// Identifiers as bytes and text. On the wire an identifier is an unsigned big-endian number of
// exactly `byteCount` bytes. It is the leading `width` bits of a digest, so rings of different
// widths with one hash put the same names in the same order.

extension IdentifierSpace {
    /// Reads an identifier as it stands on the wire.
    ///
    /// - Throws: ``IdentifierError`` with code `wrongLength` unless there are exactly
    ///   ``byteCount`` bytes, `outOfRange` when the value does not fit the width.
    public func identifier(bigEndian bytes: RawSpan) throws(IdentifierError) -> Identifier {
        try identifier(bigEndianCount: bytes.byteCount) { () -> Identifier in
            bytes.withUnsafeBytes { Identifier(loading: $0) }
        }
    }

    /// Reads an identifier as it stands on the wire.
    ///
    /// - Throws: ``IdentifierError`` with code `wrongLength` unless there are exactly
    ///   ``byteCount`` bytes, `outOfRange` when the value does not fit the width.
    public func identifier(
        bigEndian bytes: some Collection<UInt8>
    ) throws(IdentifierError) -> Identifier {
        try identifier(bigEndianCount: bytes.count) { () -> Identifier in
            Identifier(loadingCollection: bytes)
        }
    }

    /// The leading `width` bits of a digest.
    ///
    /// - Throws: ``IdentifierError`` with code `digestTooShort` when it has fewer bits than that.
    public func identifier(ofDigest digest: RawSpan) throws(IdentifierError) -> Identifier {
        try checkDigest(byteCount: digest.byteCount)
        let leading = digest.extracting(first: byteCount)
        return leading.withUnsafeBytes { Identifier(loading: $0) }.shiftedRight(
            byteCount * 8 - width
        )
    }

    /// The leading `width` bits of a digest.
    ///
    /// - Throws: ``IdentifierError`` with code `digestTooShort` when it has fewer bits than that.
    public func identifier(
        ofDigest digest: some Collection<UInt8>
    ) throws(IdentifierError) -> Identifier {
        try checkDigest(byteCount: digest.count)
        let leading = Identifier(loadingCollection: digest.prefix(byteCount))
        return leading.shiftedRight(byteCount * 8 - width)
    }

    /// Reads an identifier from hexadecimal text in either case, with or without `0x` before it.
    ///
    /// Leading zeros are allowed and may be missing.
    ///
    /// - Throws: ``IdentifierError`` with code `notHexadecimal` or `outOfRange`.
    public func identifier(hexadecimal text: String) throws(IdentifierError) -> Identifier {
        var digits = Substring(text)
        if digits.hasPrefix("0x") || digits.hasPrefix("0X") { digits = digits.dropFirst(2) }
        guard !digits.isEmpty else {
            throw IdentifierError(.notHexadecimal, "an identifier needs at least one digit")
        }
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        for byte in digits.utf8 {
            guard let digit = IdentifierSpace.value(ofHexadecimalDigit: byte) else {
                throw IdentifierError(
                    .notHexadecimal,
                    "\"\(text.prefix(80))\" has a character that is not a hexadecimal digit"
                )
            }
            guard words.0 >> 60 == 0 else {
                throw IdentifierError(
                    .outOfRange,
                    "\"\(text.prefix(80))\" does not fit \(width) bits"
                )
            }
            words.0 = words.0 << 4 | words.1 >> 60
            words.1 = words.1 << 4 | words.2 >> 60
            words.2 = words.2 << 4 | words.3 >> 60
            words.3 = words.3 << 4 | digit
        }
        let identifier = Identifier(words.0, words.1, words.2, words.3)
        guard contains(identifier) else {
            throw IdentifierError(
                .outOfRange,
                "\"\(text.prefix(80))\" does not fit \(width) bits"
            )
        }
        return identifier
    }

    /// The identifier as it stands on the wire: big endian, ``byteCount`` bytes.
    public func bytes(of identifier: Identifier) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            write(
                identifier,
                into: UnsafeMutableRawBufferPointer(start: buffer.baseAddress, count: byteCount)
            )
            count = byteCount
        }
    }

    /// Writes the identifier as it stands on the wire into a buffer of exactly ``byteCount`` bytes.
    public func write(_ identifier: Identifier, into buffer: UnsafeMutableRawBufferPointer) {
        precondition(
            contains(identifier),
            "identifier \(identifier) does not fit \(width) bits"
        )
        precondition(
            buffer.count == byteCount,
            "an identifier of \(width) bits takes \(byteCount) bytes, not \(buffer.count)"
        )
        identifier.store(into: buffer)
    }

    private func identifier(
        bigEndianCount count: Int,
        _ load: () -> Identifier
    ) throws(IdentifierError) -> Identifier {
        guard count == byteCount else {
            throw IdentifierError(
                .wrongLength,
                "\(count) bytes, an identifier of \(width) bits has \(byteCount)"
            )
        }
        let identifier = load()
        guard contains(identifier) else {
            throw IdentifierError(
                .outOfRange,
                "\(identifier) in hexadecimal does not fit \(width) bits"
            )
        }
        return identifier
    }

    private func checkDigest(byteCount count: Int) throws(IdentifierError) {
        guard count >= byteCount else {
            throw IdentifierError(
                .digestTooShort,
                "a digest of \(count * 8) bits cannot give an identifier of \(width) bits"
            )
        }
    }

    private static func value(ofHexadecimalDigit byte: UInt8) -> UInt64? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }
}

extension Identifier {
    /// Reads a big-endian number of at most 32 bytes.
    fileprivate init(loading bytes: UnsafeRawBufferPointer) {
        var end = bytes.count
        let word3 = Identifier.loadWord(of: bytes, before: &end)
        let word2 = Identifier.loadWord(of: bytes, before: &end)
        let word1 = Identifier.loadWord(of: bytes, before: &end)
        let word0 = Identifier.loadWord(of: bytes, before: &end)
        self.init(word0, word1, word2, word3)
    }

    fileprivate init(loadingCollection bytes: some Collection<UInt8>) {
        let direct = bytes.withContiguousStorageIfAvailable {
            Identifier(loading: UnsafeRawBufferPointer($0))
        }
        self = direct ?? [UInt8](bytes).withUnsafeBytes { Identifier(loading: $0) }
    }

    private static func loadWord(of bytes: UnsafeRawBufferPointer, before end: inout Int) -> UInt64
    {
        if end >= 8 {
            end -= 8
            return UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: end, as: UInt64.self))
        }
        var word: UInt64 = 0
        for byte in bytes[..<end] { word = word << 8 | UInt64(byte) }
        end = 0
        return word
    }

    /// Writes the number big endian; bits beyond the buffer must be zero.
    fileprivate func store(into buffer: UnsafeMutableRawBufferPointer) {
        var end = buffer.count
        Identifier.storeWord(word3, into: buffer, before: &end)
        Identifier.storeWord(word2, into: buffer, before: &end)
        Identifier.storeWord(word1, into: buffer, before: &end)
        Identifier.storeWord(word0, into: buffer, before: &end)
    }

    private static func storeWord(
        _ word: UInt64,
        into buffer: UnsafeMutableRawBufferPointer,
        before end: inout Int
    ) {
        if end >= 8 {
            end -= 8
            buffer.storeBytes(of: word.bigEndian, toByteOffset: end, as: UInt64.self)
            return
        }
        var rest = word
        while end > 0 {
            end -= 1
            buffer[end] = UInt8(truncatingIfNeeded: rest)
            rest >>= 8
        }
    }

    /// The number without its lowest bits; 0 to 7 of them.
    fileprivate func shiftedRight(_ bits: Int) -> Identifier {
        guard bits > 0 else { return self }
        let right = UInt64(bits)
        let left = 64 - right
        return Identifier(
            word0 >> right,
            word0 << left | word1 >> right,
            word1 << left | word2 >> right,
            word2 << left | word3 >> right
        )
    }
}
