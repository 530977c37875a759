// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordBase

/// Why bytes from a peer are not a valid message. The message names the field and the problem.
package typealias WireError = ModuleError<WireErrorCode>

/// The kind of a `WireError`.
package struct WireErrorCode: ErrorCode {
    private enum Kind: String {
        case tooLarge, malformed, missing, tooMany, invalidText, invalidIdentifier,
            invalidParameters, widthDiffers, outOfBounds, contradictory, unknownVersion
    }

    private let kind: Kind

    /// The message has more bytes than the limit.
    package static let tooLarge = Self(kind: .tooLarge)
    /// The bytes are not the protobuf encoding of this message.
    package static let malformed = Self(kind: .malformed)
    /// A required field is missing.
    package static let missing = Self(kind: .missing)
    /// A list has more elements than the limit.
    package static let tooMany = Self(kind: .tooMany)
    /// A text is empty, too long, not UTF-8, or contains a zero byte.
    package static let invalidText = Self(kind: .invalidText)
    /// The bytes are not an identifier of the ring.
    package static let invalidIdentifier = Self(kind: .invalidIdentifier)
    /// A number is outside its range.
    package static let outOfBounds = Self(kind: .outOfBounds)
    /// Fields of the message contradict each other.
    package static let contradictory = Self(kind: .contradictory)
    /// The message has a version that this release does not know.
    package static let unknownVersion = Self(kind: .unknownVersion)
    /// The ring parameters contradict each other or are outside their ranges.
    package static let invalidParameters = Self(kind: .invalidParameters)
    /// The peer's ring has identifiers of another width, so its identifiers mean nothing here.
    package static let widthDiffers = Self(kind: .widthDiffers)

    /// The name of the code.
    package var description: String { kind.rawValue }
}
