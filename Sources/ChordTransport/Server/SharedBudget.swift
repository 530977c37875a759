// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordRPC
import Synchronization

/// A resource shared by all callers, of which each may have as much as is still free.
///
/// One caller alone gets half of it, two get a third each, and so on: the next caller finds as much free
/// as each of the others has, without a count of callers. (Choudhury and Hahne, "Dynamic Queue
/// Length Thresholds for Shared-Memory Packet Switches".)
final class SharedBudget: Sendable {
    enum Excess {
        /// This identity has its share.
        case share
        /// Nothing is left.
        case whole
    }

    let limit: Int
    let used = Atomic<Int>(0)

    init(limit: Int) {
        self.limit = max(limit, 0)
    }

    /// How much is in use, as far as connections have published it.
    var inUse: Int { used.load(ordering: .relaxed) }

    /// The reason why an identity that has `own` may not have `more`; nil if it may.
    ///
    /// - Parameter unpublished: The part of the caller's connection that is not published yet.
    func excess(own: borrowing Atomic<Int>, unpublished: Int, adding more: Int) -> Excess? {
        let all = used.load(ordering: .relaxed) + unpublished
        guard all + more <= limit else { return .whole }
        let mine = own.load(ordering: .relaxed) + unpublished
        // Equal shares: compare with what was free before.
        return mine + more > max(limit - all, more) ? .share : nil
    }

    func add(_ difference: Int, to own: borrowing Atomic<Int>) {
        used.wrappingAdd(difference, ordering: .relaxed)
        own.wrappingAdd(difference, ordering: .relaxed)
    }
}

/// The resources of a server that one identity uses, on all its connections. Each connection holds
/// a reference, so calls need no lookup.
final class CallerAccount: Sendable {
    let calls = Atomic<Int>(0)
    let streams = Atomic<Int>(0)
    let heldBytes = Atomic<Int>(0)
    let inflation: InflationBudget

    /// Calls under way, as far as connections have published them.
    var callCount: Int { calls.load(ordering: .relaxed) }

    init(_ limits: TransportConfiguration.ServerLimits) {
        inflation = InflationBudget(
            burst: limits.inflationBurst,
            perSecond: limits.inflatedBytesPerSecond
        )
    }
}

/// The budgets that all callers of a server share. Nodes have separate budgets for calls and
/// streams, so that clients cannot displace them.
struct ServerBudgets {
    let nodeCalls: SharedBudget
    let clientCalls: SharedBudget
    let nodeStreams: SharedBudget
    let otherStreams: SharedBudget
    let heldBytes: SharedBudget

    init(_ limits: TransportConfiguration.ServerLimits) {
        nodeCalls = SharedBudget(limit: limits.maxNodeCallsInFlight)
        clientCalls = SharedBudget(limit: limits.maxClientCallsInFlight)
        nodeStreams = SharedBudget(limit: limits.maxStreams)
        otherStreams = SharedBudget(limit: limits.maxStreams)
        heldBytes = SharedBudget(limit: limits.maxHeldBytes)
    }
}

/// One connection's part of its identity's account and of the shared budgets. It is counted here and
/// published now and then, so that a call that begins and ends within one read changes no atomic. A class,
/// so that a call copies nothing. Confined to the connection's event loop.
final class ConnectionShare {
    let account: CallerAccount
    let calls: SharedBudget
    let streams: SharedBudget
    let heldBytes: SharedBudget
    @exclusivity(unchecked) private(set) var publishedCalls = 0
    @exclusivity(unchecked) private(set) var publishedStreams = 0
    @exclusivity(unchecked) private(set) var publishedBytes = 0

    init(account: CallerAccount, role: Role, of budgets: ServerBudgets) {
        self.account = account
        calls = role == .node ? budgets.nodeCalls : budgets.clientCalls
        streams = role == .node ? budgets.nodeStreams : budgets.otherStreams
        heldBytes = budgets.heldBytes
    }

    /// Publishes how many calls are under way here.
    func publish(calls count: Int, streams streamCount: Int) {
        if count != publishedCalls {
            calls.add(count - publishedCalls, to: account.calls)
            publishedCalls = count
        }
        if streamCount != publishedStreams {
            streams.add(streamCount - publishedStreams, to: account.streams)
            publishedStreams = streamCount
        }
    }

    func publish(bytes: Int) {
        guard bytes != publishedBytes else { return }
        heldBytes.add(bytes - publishedBytes, to: account.heldBytes)
        publishedBytes = bytes
    }

    /// Why one call more than `count` is not allowed; nil if it is.
    func excess(calls count: Int) -> SharedBudget.Excess? {
        calls.excess(own: account.calls, unpublished: count - publishedCalls, adding: 1)
    }

    /// Why one stream more than `count` is not allowed; nil if it is.
    func excess(streams count: Int) -> SharedBudget.Excess? {
        streams.excess(own: account.streams, unpublished: count - publishedStreams, adding: 1)
    }

    /// Why `more` bytes beside `held` are not allowed; nil if they are.
    func excess(bytes held: Int, adding more: Int) -> SharedBudget.Excess? {
        heldBytes.excess(own: account.heldBytes, unpublished: held - publishedBytes, adding: more)
    }
}
