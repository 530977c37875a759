// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Limits how often this node dials other nodes on request: an indirect probe must not serve as a
/// port scanner.
package struct ProbeBudget: Hashable, Sendable {
    /// The bounds. A budget is refilled with each tick, which is a stabilize interval.
    package struct Settings: Hashable, Sendable {
        /// The number of probes that one caller may request at once. With a higher number a caller
        /// with many dead neighbours recovers sooner; a lower one limits the dials that it causes.
        package var knownBurst = 8
        /// The number of probes that each tick adds per caller.
        package var knownRefill = 2
        /// The number of probes, of all callers together, for nodes that this node does not know,
        /// such as claimants. With a higher number several joiners behind broken links are accepted
        /// sooner; a lower one limits dials to unknown addresses.
        package var strangerBurst = 8
        /// The number of probes for unknown nodes that each tick adds.
        package var strangerRefill = 2
        /// The number of callers whose budgets are remembered.
        package var callers = 64

        /// The defaults.
        package init() {}
    }

    private struct Account: Hashable {
        var caller: String
        var left: Int
    }

    private let settings: Settings
    private var accounts: [Account] = []
    private var strangersLeft: Int

    /// Full budgets.
    package init(settings: Settings = Settings()) {
        self.settings = settings
        strangersLeft = settings.strangerBurst
    }

    /// A stabilize interval has passed.
    package mutating func tick() {
        strangersLeft = min(settings.strangerBurst, strangersLeft + settings.strangerRefill)
        for index in accounts.indices { accounts[index].left += settings.knownRefill }
        accounts.removeAll { $0.left >= settings.knownBurst }
    }

    /// Takes one probe out of the budget.
    ///
    /// - Returns: false if the budget is used up.
    package mutating func spend(caller: String, isKnown: Bool) -> Bool {
        guard isKnown || strangersLeft > 0 else { return false }
        if let index = accounts.firstIndex(where: { $0.caller == caller }) {
            guard accounts[index].left > 0 else { return false }
            accounts[index].left -= 1
        } else {
            // Too many callers at once: a caller that is not remembered cannot be limited.
            guard accounts.count < settings.callers else { return false }
            accounts.append(Account(caller: caller, left: settings.knownBurst - 1))
        }
        if !isKnown { strangersLeft -= 1 }
        return true
    }
}
