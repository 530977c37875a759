// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordIdentity
import ChordRPC
import ChordRuntime

/// One incarnation of a node: a process with its actor, its executor and its connections.
///
/// `@unchecked Sendable`: it is used only on the thread that drives the run.
final class SimulatedNode: @unchecked Sendable {
    let number: Int
    let life: UInt32
    let executor: SimulatedExecutor
    let identity: PeerIdentity
    let shell: NodeShell
    let router: Router

    /// Whether the process exists, even if it is paused.
    var isUp = true
    /// Peers with an open connection, and the incarnation that each was opened to.
    var connections: [Int: UInt32] = [:]
    /// Calls of this node in progress, by number.
    var calls: [UInt64: SimulatedCall] = [:]
    /// The addresses through which it joins, and whether it is still joining.
    var contacts: [Int] = []
    var isJoining = false
    /// Whether it leaves, or its process is about to end for another reason.
    var isLeaving = false
    var isEnding = false

    // The node's place in the ring as last checked.
    var isMember = false
    var wasMember = false
    var successors: [NodeReference] = []
    var predecessor: NodeReference?
    /// The time when the node last stopped being a member, in any incarnation.
    var memberUntil: Int64 = -1

    /// The total time of pauses, and the start of the present one.
    var pausedTotal: Int64 = 0
    var pausedSince: Int64?

    init(
        number: Int,
        life: UInt32,
        executor: SimulatedExecutor,
        identity: PeerIdentity,
        shell: NodeShell
    ) {
        self.number = number
        self.life = life
        self.executor = executor
        self.identity = identity
        self.shell = shell
        router = Router(shell.services())
    }

    var reference: NodeReference { shell.view.node }

    /// The time of all pauses up to a moment.
    func paused(until now: Int64) -> Int64 {
        pausedTotal + (pausedSince.map { now - $0 } ?? 0)
    }

    // MARK: Names

    static func name(_ number: Int) -> String { "n\(number)" }

    static func address(_ number: Int) -> String { "n\(number).ring:1" }

    /// The number of the node that listens at an address.
    static func number(ofAddress address: String) -> Int? {
        guard address.utf8.first == UInt8(ascii: "n") else { return nil }
        var number = 0
        for byte in address.utf8.dropFirst() {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { break }
            number = number * 10 + Int(byte - UInt8(ascii: "0"))
            if number > ScenarioWords.largestNode { return nil }
        }
        return number
    }

    static func identity(_ number: Int, name: String) -> PeerIdentity {
        PeerIdentity(
            role: .node,
            name: name,
            trustDomain: "ring",
            proof: .spiffe,
            dnsNames: ["n\(number).ring"]
        )
    }
}
