// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The bytes of an input, taken from the front: first those that steer, then those that are tried.
package struct FuzzInput {
    private var rest: UnsafeRawBufferPointer

    package init(_ bytes: UnsafeRawBufferPointer) {
        rest = bytes
    }

    package var isEmpty: Bool { rest.isEmpty }

    /// The next byte, and zero after the last.
    package mutating func byte() -> UInt8 {
        guard let byte = rest.first else { return 0 }
        rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst())
        return byte
    }

    /// Up to `count` bytes.
    package mutating func take(_ count: Int) -> UnsafeRawBufferPointer {
        let taken = UnsafeRawBufferPointer(rebasing: rest.prefix(count))
        rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
        return taken
    }

    /// As many bytes as the next byte says.
    package mutating func field() -> UnsafeRawBufferPointer {
        take(Int(byte()))
    }

    /// All that is left.
    package mutating func remainder() -> UnsafeRawBufferPointer {
        take(rest.count)
    }
}
