// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A pattern of names: each `*` stands for any number of characters, everything else for itself.
public struct NamePattern: Hashable, Sendable, CustomStringConvertible {
    /// The pattern as it was given.
    public let description: String
    /// The parts between the stars.
    private let parts: [[UInt8]]

    /// A pattern of this text.
    public init(_ text: String) {
        description = text
        parts = text.utf8.split(separator: UInt8(ascii: "*"), omittingEmptySubsequences: false)
            .map(Array.init)
    }

    /// Whether a name fits.
    public func matches(_ name: String) -> Bool {
        var rest = Array(name.utf8)[...]
        guard let first = parts.first, let last = parts.last, rest.starts(with: first) else {
            return false
        }
        if parts.count == 1 { return rest.count == first.count }
        rest = rest.dropFirst(first.count)
        // Each part between two stars is taken at its first place: a later one would leave less
        // for the parts after it.
        for part in parts.dropFirst().dropLast() where !part.isEmpty {
            guard let place = Self.place(of: part, in: rest) else { return false }
            rest = rest[(place + part.count)...]
        }
        return rest.count >= last.count && rest.suffix(last.count).elementsEqual(last)
    }

    private static func place(of part: [UInt8], in bytes: ArraySlice<UInt8>) -> Int? {
        guard part.count <= bytes.count else { return nil }
        return (bytes.startIndex...(bytes.endIndex - part.count)).first {
            bytes[$0...].starts(with: part)
        }
    }
}
