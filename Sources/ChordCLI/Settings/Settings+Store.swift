// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// The settings of a node's part of the store.

extension Setting {
    static let store = Setting(
        name: "store",
        unit: "engine",
        summary:
            "Where the node keeps its part of the ring's store: disk, which is its data directory, or memory."
            + " Default: disk; with --dialect no part.",
        tradeOff:
            "`memory` is for caches and tests: a restarted node receives its part anew from the others, and"
            + " the store ends when all nodes have stopped.",
        group: "store"
    )
    static let noStore = Setting(
        name: "no-store",
        kind: .flag,
        unit: "true or false",
        standard: "false",
        summary:
            "Hold no part of the store. The node still passes calls of clients on to nodes that do. A ring"
            + " whose first node, or whose founders, hold none is a ring without a store.",
        tradeOff: "For members that only route, and for rings that only look up.",
        group: "store"
    )
    static let replicas = Setting(
        name: "replicas",
        unit: "n",
        standard: "3",
        summary:
            "The number of nodes that hold each key: 1, 3, 5 or 7. Counts where this node begins the store.",
        tradeOff:
            "With 3 one of them may fail at a time, with 5 two. Each further one waits for one more disk at"
            + " each write."
    )
    static let replaceAfter = Setting(
        name: "replace-after",
        unit: "time",
        standard: "5m",
        summary:
            "How long a node may be silent before another one takes over its part of the store.",
        tradeOff:
            "A shorter time restores the number of copies sooner. A longer one copies less data for a node"
            + " that comes back."
    )
    static let rebalanceRate = Setting(
        name: "rebalance-rate",
        unit: "bytes",
        standard: "32MiB",
        summary:
            "How many bytes per second this node sends to fill replicas on other nodes, all of them together;"
            + " 0 for no limit.",
        tradeOff:
            "A higher rate fills new and replaced replicas sooner. A lower one leaves more of network and disks"
            + " to callers."
    )
    static let leaseReads = Setting(
        name: "lease-reads",
        kind: .flag,
        unit: "true or false",
        standard: "false",
        summary:
            "Answer reads of level `lease`, where this node leads the range, without asking the other replicas.",
        tradeOff:
            "Saves those reads a round trip. They trust that clocks of two machines differ by less than a tenth"
            + " in their rates, and that no machine is paused as a whole, with its clocks."
    )
    static let rangeSize = Setting(
        name: "range-size",
        unit: "size",
        standard: "64MiB",
        summary:
            "The size of keys and values from which on a range that this node leads is split in two, 16KiB to 1GiB.",
        tradeOff:
            "A smaller size spreads data over more nodes, and each move of a replica takes less time. A larger one makes"
            + " fewer ranges, which cost memory and heartbeats."
    )
    static let storeQuota = Setting(
        name: "store-quota",
        unit: "size",
        summary:
            "The size of keys and values, in all copies on this node, from which on the ranges that it leads refuse"
            + " writes that add to them, for example 20GiB. Deletes go on. Default: no quota.",
        tradeOff:
            "A lower quota leaves room for copies of nodes that fail. Files take about twice as much. Give all"
            + " nodes the same, because each leader asks its own node only."
    )
}
