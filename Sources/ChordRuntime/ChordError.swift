// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ChordBase
package import ChordRPC

/// A failed operation of a node or a client.
public struct ChordError: CodedError {
    /// The kind of the error; new kinds may be added.
    public struct Code: ErrorCode {
        private enum Kind: String {
            case invalidConfiguration, nameTaken, parametersDiffer, noContact, notMember
            case lookupFailed, deadlineExceeded, replaced, refused, stopped, invalidAnswer
            case cancelled, invalidState, unreachable, serviceFailed, callFailed
        }

        private let kind: Kind

        /// A setting is invalid; the message names it and the reason.
        public static let invalidConfiguration = Self(kind: .invalidConfiguration)
        /// Another live node has the same name or the same identifier.
        public static let nameTaken = Self(kind: .nameTaken)
        /// The ring's name, hash, identifier width, identifier rule or list length differs.
        public static let parametersDiffer = Self(kind: .parametersDiffer)
        /// None of the addresses answered as a member.
        public static let noContact = Self(kind: .noContact)
        /// The node is not a member yet, or no longer.
        public static let notMember = Self(kind: .notMember)
        /// The lookup found no owner.
        public static let lookupFailed = Self(kind: .lookupFailed)
        /// No answer arrived before the deadline.
        public static let deadlineExceeded = Self(kind: .deadlineExceeded)
        /// Another node with this name has a newer incarnation.
        public static let replaced = Self(kind: .replaced)
        /// The peer refuses the call.
        public static let refused = Self(kind: .refused)
        /// The node or client was stopped during the call.
        public static let stopped = Self(kind: .stopped)
        /// A peer's answer contradicts itself or the ring's rules.
        public static let invalidAnswer = Self(kind: .invalidAnswer)
        /// Other members cannot dial this node at the address that it advertises.
        public static let unreachable = Self(kind: .unreachable)

        /// The calling task was cancelled.
        public static let cancelled = Self(kind: .cancelled)
        /// The call does not fit the object's state, for example a second `run()` of a node.
        public static let invalidState = Self(kind: .invalidState)

        /// A service of the node did not start; its error is the cause.
        public static let serviceFailed = Self(kind: .serviceFailed)
        /// A call of an embedder's own method ended with a ``Status`` other than OK, which is the
        /// cause.
        public static let callFailed = Self(kind: .callFailed)

        /// The name of the code.
        public var description: String { kind.rawValue }
    }

    /// The kind of the error.
    public let code: Code
    /// What went wrong, and what to do about it.
    public let message: String
    /// The underlying error, if there is one. The message does not repeat it.
    public let cause: (any Error)?
    /// Causes that the user can remove. Those of several peers are in the order of the peers.
    public let reasons: [Reason]

    /// A cause of failure that the user can remove. Later versions may add reasons.
    public struct Reason: Hashable, Sendable, CustomStringConvertible {
        private enum Kind: String {
            case ownCertificateRefused, peerCertificateRefused, peerProvesHostOnly, peerIsAnother
            case notOurProtocol, otherImplementation, administratorsOnly, customHash
        }

        private let kind: Kind

        /// A peer does not accept our certificate.
        public static let ownCertificateRefused = Self(kind: .ownCertificateRefused)
        /// We do not accept a peer's certificate.
        public static let peerCertificateRefused = Self(kind: .peerCertificateRefused)
        /// A peer's certificate proves its host only, and such certificates are not admitted here.
        public static let peerProvesHostOnly = Self(kind: .peerProvesHostOnly)
        /// A peer's certificate is valid for another host or name than the dialled one.
        public static let peerIsAnother = Self(kind: .peerIsAnother)
        /// The program at an address does not speak TLS 1.3, or does not speak HTTP/2.
        public static let notOurProtocol = Self(kind: .notOurProtocol)
        /// The peer is a node of another implementation, which does not speak our dialect.
        public static let otherImplementation = Self(kind: .otherImplementation)
        /// Only the certificate of an administrator may make this call.
        public static let administratorsOnly = Self(kind: .administratorsOnly)
        /// The ring uses a hash function that this program does not have.
        public static let customHash = Self(kind: .customHash)

        /// The name of the reason.
        public var description: String { kind.rawValue }
    }

    package init(
        _ code: Code,
        _ message: String,
        cause: (any Error)? = nil,
        reasons: [Reason] = []
    ) {
        self.code = code
        self.message = message
        self.cause = cause
        self.reasons = reasons
    }

    /// The reasons of this error and of its causes.
    public var allReasons: [Reason] {
        let beneath =
            switch cause {
            case let error as ChordError: error.allReasons
            case let failure as JoinFailure: failure.contacts.flatMap(\.causes)
            default: [Reason]()
            }
        return reasons + beneath
    }
}

extension ChordError.Reason {
    /// The reason that a failed call's status shows; nil if it shows none.
    init?(_ status: Status) {
        switch status.reason {
        case .ownCertificateRefused?: self = .ownCertificateRefused
        case .peerCertificateRefused?: self = .peerCertificateRefused
        case .peerProvesHostOnly?: self = .peerProvesHostOnly
        case .peerIsAnother?: self = .peerIsAnother
        case .notOurProtocol?: self = .notOurProtocol
        // Only calls of the store have it, and the store's client tells it in its own error.
        case .mayHaveHappened?: return nil
        // The status's text says it.
        case .nothingListens?, nil: return nil
        }
    }

    /// The reason that a failed call's status shows, as a list of at most one.
    package static func of(_ status: Status) -> [Self] { Self(status).map { [$0] } ?? [] }
}
