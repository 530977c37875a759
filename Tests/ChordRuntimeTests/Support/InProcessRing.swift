// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordTestSupport
import ChordCore
import ChordHash
import ChordIdentity
import ChordRPC
import Logging
import Testing

@testable import ChordRuntime

/// Nodes of one ring on one manual executor, over an in-process network with faults.
///
/// `@unchecked Sendable`: a test's thread drives the executor and nothing else touches the ring.
final class InProcessRing: @unchecked Sendable {
    struct Member {
        let shell: NodeShell
        let transport: FaultyTransport
        let log: CapturedLog
        let identity: PeerIdentity
    }

    struct Settings {
        var ring = "test"
        var hash = HashFunction.sha256
        var width = 64
        var successorCount = 4
        var rule = IdentifierRule.name
        var queryMode = ChordMachine.QueryMode.answering
        /// Whether certificates prove the node's host and no name.
        var provesHostsOnly = false
        var placements = 1
        var store: StoreID?
        /// The contract of a release that a node speaks; nil for the present one.
        var wire: ReleasedWire?
        var change: (inout RuntimeConfiguration) -> Void = { _ in }

        /// Lookups go by the routing tables alone, so that they take several hops.
        static var byTables: Settings {
            var settings = Settings()
            settings.change = { $0.lookups.memberCacheBytes = 0 }
            return settings
        }
    }

    let executor: ManualExecutor
    let network = InProcessNetwork()
    let plan: FaultPlan
    let released = ReleasedNodes()
    let settings: Settings
    private(set) var members: [String: Member] = [:]

    init(
        seed: UInt64 = 1,
        latency: Duration = .milliseconds(1),
        _ settings: Settings = Settings()
    ) {
        executor = ManualExecutor(seed: seed)
        plan = FaultPlan(latency: latency)
        self.settings = settings
    }

    // MARK: Nodes

    static func address(_ name: String) -> String { "\(name).ring.test:4400" }

    static func identity(_ name: String, host: String? = nil, role: Role = .node) -> PeerIdentity {
        PeerIdentity(
            role: role,
            name: name,
            trustDomain: "ring.test",
            proof: .spiffe,
            dnsNames: ["\(host ?? name).ring.test"]
        )
    }

    /// The identity of a certificate without a SPIFFE name.
    static func hostIdentity(_ host: String) -> PeerIdentity {
        PeerIdentity(
            role: .node,
            name: nil,
            trustDomain: nil,
            proof: .host,
            dnsNames: ["\(host).ring.test"]
        )
    }

    var space: IdentifierSpace { parameters(settings).space }

    func parameters(_ settings: Settings) -> RingParameters {
        guard let space = try? IdentifierSpace(width: settings.width) else {
            preconditionFailure("width \(settings.width)")
        }
        var parameters = RingParameters(
            ring: settings.ring,
            hash: settings.hash.name,
            probe: settings.hash.identifier(of: RingParameters.probeText, in: space),
            space: space,
            rule: settings.rule,
            successorCount: settings.successorCount
        )
        parameters.placements = settings.placements
        parameters.store = settings.store
        return parameters
    }

    func identifier(_ name: String) -> Identifier {
        settings.hash.identifier(of: name, in: space)
    }

    /// Makes a node that listens and is no member yet.
    @discardableResult
    func add(
        _ name: String,
        host: String? = nil,
        settings other: Settings? = nil
    ) -> NodeShell {
        let settings = other ?? settings
        let key = host ?? name
        let address = Self.address(key)
        let identity =
            settings.provesHostsOnly
            ? Self.hostIdentity(host ?? name) : Self.identity(name, host: host)
        var configuration = RuntimeConfiguration(
            name: name,
            address: address,
            parameters: parameters(settings),
            hash: settings.hash
        )
        configuration.machine.queryMode = settings.queryMode
        settings.change(&configuration)
        let transport = FaultyTransport(
            address: address,
            base: ReleasedWireTransport(
                address: address,
                base: network.transport(identity: identity),
                nodes: released
            ),
            plan: plan
        )
        if let wire = settings.wire {
            released.add(address, wire)
        } else {
            released.remove(address)
        }
        let log = CapturedLog()
        let shell = NodeShell(
            configuration: configuration,
            executor: executor,
            transport: transport,
            logger: log.logger
        )
        network.listen(
            address: address,
            router: Router(shell.services()),
            identity: identity,
            executor: executor
        )
        members[key] = Member(
            shell: shell,
            transport: transport,
            log: log,
            identity: identity
        )
        return shell
    }

    func shell(_ key: String) -> NodeShell { member(key).shell }

    func member(_ key: String) -> Member {
        guard let member = members[key] else { preconditionFailure("no node \(key)") }
        return member
    }

    /// Runs `body` on a node's actor, at once.
    func on<Value: Sendable>(_ key: String, _ body: (isolated NodeShell) -> Value) -> Value {
        executor.run { shell(key).assumeIsolated(body) }
    }

    func create(_ name: String) throws {
        let shell = add(name)
        try executor.wait { await shell.create() }
    }

    func join(_ name: String, through contact: String) throws {
        let shell = add(name)
        try executor.wait {
            try await shell.join(through: [Self.address(contact)], for: .seconds(60))
        }
    }

    /// Lets a node found a ring, in the background.
    func found(_ shell: NodeShell, with addresses: [String], for limit: Duration?) {
        inBackground(shell) { try await shell.found(with: addresses, for: limit) }
    }

    /// Lets a node join, in the background.
    func startJoining(_ shell: NodeShell, through contacts: [String]) {
        inBackground(shell) {
            try await shell.join(through: contacts.map(Self.address), for: nil)
        }
    }

    private func inBackground(
        _ shell: NodeShell,
        _ body: @escaping @Sendable () async throws -> Void
    ) {
        let task = Task(executorPreference: executor) {
            do {
                try await body()
            } catch let error as ChordError where error.code == .stopped {
                // Killed by the test.
            } catch {
                Issue.record("\(shell.configuration.name): \(error)")
            }
        }
        _ = task
    }

    /// Why a node cannot found a ring with others.
    func failureToFound(
        _ shell: NodeShell,
        with names: [String],
        for limit: Duration? = .seconds(20)
    ) -> ChordError? {
        #expect(throws: ChordError.self) {
            try executor.wait {
                try await shell.found(with: names.map(Self.address), for: limit)
            }
        }
    }

    /// A settled ring of nodes n0, n1 and so on.
    static func settled(
        _ count: Int,
        seed: UInt64 = 1,
        latency: Duration = .milliseconds(1),
        _ settings: Settings = Settings()
    ) throws -> InProcessRing {
        let ring = InProcessRing(seed: seed, latency: latency, settings)
        try ring.create("n0")
        for index in 1..<max(1, count) { try ring.join("n\(index)", through: "n0") }
        guard ring.settle(limit: .seconds(60)) else { throw NotIdeal(ring.description) }
        return ring
    }

    struct NotIdeal: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }

    @discardableResult
    func settle(limit: Duration) -> Bool {
        executor.run(until: { isIdeal }, limit: limit)
    }

    /// A crash: nothing more leaves or arrives, and what was under way breaks.
    func kill(_ key: String) {
        let member = member(key)
        members[key] = nil
        executor.run {
            network.close(address: Self.address(key))
            member.transport.kill()
            plan.breakCalls(of: Self.address(key))
            for other in members.keys.sorted() { shell(other).callerLost(member.identity) }
            member.shell.assumeIsolated { $0.fail(ChordError(.stopped, "killed")) }
        }
    }

    /// A new life of a node: same name, same address, nothing remembered.
    @discardableResult
    func restart(_ name: String) -> NodeShell {
        if members[name] != nil { kill(name) }
        return add(name)
    }

    func leave(_ key: String) throws {
        let shell = shell(key)
        try executor.wait { await shell.leave() }
        members[key] = nil
    }

    // MARK: What is right

    /// The nodes that are members, clockwise from zero.
    var circle: [NodeReference] {
        members.values.map(\.shell.view).filter(\.isMember).map(\.node).sorted { $0.id < $1.id }
    }

    /// The node that owns an identifier, by the sorted list.
    func owner(of id: Identifier, in circle: [NodeReference]? = nil) -> NodeReference {
        let circle = circle ?? self.circle
        return circle.first { $0.id >= id } ?? circle[0]
    }

    /// Whether every node has joined and every pointer is right.
    var isIdeal: Bool {
        let circle = circle
        guard circle.count == members.count else { return false }
        for (index, node) in circle.enumerated() {
            guard
                let view = members.values.first(where: { $0.shell.view.node.id == node.id })?
                    .shell.view
            else { return false }
            let others = circle[(index + 1)...] + circle[..<index]
            let wanted = Array(others.prefix(settings.successorCount))
            // Nodes of version 1 pass references on without some fields.
            guard view.successors.elementsEqual(wanted, by: { $0.isSameLife(as: $1) }),
                view.predecessor.isSameLife(as: others.last ?? node)
            else { return false }
        }
        return true
    }

    var description: String {
        members.values.map(\.shell.view).sorted { $0.node.id < $1.node.id }.map { view in
            "\(view.predecessor.name) < \(view.node.name)\(view.isMember ? "" : "?") < "
                + view.successors.map(\.name).joined(separator: " ")
        }.joined(separator: "\n")
    }

    func randomIdentifier() -> Identifier {
        let value = executor.random()
        return Identifier(space.width >= 64 ? value : value & ((1 << UInt64(space.width)) - 1))
    }

    /// A call by somebody who is no node of the ring, or who pretends to be one.
    func call(
        _ method: RPCMethod,
        at key: String,
        as identity: PeerIdentity,
        message: [UInt8],
        timeout: Duration = .seconds(5)
    ) throws -> ClientResult {
        let transport = network.transport(identity: identity)
        let executor = executor
        return try executor.wait {
            await withCheckedContinuation { continuation in
                let call = ClientCall(
                    target: PeerTarget(bootstrap: Self.address(key)),
                    method: method,
                    message: message,
                    deadline: executor.now + timeout
                )
                transport.unary(call, on: executor) { continuation.resume(returning: $0) }
            }
        }
    }
}
