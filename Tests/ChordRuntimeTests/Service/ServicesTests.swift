// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordIdentity
import ChordRPC
import ChordWire
import ChordTestSupport
import Testing

@testable import ChordRuntime

/// Health, reflection and administration, as a client sees them.
@Suite("Services beside the protocol", .tags(.interaction))
struct ServicesTests {
    private static let client = InProcessRing.identity("alice", role: .client)
    private static let admin = InProcessRing.identity("root", role: .admin)

    private func open(
        _ method: RPCMethod,
        at name: String,
        in ring: InProcessRing,
        sending message: [UInt8]?,
        as identity: PeerIdentity = client
    ) throws -> ClientStream {
        let transport = ring.network.transport(identity: identity)
        let executor = ring.executor
        return try executor.wait {
            let call = ClientStreamCall(
                target: PeerTarget(bootstrap: InProcessRing.address(name)),
                method: method,
                deadline: nil
            )
            let stream = transport.openStream(call, on: executor)
            if let message { try await stream.send(message) }
            stream.finishSending()
            return stream
        }
    }

    private func next<Message: WireMessage>(
        _ type: Message.Type,
        of stream: ClientStream,
        in ring: InProcessRing
    ) throws -> Message? {
        let space = ring.space
        return try ring.executor.wait {
            guard let bytes = try await stream.nextMessage() else { return nil }
            return try Message(decoding: bytes, space: space)
        }
    }

    private func health(of service: String, at name: String, in ring: InProcessRing) throws
        -> Result<HealthCheckResponse.Serving, Status>
    {
        let request = HealthCheckRequest(service: service)
        let result = try ring.call(
            HealthMethods.check,
            at: name,
            as: Self.client,
            message: request.encoded(in: ring.space)
        )
        guard result.status.isOK else { return .failure(result.status) }
        return .success(
            try HealthCheckResponse(decoding: result.message, space: ring.space).status
        )
    }

    @Test("A node and each of its services are healthy while it is a member")
    func check() throws {
        let ring = try InProcessRing.settled(2)
        for service in [
            "", "chord.v1.ChordService", "chord.v1.AdminService", HealthMethods.check.service,
            ReflectionMethods.v1.service, ReflectionMethods.v1alpha.service,
        ] {
            #expect(try health(of: service, at: "n0", in: ring).get() == .serving)
        }
        ring.add("outside")
        #expect(try health(of: "", at: "outside", in: ring).get() == .notServing)
        let unknown = try health(of: "chord.v1.Nothing", at: "n0", in: ring)
        guard case .failure(let status) = unknown else {
            Issue.record("\(unknown)")
            return
        }
        #expect(status.code == .notFound)
        #expect(status.message.contains("chord.v1.Nothing"))
    }

    @Test("Health can be watched from before the join to after the leave")
    func watchHealth() throws {
        let ring = try InProcessRing.settled(2)
        let shell = ring.add("late")
        let request = HealthCheckRequest(service: "").encoded(in: ring.space)
        let stream = try open(HealthMethods.watch, at: "late", in: ring, sending: request)
        #expect(try next(HealthCheckResponse.self, of: stream, in: ring)?.status == .notServing)
        ring.startJoining(shell, through: ["n0"])
        #expect(try next(HealthCheckResponse.self, of: stream, in: ring)?.status == .serving)
        try ring.executor.wait { await shell.leave() }
        #expect(try next(HealthCheckResponse.self, of: stream, in: ring)?.status == .notServing)
        let error = #expect(throws: Status.self) {
            try next(HealthCheckResponse.self, of: stream, in: ring)
        }
        #expect(error?.code == .unavailable)
    }

    @Test("Watching an unknown service keeps the call open")
    func watchUnknown() throws {
        let ring = try InProcessRing.settled(1)
        let request = HealthCheckRequest(service: "none").encoded(in: ring.space)
        let stream = try open(HealthMethods.watch, at: "n0", in: ring, sending: request)
        #expect(
            try next(HealthCheckResponse.self, of: stream, in: ring)?.status == .serviceUnknown
        )
        let space = ring.space
        let waiting = ring.executor.start {
            try await stream.nextMessage().map {
                try HealthCheckResponse(decoding: $0, space: space)
            }
        }
        ring.executor.run(for: .seconds(60))
        try ring.leave("n0")
        #expect(throws: Status.self) { try waiting.value() }
    }

    @Test("A description shows the routing view, also of a node that is no member")
    func describe() throws {
        let ring = try InProcessRing.settled(6)
        func description(of name: String) throws -> NodeDescription {
            let result = try ring.call(
                AdminMethods.describe,
                at: name,
                as: Self.client,
                message: []
            )
            #expect(result.status == .ok)
            return try DescribeReply(decoding: result.message, space: ring.space).description
        }
        let view = ring.shell("n3").view
        let described = try description(of: "n3")
        let uptime = try #require(described.uptime)
        #expect(uptime > .zero)
        #expect(
            described == NodeDescription(view, version: ProgramVersion.number, uptime: uptime)
        )
        // A member owns what lies between its predecessor and itself.
        #expect(described.range == view.range)
        #expect(described.phase == .member && described.successors.count == 4)
        ring.add("outside")
        #expect(try description(of: "outside").phase == .notJoined)
        #expect(try description(of: "outside").range == nil)
    }

    @Test("Watch reports each event with its cause, and ends with a status")
    func watch() throws {
        let ring = try InProcessRing.settled(5)
        let (node, next) = (ring.circle[1], ring.circle[2])
        let stream = try open(AdminMethods.watch, at: node.name, in: ring, sending: [])
        let first = try self.next(WatchReply.self, of: stream, in: ring)
        let view = ring.shell(node.name).view
        guard case .now(let now) = first?.content else {
            Issue.record("\(String(describing: first))")
            return
        }
        let expected = NodeDescription(
            view,
            version: ProgramVersion.number,
            uptime: now.uptime
        )
        #expect(now == expected)
        ring.kill(next.name)
        var seen: [WatchReply.Content] = []
        while let reply = try self.next(WatchReply.self, of: stream, in: ring) {
            seen.append(reply.content)
            if case .event(.successorsChanged(_, _, cause: .failed)) = reply.content { break }
        }
        guard case .event(.successorsChanged(let before, let after, _)) = seen.last else {
            Issue.record("\(seen)")
            return
        }
        #expect(before.first == next && !after.contains(next))
        try ring.leave(node.name)
        var last: WatchReply.Content?
        let error = #expect(throws: Status.self) {
            while let reply = try self.next(WatchReply.self, of: stream, in: ring) {
                last = reply.content
            }
        }
        #expect(last == .event(.left))
        #expect(error?.code == .unavailable)
    }

    @Test("Only administrators can make a node leave, and the call ends when it has left")
    func leave() throws {
        let ring = try InProcessRing.settled(4)
        let name = ring.circle[1].name
        for identity in [Self.client, InProcessRing.identity("n0")] {
            let result = try ring.call(AdminMethods.leave, at: name, as: identity, message: [])
            #expect(result.status.code == .permissionDenied)
        }
        #expect(ring.shell(name).view.isMember)
        let result = try ring.call(AdminMethods.leave, at: name, as: Self.admin, message: [])
        #expect(result.status == .ok)
        #expect(ring.shell(name).view.phase == .left)
        #expect(!ring.shell("n0").view.table.entries.contains { $0.name == name } || name == "n0")
    }

    @Test("Malformed messages are refused")
    func garbage() throws {
        let ring = try InProcessRing.settled(1)
        for method in [HealthMethods.check, AdminMethods.describe, AdminMethods.leave] {
            let result = try ring.call(method, at: "n0", as: Self.admin, message: [0xFF])
            #expect(result.status.code == .invalidArgument, "\(method)")
        }
        for method in [
            HealthMethods.watch, AdminMethods.watch,
            ReflectionMethods.v1,
        ] {
            let stream = try open(method, at: "n0", in: ring, sending: [0xFF], as: Self.admin)
            let error = #expect(throws: Status.self) {
                try ring.executor.wait { try await stream.nextMessage() }
            }
            #expect(error?.code == .invalidArgument, "\(method)")
        }
        // That there is none is the protocol's affair and not the message's.
        for method in [HealthMethods.watch, AdminMethods.watch] {
            let stream = try open(method, at: "n0", in: ring, sending: nil, as: Self.admin)
            let error = #expect(throws: Status.self) {
                try ring.executor.wait { try await stream.nextMessage() }
            }
            #expect(error?.code == .internalError, "\(method)")
        }
        #expect(ring.shell("n0").view.isMember)
    }
}
