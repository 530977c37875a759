// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Why something that was asked of a node or of a ring did not happen.
public struct ChordError: Error, Sendable, CustomStringConvertible {
    /// The kind of the error; new kinds may be added.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Kind: String {
            case invalidConfiguration, nameTaken, parametersDiffer, noContact, notMember
            case lookupFailed, deadlineExceeded, replaced, refused, stopped, invalidAnswer
            case unreachable
        }

        private let kind: Kind

        /// A setting that cannot work; the message says which and why.
        public static let invalidConfiguration = Code(kind: .invalidConfiguration)
        /// A live node of the same name is a member, or one at the same identifier.
        public static let nameTaken = Code(kind: .nameTaken)
        /// The ring has another name, hash, width, identifier rule or list length.
        public static let parametersDiffer = Code(kind: .parametersDiffer)
        /// None of the addresses answered as a member.
        public static let noContact = Code(kind: .noContact)
        /// The node is not a member yet, or no longer.
        public static let notMember = Code(kind: .notMember)
        /// No owner was found.
        public static let lookupFailed = Code(kind: .lookupFailed)
        /// No answer came in time.
        public static let deadlineExceeded = Code(kind: .deadlineExceeded)
        /// A newer life of this node runs elsewhere.
        public static let replaced = Code(kind: .replaced)
        /// The peer does not allow it.
        public static let refused = Code(kind: .refused)
        /// The node was stopped meanwhile.
        public static let stopped = Code(kind: .stopped)
        /// A peer's answer makes no sense.
        public static let invalidAnswer = Code(kind: .invalidAnswer)
        /// Other members cannot dial this node at the address that it advertises.
        public static let unreachable = Code(kind: .unreachable)

        /// The name of the code.
        public var description: String { kind.rawValue }
    }

    /// The kind of the error.
    public let code: Code
    /// What went wrong, and what to do about it.
    public let message: String
    /// The error beneath, if there is one.
    public let cause: (any Error)?

    package init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    /// Code, message and cause in one line.
    public var description: String {
        guard let cause else { return "\(code): \(message)" }
        return "\(code): \(message) (cause: \(cause))"
    }
}
