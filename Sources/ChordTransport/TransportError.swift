// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// What kept a transport from starting.
public struct TransportError: Error, CustomStringConvertible {
    /// The kind of failure.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Kind: String {
            case invalidAddress
            case resolveFailed
            case bindFailed
            case addressInUse
            case addressNotOurs
            case portReserved
            case invalidState
            case outOfResources
        }

        private let kind: Kind

        private init(_ kind: Kind) { self.kind = kind }

        /// An address is not of the form `host:port`.
        public static let invalidAddress = Code(.invalidAddress)
        /// A host name could not be turned into addresses.
        public static let resolveFailed = Code(.resolveFailed)
        /// The listening socket could not be opened.
        public static let bindFailed = Code(.bindFailed)
        /// Somebody listens at the address already.
        public static let addressInUse = Code(.addressInUse)
        /// The address to listen on is none of this machine's.
        public static let addressNotOurs = Code(.addressNotOurs)
        /// A port to listen on is kept for the system (below 1024 as a rule).
        public static let portReserved = Code(.portReserved)
        /// An operation came at the wrong time, such as a second `bind`.
        public static let invalidState = Code(.invalidState)

        /// The system does not give this process what it needs.
        public static let outOfResources = Code(.outOfResources)

        /// The code's name.
        public var description: String { kind.rawValue }
    }

    /// The kind of failure.
    public let code: Code
    /// What happened, for a person.
    public let message: String
    /// What lies behind it.
    public let cause: (any Error)?

    init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    /// `code: message (cause: …)`.
    public var description: String {
        guard let cause else { return "\(code): \(message)" }
        return "\(code): \(message) (cause: \(cause))"
    }
}
