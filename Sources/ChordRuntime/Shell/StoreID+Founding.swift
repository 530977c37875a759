// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordBase
import ChordCore
import ChordHash

extension StoreID {
    /// The identifier of the store of a ring whose founders have these disks: the leading bits of the SHA-256 of
    /// their identifiers.
    package init(foundedOn disks: [DiskID]) {
        let bytes = disks.sorted().flatMap { Self.bytes($0.high) + Self.bytes($0.low) }
        let digest = Self.space.bytes(of: HashFunction.sha256.identifier(of: bytes, in: Self.space))
        func word(_ part: ArraySlice<UInt8>) -> UInt64 { part.reduce(0) { $0 << 8 | UInt64($1) } }
        self.init(high: word(digest[..<8]), low: word(digest[8...]))
    }

    private static let space: IdentifierSpace = {
        do {
            return try IdentifierSpace(width: 128)
        } catch {
            preconditionFailure("128 is a width: \(error)")
        }
    }()

    private static func bytes(_ word: UInt64) -> [UInt8] {
        withUnsafeBytes(of: word.bigEndian) { Array($0) }
    }
}
