// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// How often this node dials other nodes on request: an indirect probe must not serve as a port scanner.
package struct ProbeBudget: Hashable, Sendable {
    /// The bounds. A budget is refilled with each tick, which is a stabilize interval.
    package struct Settings: Hashable, Sendable {
        /// Probes that one caller may ask for at once. More let a caller with many dead neighbours settle
        /// sooner; fewer bound the dials that it causes.
        package var knownBurst = 8
        /// Probes that each tick allows a caller anew.
        package var knownRefill = 2
        /// Probes, of all callers together, of nodes that this node does not know, as claimants are. More let
        /// several joiners behind broken links in sooner; fewer bound what strangers may be dialled.
        package var strangerBurst = 8
        /// Probes of nodes that it does not know that each tick allows anew.
        package var strangerRefill = 2
        /// Callers whose budgets are remembered.
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
    /// - Returns: false where the budget is spent.
    package mutating func spend(caller: String, isKnown: Bool) -> Bool {
        guard isKnown || strangersLeft > 0 else { return false }
        if let index = accounts.firstIndex(where: { $0.caller == caller }) {
            guard accounts[index].left > 0 else { return false }
            accounts[index].left -= 1
        } else {
            // Too many callers at once: a caller that is not remembered cannot be held to a budget.
            guard accounts.count < settings.callers else { return false }
            accounts.append(Account(caller: caller, left: settings.knownBurst - 1))
        }
        if !isKnown { strangersLeft -= 1 }
        return true
    }
}
