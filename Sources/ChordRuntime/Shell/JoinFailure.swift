// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// What each of the addresses answered through which a node tried to become a member.
///
/// It is the cause of the `ChordError` with which joining or founding ends in vain.
package struct JoinFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind of a contact's failure; new kinds may be added.
    package struct Reason: Hashable, Sendable, CustomStringConvertible {
        private enum Kind: String {
            case itself, notMember, notTried, other
        }

        private let kind: Kind

        /// The address is this node's own.
        package static let itself = Reason(kind: .itself)
        /// A node answers there, and it is not a member of a ring.
        package static let notMember = Reason(kind: .notMember)
        /// The time was over before the address had its turn.
        package static let notTried = Reason(kind: .notTried)
        /// Anything else; the text says what.
        package static let other = Reason(kind: .other)

        /// The name of the reason.
        package var description: String { kind.rawValue }
    }

    /// One address that was tried.
    package struct Contact: Hashable, Sendable {
        /// The address, as `host:port`.
        package var address: String
        /// The kind of the failure.
        package var reason: Reason
        /// The failure in words.
        package var text: String
        /// What stands in the way, where there is something to do about it.
        package var causes: [ChordError.Reason] = []
    }

    /// The addresses in the order in which they are tried.
    package var contacts: [Contact]

    /// Whether nodes answer at some of the addresses, and none of the addresses is known to be a member's:
    /// what several nodes see that all want to join each other, and none begins the ring.
    package var allWait: Bool {
        contacts.contains { $0.reason == .notMember }
            && contacts.allSatisfy { [.notMember, .itself].contains($0.reason) }
    }

    /// Whether the node was told to join through itself, and through nobody else.
    package var isOnlyItself: Bool { contacts.allSatisfy { $0.reason == .itself } }

    /// Each address with its reason.
    package var description: String {
        contacts.map { contact in
            contact.text.contains(contact.address)
                ? contact.text : "\(contact.address): \(contact.text)"
        }.joined(separator: "; ")
    }
}

/// The addresses that a joining node tries, and what came of it last.
struct JoinAttempts {
    /// The addresses to call, in turn: contacts first, then former members; without this node's own.
    let others: [String]
    private let own: String
    private let hasOwn: Bool
    private var failures: [String: ChordError] = [:]
    /// A live member has answered in this pass: the ring lives, whatever kept this node from joining it.
    var hasHeardMember = false

    init(contacts: [String], former: [String], own: String) {
        var seen: Set<String> = [own]
        others = (contacts + former).filter { seen.insert($0).inserted }
        self.own = own
        hasOwn = contacts.contains(own)
    }

    mutating func beginPass() {
        hasHeardMember = false
    }

    mutating func failed(_ address: String, _ error: ChordError) {
        failures[address] = error
        // A node lives there. It may be a member, and only the certificates are in the way.
        let refusals: [ChordError.Reason] = [.ownCertificateRefused, .peerCertificateRefused]
        if error.allReasons.contains(where: refusals.contains) { hasHeardMember = true }
    }

    /// What the addresses said last.
    var failure: JoinFailure {
        var contacts = others.map { address -> JoinFailure.Contact in
            guard let error = failures[address] else {
                return .init(address: address, reason: .notTried, text: "not tried in time")
            }
            let text = error.cause.map { "\(error.message) (cause: \($0))" } ?? error.message
            return .init(
                address: address,
                reason: error.code == .notMember ? .notMember : .other,
                text: text,
                causes: error.allReasons
            )
        }
        if hasOwn {
            contacts.append(
                .init(address: own, reason: .itself, text: "\(own) is this node itself")
            )
        }
        return JoinFailure(contacts: contacts)
    }

    /// The error where trying again would not help at any of the addresses; nil while it may help at one.
    var finalError: ChordError? {
        let all = others.map { failures[$0] }
        guard all.allSatisfy({ $0?.isFinal == true }), let first = all.first ?? nil else {
            return nil
        }
        if others.count == 1 { return first }
        return ChordError(first.code, "no contact lets this node join", cause: failure)
    }

    /// The error when the time is over.
    var timeIsOver: ChordError {
        ChordError(.noContact, "no contact let this node join in time", cause: failure)
    }

    /// The error of a node that was told to join through nobody but itself.
    var onlyItself: ChordError {
        ChordError(
            .invalidConfiguration,
            "this node was told to join a ring through itself, which cannot begin or find one: name a "
                + "member of the ring; nodes that begin a ring together are all named as its initial ring",
            cause: failure
        )
    }
}
