// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore

/// How one make of Chord node talks: what its calls are, what stands in them, and where it errs.
///
/// A dialect only translates. What it says of other nodes is a claim: identifiers are checked against the
/// ring's rule, and nodes are asked themselves, by whoever uses it.
package protocol Dialect: Sendable {
    /// Its name.
    var name: DialectName { get }
    /// The full name of its service.
    var service: String { get }

    /// Why nodes that speak it cannot be members of a ring with these parameters; nil where they can.
    func objection(to parameters: RingParameters) -> String?

    // MARK: Asking

    /// The calls that together say something, in this order; none where the dialect has no such call.
    func calls(for statement: PeerOperation, in parameters: RingParameters) -> [DialectCall]

    /// The state of a node, from its answers to the calls for ``PeerOperation/state``; nil where it is no
    /// member of this ring.
    func state(
        of node: NodeReference?,
        from answers: [[UInt8]],
        in parameters: RingParameters
    ) throws(WireError) -> RingState?

    /// The successor list of the same answers as it came, to be judged.
    func listed(
        in answers: [[UInt8]],
        in parameters: RingParameters
    ) throws(WireError) -> [NodeReference]

    /// The owner that the answer to ``PeerOperation/owner(of:)`` names.
    func owner(
        from answers: [[UInt8]],
        in parameters: RingParameters
    ) throws(WireError) -> NodeReference
}

/// What a node has to say to another, whatever dialect it is said in.
package enum PeerOperation: Hashable, Sendable {
    /// "What is your place in the ring?"
    case state
    /// "Who owns this identifier?" A node of another make is never asked this for an identifier at which a
    /// member stands, or may stand: Concord can die of the question.
    case owner(of: Identifier)
    /// "I may be your predecessor", or, with `changed`, "what you know of me has changed".
    case notify(NodeReference, changed: Bool)
    /// "I go away; these were my neighbours."
    case leave(LeaveNotice)
}

/// A unary call of a dialect.
package struct DialectCall: Hashable, Sendable {
    /// The method's name, without its service's.
    package var method: String
    /// The request.
    package var message: [UInt8]

    /// A call from its parts.
    package init(_ method: String, _ message: [UInt8]) {
        self.method = method
        self.message = message
    }
}

/// A dialect of another make, which this node also answers.
package protocol ForeignDialect: Dialect {
    /// The methods that are answered.
    var methods: [String] { get }

    /// What a call asks for.
    func question(
        _ method: String,
        _ request: UnsafeRawBufferPointer,
        in parameters: RingParameters
    ) throws(WireError) -> DialectQuestion

    /// The answer to a call as this dialect gives it.
    ///
    /// - Throws: ``WireError`` where it cannot be given without harm to the asker.
    func encode(
        _ answer: DialectAnswer,
        to method: String,
        in parameters: RingParameters
    ) throws(WireError) -> [UInt8]
}

/// What nodes of other makes ask.
package enum DialectQuestion: Hashable, Sendable {
    /// Who owns an identifier. A node may ask so for its own, to find its place.
    case owner(of: Identifier)
    /// This node's place in the ring.
    case state
    /// A node says that it may be this node's predecessor.
    case notify(NodeReference)
}

/// What they are answered.
package enum DialectAnswer: Hashable, Sendable {
    /// The owner.
    case owner(NodeReference)
    /// This node's place in the ring.
    case state(RingState)
    /// It was heard.
    case done
}

/// The dialects that there are.
package enum Dialects {
    /// This project's own.
    package static let native: any Dialect = NativeDialect()

    /// A dialect of another make; nil for our own.
    package static func foreign(_ name: DialectName) -> (any ForeignDialect)? {
        switch name {
        case .native: nil
        case .concord: ConcordDialect()
        }
    }
}
