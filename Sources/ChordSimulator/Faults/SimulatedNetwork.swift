// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The state of the network: which messages pass, wait or are lost. It uses no randomness and
/// stores no messages; the code that delivers messages asks it.
struct SimulatedNetwork {
    private var blocked: Set<UInt64> = []
    private var held: Set<UInt64> = []
    private var firewalled: Set<UInt64> = []

    private static func link(_ from: Int, _ to: Int) -> UInt64 {
        UInt64(UInt32(from)) << 32 | UInt64(UInt32(to))
    }

    func isBlocked(from: Int, to: Int) -> Bool {
        !blocked.isEmpty && blocked.contains(Self.link(from, to))
    }

    /// Whether calls from one node to another are blocked, including their answers.
    func isFirewalled(caller: Int, called: Int) -> Bool {
        !firewalled.isEmpty && firewalled.contains(Self.link(caller, called))
    }

    /// Whether a call and its answer pass.
    func passes(caller: Int, called: Int) -> Bool {
        !isBlocked(from: caller, to: called) && !isBlocked(from: called, to: caller)
            && !isFirewalled(caller: caller, called: called)
    }

    func isHeld(from: Int, to: Int) -> Bool {
        !held.isEmpty && held.contains(Self.link(from, to))
    }

    mutating func block(_ left: [Int], _ right: [Int]) {
        for from in left {
            for to in right { blocked.insert(Self.link(from, to)) }
        }
    }

    mutating func firewall(_ left: [Int], _ right: [Int]) {
        for from in left {
            for to in right { firewalled.insert(Self.link(from, to)) }
        }
    }

    mutating func unblock(_ left: [Int], _ right: [Int]) {
        for from in left {
            for to in right {
                blocked.remove(Self.link(from, to))
                firewalled.remove(Self.link(from, to))
            }
        }
    }

    mutating func hold(from: Int, to: Int) {
        held.insert(Self.link(from, to))
    }

    mutating func release(from: Int, to: Int) {
        held.remove(Self.link(from, to))
    }

    mutating func unblockAll() {
        blocked = []
        firewalled = []
    }

    mutating func heal() {
        blocked = []
        firewalled = []
        held = []
    }
}
