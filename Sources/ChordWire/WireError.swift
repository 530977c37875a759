// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore

/// Why bytes from a peer are not the message they should be.
package struct WireError: Error, Sendable, CustomStringConvertible {
    /// The kind of the error; new kinds may be added.
    package struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Kind: String {
            case tooLarge, malformed, missing, tooMany, invalidText, invalidIdentifier,
                invalidParameters, widthDiffers, outOfBounds
        }

        private let kind: Kind

        /// More bytes than a message may have.
        package static let tooLarge = Code(kind: .tooLarge)
        /// Not in the protobuf encoding of this message.
        package static let malformed = Code(kind: .malformed)
        /// A field that the message needs is not there.
        package static let missing = Code(kind: .missing)
        /// More elements than a list may have.
        package static let tooMany = Code(kind: .tooMany)
        /// Text that is empty, too long, not UTF-8, or has a zero byte in it.
        package static let invalidText = Code(kind: .invalidText)
        /// Bytes that are no identifier of the ring.
        package static let invalidIdentifier = Code(kind: .invalidIdentifier)
        /// A number beyond what it may be.
        package static let outOfBounds = Code(kind: .outOfBounds)
        /// Ring parameters that no ring can have.
        package static let invalidParameters = Code(kind: .invalidParameters)
        /// The peer's ring has identifiers of another width: its identifiers mean nothing here.
        package static let widthDiffers = Code(kind: .widthDiffers)

        /// The name of the code.
        package var description: String { kind.rawValue }
    }

    /// The kind of the error.
    package let code: Code
    /// The field and what is wrong with it.
    package let message: String
    /// The error below this one, if there is one.
    package let cause: (any Error)?

    package init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    /// Code, message and cause in one line.
    package var description: String {
        cause.map { "\(code): \(message) (cause: \($0))" } ?? "\(code): \(message)"
    }
}

extension WireError: ErrorWithMessage {}
