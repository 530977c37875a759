// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
internal import CProtobufC
internal import ChordBase

// The store's messages are nested deeper than one `FieldPath` can tell. So a decoder of a nested message names
// its fields alone, and each message around it puts its own field before, only in an error.

extension FieldPath {
    /// A field of the message that is being decoded.
    static func field(_ name: StaticString) -> FieldPath {
        FieldPath(message: name)
    }

    /// Puts this path before the fields that errors of `decode` name.
    func containing<Value>(
        _ decode: () throws(WireError) -> Value
    ) throws(WireError) -> Value {
        do throws(WireError) {
            return try decode()
        } catch {
            throw WireError(error.code, "\(self).\(error.message)", cause: error.cause)
        }
    }
}

extension Optional {
    /// A nested message; nil if the field is absent.
    func ifPresent<Packed, Value>(
        _ path: FieldPath,
        _ decode: (Packed) throws(WireError) -> Value
    ) throws(WireError) -> Value? where Wrapped == UnsafeMutablePointer<Packed> {
        guard let message = self else { return nil }
        return try path.containing { () throws(WireError) in try decode(message.pointee) }
    }

    /// A nested message; an error if the field is absent.
    func value<Packed, Value>(
        _ path: FieldPath,
        _ decode: (Packed) throws(WireError) -> Value
    ) throws(WireError) -> Value where Wrapped == UnsafeMutablePointer<Packed> {
        guard let value = try ifPresent(path, decode) else {
            throw path.error(.missing, "absent")
        }
        return value
    }

    /// The messages of a list. An error names what the elements are.
    func list<Packed, Value>(
        count: Int,
        of limit: ClosedRange<Int>,
        _ elements: StaticString,
        _ path: FieldPath,
        _ decode: (Packed) throws(WireError) -> Value
    ) throws(WireError) -> [Value]
    where Wrapped == UnsafeMutablePointer<UnsafeMutablePointer<Packed>?> {
        try path.check(count, in: limit, elements)
        guard let first = self, count > 0 else { return [] }
        var values: [Value] = []
        values.reserveCapacity(count)
        for index in 0..<count {
            values.append(try first[index].value(path.element(index), decode))
        }
        return values
    }
}

extension FieldPath {
    /// Checks the number of a list's elements.
    func check(
        _ count: Int,
        in limit: ClosedRange<Int>,
        _ elements: StaticString
    ) throws(WireError) {
        guard count <= limit.upperBound else {
            throw error(.tooMany, "\(count) \(elements), at most \(limit.upperBound)")
        }
        guard count >= limit.lowerBound else {
            throw error(.missing, "\(count) \(elements), at least \(limit.lowerBound)")
        }
    }
}

extension ProtobufCBinaryData {
    /// The bytes as they are.
    func bytes(_ bounds: ClosedRange<Int>, _ path: FieldPath) throws(WireError) -> [UInt8] {
        guard len <= bounds.upperBound else {
            throw path.error(.tooLarge, "\(len) bytes, at most \(bounds.upperBound)")
        }
        guard len >= bounds.lowerBound else {
            throw path.error(.missing, "\(len) bytes, at least \(bounds.lowerBound)")
        }
        return Array(UnsafeBufferPointer(start: data, count: len))
    }

    /// A random identifier; nil if the field is empty.
    func bitsIfPresent(_ path: FieldPath) throws(WireError) -> UInt128? {
        guard len > 0 else { return nil }
        guard len == WireLimits.randomBytes else {
            throw path.error(
                .outOfBounds,
                "\(len) bytes, this identifier has \(WireLimits.randomBytes)"
            )
        }
        return UnsafeBufferPointer(start: data, count: len).reduce(0) { $0 << 8 | UInt128($1) }
    }

    /// A random identifier; an error if the field is empty.
    func bits(_ path: FieldPath) throws(WireError) -> UInt128 {
        guard let value = try bitsIfPresent(path) else {
            throw path.error(.missing, "empty")
        }
        return value
    }
}

extension UInt64 {
    /// The number, if it lies within the bounds.
    func checked(
        _ path: FieldPath,
        in bounds: ClosedRange<UInt64> = WireLimits.counter
    ) throws(WireError) -> UInt64 {
        guard self <= bounds.upperBound else {
            throw path.error(.outOfBounds, "\(self), at most \(bounds.upperBound)")
        }
        guard self >= bounds.lowerBound else {
            throw path.error(.outOfBounds, "\(self), at least \(bounds.lowerBound)")
        }
        return self
    }

    /// The number; nil for 0, which means that there is none.
    func ifSet(_ path: FieldPath) throws(WireError) -> UInt64? {
        let number = try checked(path)
        return number == 0 ? nil : number
    }

    /// The number, which is not 0.
    func counted(_ path: FieldPath) throws(WireError) -> UInt64 {
        try checked(path, in: 1...WireLimits.counter.upperBound)
    }

    /// The time span of so many milliseconds.
    func milliseconds(_ path: FieldPath) throws(WireError) -> Duration {
        .milliseconds(Int64(try checked(path)))
    }

    /// The time span of so many milliseconds; nil for 0, which means that there is none.
    func millisecondsIfSet(_ path: FieldPath) throws(WireError) -> Duration? {
        try ifSet(path).map { .milliseconds(Int64($0)) }
    }
}

/// Numbers of a protobuf enumeration that stand for cases of a Swift one.
protocol WireEnumeration: CaseIterable, Hashable, Sendable {
    associatedtype Packed: RawRepresentable<UInt32>

    /// The number of the case; never that of "unspecified".
    var packed: Packed { get }
}

extension WireEnumeration {
    /// The case of a number.
    ///
    /// - Throws: `malformed` for a number of a later version. It is never skipped: what it asks for is unknown.
    init(_ packed: Packed, _ path: FieldPath, _ kind: StaticString) throws(WireError) {
        guard let value = Self.allCases.first(where: { $0.packed.rawValue == packed.rawValue })
        else {
            guard packed.rawValue != 0 else { throw path.error(.missing, "absent") }
            throw path.error(.malformed, "\(packed.rawValue) is an unknown \(kind)")
        }
        self = value
    }
}
