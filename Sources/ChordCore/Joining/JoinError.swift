// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Why a contact does not let a node join, or why joining or founding has failed.
package struct JoinError: Error, Sendable, CustomStringConvertible {
    /// The kind of the error.
    package enum Code: String, Hashable, Sendable {
        case invalidAnswer, invalidConfiguration, nameTaken, noContact, notMember
        case parametersDiffer, refused, unreachable
        /// Another error of the caller.
        case other
    }

    /// The kind of the error.
    package var code: Code
    /// The problem and its remedy.
    package var message: String
    /// The underlying error; for an error of the caller, the caller's own.
    package var cause: (any Error)?
    /// Whether a node answers at the contact but the certificates do not match. The contact may be
    /// a member.
    package var isCertificateRefused: Bool

    /// An error from its parts.
    package init(
        _ code: Code,
        _ message: String,
        cause: (any Error)? = nil,
        isCertificateRefused: Bool = false
    ) {
        self.code = code
        self.message = message
        self.cause = cause
        self.isCertificateRefused = isCertificateRefused
    }

    /// Whether another attempt would fail in the same way.
    package var isFinal: Bool {
        switch code {
        case .nameTaken, .parametersDiffer, .refused, .invalidConfiguration, .unreachable: true
        case .invalidAnswer, .noContact, .notMember, .other: false
        }
    }

    /// Code and message.
    package var description: String { "\(code.rawValue): \(message)" }
}

/// A contact of a joining node, and how the last attempt through it ended.
package struct JoinContact: Sendable {
    /// How the last attempt ended.
    package enum Outcome: Sendable {
        /// The address is the joining node's own.
        case itself
        /// The time was over before the contact was tried.
        case notTried
        /// The contact did not let the node join.
        case failed(JoinError)
    }

    /// The contact's address.
    package var address: String
    /// How the last attempt ended.
    package var outcome: Outcome

    /// A contact from its parts.
    package init(address: String, outcome: Outcome) {
        self.address = address
        self.outcome = outcome
    }
}

extension JoinError {
    static let ringChanged = JoinError(.noContact, "the ring changed meanwhile")

    /// A ring's parameters differ from the node's own.
    package static func parametersDiffer(at address: String, _ difference: String) -> JoinError {
        JoinError(.parametersDiffer, "cannot join the ring of \(address): \(difference)")
    }
}
