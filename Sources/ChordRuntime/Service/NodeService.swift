// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ChordRPC

/// A service of a node: methods that others call, started and stopped with the node, and told of each change
/// of the node's place in the ring.
///
/// The ring's protocol, administration, health, reflection and the contracts of other implementations are such
/// services, and a program can give its node others.
///
/// A service starts before the node serves and joins, in the order in which services were given, and stops in
/// the opposite order after the node has left and has answered what it was asked. In between it hears of every
/// change, in order and none left out. All of it happens on the node's executor: an actor that takes
/// ``NodeContext/unownedExecutor`` as its own may use `assumeIsolated` there.
public protocol NodeService: Sendable {
    /// The methods with their handlers. Asked for once, before the node serves.
    var methods: [ServiceMethod] { get }

    /// Files that declare the methods, for reflection: each a serialised `google.protobuf.FileDescriptorProto`.
    var protoFiles: [[UInt8]] { get }

    /// Gets ready to be called. The node is no member yet.
    ///
    /// - Throws: why the service cannot work. The node then ends without having served, and `run()` throws a
    ///   ``ChordError`` of code `serviceFailed` with this error as its cause.
    nonisolated(nonsending) func start(_ node: NodeContext) async throws

    /// The node's place is about to change: requests are still answered by the old one. Must return soon, as
    /// the node waits; it cannot prevent the change.
    func placeWillChange(_ change: PlaceChange)

    /// The node's place has changed: requests are answered by the new one. Must return soon, as the node
    /// waits.
    func placeDidChange(_ change: PlaceChange)

    /// The node is about to leave the ring. It does not before this has returned in every service, and is a
    /// member until then; but no longer than `allowance`, at the end of which the task is cancelled and the
    /// node leaves without waiting any more. Services are told at the same time.
    ///
    /// A node that cannot go on, or was no member, ends without this.
    nonisolated(nonsending) func nodeWillLeave(within allowance: Duration) async

    /// Gives back what the service holds: nothing is asked of it any more.
    nonisolated(nonsending) func stop() async
}

extension NodeService {
    /// None: reflection lists the service, and cannot say what its methods take.
    public var protoFiles: [[UInt8]] { [] }

    /// Does nothing.
    nonisolated(nonsending) public func start(_ node: NodeContext) async throws {}

    /// Does nothing.
    public func placeWillChange(_ change: PlaceChange) {}

    /// Does nothing.
    public func placeDidChange(_ change: PlaceChange) {}

    /// Lets the node leave at once.
    nonisolated(nonsending) public func nodeWillLeave(within allowance: Duration) async {}

    /// Does nothing.
    nonisolated(nonsending) public func stop() async {}
}
