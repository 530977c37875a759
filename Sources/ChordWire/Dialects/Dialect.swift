// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore

/// The calls, messages and known errors of one Chord implementation.
///
/// A dialect only translates. Its statements about other nodes are claims: its user checks
/// identifiers against the ring's rule and asks the nodes themselves.
package protocol Dialect: Sendable {
    /// Its name.
    var name: DialectName { get }
    /// The full name of its service.
    var service: String { get }

    /// Why nodes of this dialect cannot be members of a ring with these parameters; nil if they
    /// can.
    func objection(to parameters: RingParameters) -> String?

    // MARK: Asking

    /// The calls of an operation, in this order; none if the dialect has no such call.
    func calls(for statement: PeerOperation, in parameters: RingParameters) -> [DialectCall]

    /// The state of a node, from its answers to the calls for ``PeerOperation/state``; nil if it is
    /// not a member of this ring.
    func state(
        of node: NodeReference?,
        from answers: [[UInt8]],
        in parameters: RingParameters
    ) throws(WireError) -> DialectState?

    /// The successor list of the same answers, unchecked.
    func listed(
        in answers: [[UInt8]],
        in parameters: RingParameters
    ) throws(WireError) -> [NodeReference]

    /// Whether the same answers say that the node cannot reach its first successor, while other members
    /// can.
    func isHeadUnreached(in answers: [[UInt8]], in parameters: RingParameters) -> Bool

    /// The owner that the answer to ``PeerOperation/owner(of:)`` names.
    func owner(
        from answers: [[UInt8]],
        in parameters: RingParameters
    ) throws(WireError) -> NodeReference
}

/// The state of a node as its answers describe it.
package struct DialectState: Hashable, Sendable {
    /// Node, predecessor and successors.
    package var state: RingState
    /// What the node's program can do; nil in a dialect that does not say it.
    package var capabilities: Capabilities?

    /// A state from its parts.
    package init(_ state: RingState, capabilities: Capabilities? = nil) {
        self.state = state
        self.capabilities = capabilities
    }
}

/// A statement or question of a node to another node, in any dialect.
package enum PeerOperation: Hashable, Sendable {
    /// "What is your state in the ring?"
    case state
    /// "Who owns this identifier?" Other implementations are never asked for an identifier that is,
    /// or may be, a member's: Concord can crash on that.
    case owner(of: Identifier)
    /// "I may be your predecessor", or, with `changed`, "my state has changed".
    case notify(NodeReference, changed: Bool)
    /// "I leave the ring; these were my neighbours."
    case leave(LeaveNotice)
    /// A question for a state, or a Notify, to the caller's head: with the caller's claim on its
    /// range. A dialect without claims leaves it out.
    indirect case claiming(RangeClaim, PeerOperation)
}

/// A unary call of a dialect.
package struct DialectCall: Hashable, Sendable {
    /// The method's name, without the service.
    package var method: String
    /// The request.
    package var message: [UInt8]

    /// A call from its parts.
    package init(_ method: String, _ message: [UInt8]) {
        self.method = method
        self.message = message
    }
}

/// A dialect of another implementation, which this node also serves.
package protocol ForeignDialect: Dialect {
    /// The request of a call.
    func question(
        _ method: String,
        _ request: UnsafeRawBufferPointer,
        in parameters: RingParameters
    ) throws(WireError) -> DialectRequest

    /// The parameters with the widest identifiers that this dialect has. An identifier that is too wide
    /// for the ring can be read with them, to explain why its node is refused.
    func widest(_ parameters: RingParameters) -> RingParameters

    /// The answer to a call in this dialect.
    ///
    /// - Throws: ``WireError`` if an answer would harm the caller.
    func encode(
        _ answer: DialectResponse,
        to method: String,
        in parameters: RingParameters
    ) throws(WireError) -> [UInt8]
}

/// A request of a node of another implementation.
package enum DialectRequest: Hashable, Sendable {
    /// The owner of an identifier. A node may ask for its own, to find its place.
    case owner(of: Identifier)
    /// This node's place in the ring.
    case state
    /// The caller may be this node's predecessor.
    case notify(NodeReference)
}

/// The answer to such a request.
package enum DialectResponse: Hashable, Sendable {
    /// The owner.
    case owner(NodeReference)
    /// This node's place in the ring.
    case state(RingState)
    /// The request was noted.
    case done
}

/// All dialects.
package enum Dialects {
    /// This project's own.
    package static let native: any Dialect = NativeDialect()

    /// The dialect of another implementation; nil for our own.
    package static func foreign(_ name: DialectName) -> (any ForeignDialect)? {
        switch name {
        case .native: nil
        case .concord: ConcordDialect()
        }
    }
}
