// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Why something is not an identifier, or a number not a width.
public struct IdentifierError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind of the error; new kinds may be added.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Kind: String {
            case invalidWidth, wrongLength, outOfRange, digestTooShort, notHexadecimal
        }

        private let kind: Kind

        /// A width outside 1…256.
        public static let invalidWidth = Code(kind: .invalidWidth)
        /// Not as many bytes as the width asks for.
        public static let wrongLength = Code(kind: .wrongLength)
        /// A value that does not fit the width.
        public static let outOfRange = Code(kind: .outOfRange)
        /// A digest with fewer bits than the width.
        public static let digestTooShort = Code(kind: .digestTooShort)
        /// Text that is not a hexadecimal number.
        public static let notHexadecimal = Code(kind: .notHexadecimal)

        /// The name of the code.
        public var description: String { kind.rawValue }
    }

    /// The kind of the error.
    public let code: Code
    /// What was found and what was expected.
    public let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// Code and message in one line.
    public var description: String { "\(code): \(message)" }
}
