// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore

/// The results of all addresses through which a node tried to join.
///
/// It is the cause of the `ChordError` that is thrown when joining or founding fails.
package struct JoinFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind of a contact's failure; new kinds may be added.
    package struct Reason: Hashable, Sendable, CustomStringConvertible {
        private enum Kind: String {
            case itself, notMember, notTried, other
        }

        private let kind: Kind

        /// The address belongs to this node.
        package static let itself = Reason(kind: .itself)
        /// The node at the address is not a member of a ring.
        package static let notMember = Reason(kind: .notMember)
        /// The time was over before the address was tried.
        package static let notTried = Reason(kind: .notTried)
        /// Any other reason; see the text.
        package static let other = Reason(kind: .other)

        /// The name of the reason.
        package var description: String { kind.rawValue }
    }

    /// The result of one address.
    package struct Contact: Hashable, Sendable {
        /// The address, as `host:port`.
        package var address: String
        /// The kind of the failure.
        package var reason: Reason
        /// The failure as a sentence.
        package var text: String
        /// The causes that an operator can remove.
        package var causes: [ChordError.Reason] = []
    }

    /// The results, in the order in which the addresses are tried.
    package var contacts: [Contact]

    /// Whether nodes answer at some of the addresses, but none of the addresses is known to be a
    /// member's. Several nodes that all wait to join each other see this.
    package var allWait: Bool {
        contacts.contains { $0.reason == .notMember }
            && contacts.allSatisfy { [.notMember, .itself].contains($0.reason) }
    }

    /// Each address with its reason.
    package var description: String {
        contacts.map { contact in
            contact.text.contains(contact.address)
                ? contact.text : "\(contact.address): \(contact.text)"
        }.joined(separator: "; ")
    }
}

extension JoinFailure {
    init(_ contacts: [JoinContact]) {
        self.contacts = contacts.map { contact in
            let address = contact.address
            switch contact.outcome {
            case .itself:
                return Contact(
                    address: address,
                    reason: .itself,
                    text: "\(address) is this node itself"
                )
            case .notTried:
                return Contact(address: address, reason: .notTried, text: "not tried in time")
            case .failed(let failure):
                let error = ChordError(failure)
                return Contact(
                    address: address,
                    reason: error.code == .notMember ? .notMember : .other,
                    text: error.cause.map { "\(error.message) (cause: \($0))" } ?? error.message,
                    causes: error.allReasons
                )
            }
        }
    }
}

extension ChordError {
    /// The error of a machine. If the machine's error wraps a `ChordError`, that one is used.
    init(_ error: JoinError, contacts: [JoinContact] = []) {
        if contacts.isEmpty, let own = error.cause as? ChordError {
            self = own
            return
        }
        let code: Code =
            switch error.code {
            case .invalidAnswer: .invalidAnswer
            case .invalidConfiguration: .invalidConfiguration
            case .nameTaken: .nameTaken
            case .noContact: .noContact
            case .notMember: .notMember
            case .parametersDiffer: .parametersDiffer
            case .refused: .refused
            case .unreachable: .unreachable
            case .other: .noContact
            }
        self.init(
            code,
            error.message,
            cause: contacts.isEmpty ? error.cause : JoinFailure(contacts)
        )
    }
}

extension JoinError {
    /// Converts an error of this module to the machine's error.
    init(_ error: ChordError) {
        let codes: [(ChordError.Code, Code)] = [
            (.invalidAnswer, .invalidAnswer), (.invalidConfiguration, .invalidConfiguration),
            (.nameTaken, .nameTaken), (.noContact, .noContact), (.notMember, .notMember),
            (.parametersDiffer, .parametersDiffer), (.refused, .refused),
            (.unreachable, .unreachable),
        ]
        let refusals: [ChordError.Reason] = [.ownCertificateRefused, .peerCertificateRefused]
        self.init(
            codes.first { $0.0 == error.code }?.1 ?? .other,
            error.message,
            cause: error,
            isCertificateRefused: error.allReasons.contains(where: refusals.contains)
        )
    }
}
