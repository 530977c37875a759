// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
internal import CProtobufC

extension EncodingArena {
    /// A message that its generated function has initialised.
    mutating func message<Packed>(
        _ initialize: (UnsafeMutablePointer<Packed>?) -> Void
    ) -> UnsafeMutablePointer<Packed> {
        let message = allocate(Packed.self, count: 1)
        initialize(message)
        return message
    }

    /// The messages of a list.
    mutating func messages<Value, Packed>(
        _ values: some Collection<Value>,
        _ encode: (inout EncodingArena, Value) -> UnsafeMutablePointer<Packed>
    ) -> (count: Int, first: UnsafeMutablePointer<UnsafeMutablePointer<Packed>?>?) {
        guard !values.isEmpty else { return (0, nil) }
        let first = allocate(UnsafeMutablePointer<Packed>?.self, count: values.count)
        var next = first
        for value in values {
            next.initialize(to: encode(&self, value))
            next += 1
        }
        return (values.count, first)
    }

    /// The numbers of a list.
    mutating func numbers(
        _ numbers: [UInt64]
    ) -> (count: Int, first: UnsafeMutablePointer<UInt64>?) {
        guard !numbers.isEmpty else { return (0, nil) }
        let first = allocate(UInt64.self, count: numbers.count)
        for (index, number) in numbers.enumerated() { (first + index).initialize(to: number) }
        return (numbers.count, first)
    }

    /// A random identifier, or no bytes for nil.
    mutating func bits(_ value: UInt128?) -> ProtobufCBinaryData {
        guard let value else { return ProtobufCBinaryData() }
        let bytes = allocate(UInt8.self, count: WireLimits.randomBytes)
        for index in 0..<WireLimits.randomBytes {
            let shift = 8 * (WireLimits.randomBytes - 1 - index)
            (bytes + index).initialize(to: UInt8(truncatingIfNeeded: value >> UInt128(shift)))
        }
        return ProtobufCBinaryData(len: WireLimits.randomBytes, data: bytes)
    }
}

extension Duration {
    /// Milliseconds for a message, rounded up so that a short span does not become none; at most what the
    /// contract allows, and 0 for a negative span.
    var wireMilliseconds: UInt64 {
        guard self > .zero else { return 0 }
        let (seconds, attoseconds) = components
        let (whole, overflows) = UInt64(seconds).multipliedReportingOverflow(by: 1_000)
        guard !overflows else { return WireLimits.counter.upperBound }
        let rest = UInt64(attoseconds / 1_000_000_000_000_000)
        let isPartial = attoseconds % 1_000_000_000_000_000 > 0
        let (sum, beyond) = whole.addingReportingOverflow(rest + (isPartial ? 1 : 0))
        return beyond ? WireLimits.counter.upperBound : min(sum, WireLimits.counter.upperBound)
    }
}
