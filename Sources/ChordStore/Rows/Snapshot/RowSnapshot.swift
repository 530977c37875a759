// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Rows and some records as they were at one moment, as bytes that ``RowStreamDecoder`` reads. Every engine makes
/// the same bytes of the same rows.
///
/// The executor of the engine's owner makes all calls.
package protocol RowSnapshot: AnyObject, Sendable {
    var byteCount: Int { get }
    var rowCount: Int { get }
    /// CRC-32 of all bytes.
    var checksum: UInt32 { get }

    /// Reads a part: up to `count` bytes from `offset`, fewer only at the end. Parts can be read again, so
    /// that a transfer can be resumed.
    ///
    /// Errors: `closed` after ``discard()`` or the end of the engine; `ioFailed`.
    func read(
        at offset: Int,
        atMost count: Int,
        _ completion: @escaping @Sendable (Result<[UInt8], StoreError>) -> Void
    )

    /// Frees what the snapshot takes. The release of the last reference does the same.
    func discard()
}
