// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ChordRPC

/// A service of a node: methods that peers can call. It starts and stops with the node, and is told
/// of each change of the node's place in the ring.
///
/// The ring's protocol, administration, health, reflection and the dialects of other
/// implementations are such services. A program can add its own.
///
/// Services start in the order in which they were given, before the node serves and joins. They
/// stop in the opposite order, after the node has left the ring and has answered all requests. In
/// between, each service is told of every change, in order. All callbacks run on the node's
/// executor: an actor that uses ``NodeContext/unownedExecutor`` as its executor may use
/// `assumeIsolated` in them.
public protocol NodeService: Sendable {
    /// The methods with their handlers. The property is read once, before the node serves.
    var methods: [ServiceMethod] { get }

    /// The files that declare the methods, for reflection. Each is a serialised
    /// `google.protobuf.FileDescriptorProto`.
    var protoFiles: [[UInt8]] { get }

    /// Prepares the service for calls. The node is not a member yet.
    ///
    /// - Throws: the reason why the service cannot work. The node then ends without serving, and
    ///   `run()` throws a ``ChordError`` of code `serviceFailed` with this error as its cause.
    nonisolated(nonsending) func start(_ node: NodeContext) async throws

    /// The node's place is about to change. Requests are still answered from the old place. The
    /// node waits for this method, so it must return soon. It cannot prevent the change.
    func placeWillChange(_ change: PlaceChange)

    /// The node's place has changed. Requests are answered from the new place. The node waits for
    /// this method, so it must return soon.
    func placeDidChange(_ change: PlaceChange)

    /// The node is about to leave the ring. It stays a member until this method has returned in
    /// every service, but no longer than `allowance`. At the end of the allowance the task is
    /// cancelled and the node leaves. All services are told at the same time.
    ///
    /// The method is not called if the node fails, or if it was not a member.
    nonisolated(nonsending) func nodeWillLeave(within allowance: Duration) async

    /// Releases the service's resources. The service receives no calls after this.
    nonisolated(nonsending) func stop() async
}

extension NodeService {
    /// No files: reflection lists the service, but cannot describe its methods.
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

/// A service that holds what others need, and moves it to other nodes before its node leaves for good.
package protocol HoldingService: NodeService {
    /// Moves everything away. The node is a member meanwhile, and stays one if the task is cancelled.
    ///
    /// - Throws: why the node should not leave.
    nonisolated(nonsending) func moveAway() async throws(Status)
}
