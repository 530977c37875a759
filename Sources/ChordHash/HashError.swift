// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore

/// Why a hash function cannot serve a ring.
public struct HashError: Error, Sendable, CustomStringConvertible {
    /// The kind of the error; new kinds may be added.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Kind: String {
            case invalidHash, digestTooShort, unavailable
        }

        private let kind: Kind

        /// A name or a digest length that no ring can have, or a closure that breaks its promise.
        public static let invalidHash = Code(kind: .invalidHash)
        /// A digest with fewer bits than the ring's identifiers.
        public static let digestTooShort = Code(kind: .digestTooShort)
        /// OpenSSL refuses the algorithm, as its FIPS provider may.
        public static let unavailable = Code(kind: .unavailable)

        /// The name of the code.
        public var description: String { kind.rawValue }
    }

    /// The kind of the error.
    public let code: Code
    /// What was found and what was expected.
    public let message: String
    /// The error below this one, if there is one.
    public let cause: (any Error)?

    package init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    /// Code, message and cause in one line.
    public var description: String {
        cause.map { "\(code): \(message) (cause: \($0))" } ?? "\(code): \(message)"
    }
}

extension HashError: ErrorWithMessage {}
