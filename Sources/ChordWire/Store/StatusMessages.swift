// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
internal import ChordCore

/// "What does your part of the store do?"
package struct StoreStatusRequest: StoreMessage, Hashable {
    /// Ranges of a page; nil for the receiver's choice.
    package var limit: Int?
    /// From the page before; empty for the first page.
    package var token: [UInt8]

    package init(limit: Int? = nil, token: [UInt8] = []) {
        self.limit = limit
        self.token = token
    }

    static let codec = StoreMessageCodec(
        "StoreStatusRequest",
        .store(StoreMessageBytes.short),
        chord__v1__store_status_request__init,
        chord__v1__store_status_request__unpack
    )

    init(_ packed: Chord__V1__StoreStatusRequest, _ space: IdentifierSpace) throws(WireError) {
        limit = try packed.limit.pageLimit(atMost: WireLimits.statusRanges)
        token = try packed.token.token()
    }

    func fill(
        _ packed: inout Chord__V1__StoreStatusRequest,
        _ arena: inout EncodingArena,
        _ space: IdentifierSpace
    ) {
        packed.limit = UInt32(clamping: limit ?? 0)
        packed.token = arena.bytes(token)
    }
}

/// The state of a node's part of the store, and a page of its ranges.
package struct StoreStatusReply: StoreMessage, Hashable {
    /// Sums over all replicas of the node, not only over this page's.
    package struct Totals: Hashable, Sendable {
        package var replicas: UInt64
        package var leaders: UInt64
        /// Ranges led by this node that lack something.
        package var rangesWithIssues: UInt64
        package var rows: UInt64
        package var bytes: UInt64
        /// Of the node's disk; 0 for a store in memory.
        package var freeBytes: UInt64
        /// Bytes of keys and values that the node may hold; 0 without a quota.
        package var quotaBytes: UInt64
        /// Whether writes that add to the bytes are refused.
        package var isQuotaReached: Bool

        package init(
            replicas: UInt64 = 0,
            leaders: UInt64 = 0,
            rangesWithIssues: UInt64 = 0,
            rows: UInt64 = 0,
            bytes: UInt64 = 0,
            freeBytes: UInt64 = 0,
            quotaBytes: UInt64 = 0,
            isQuotaReached: Bool = false
        ) {
            self.replicas = replicas
            self.leaders = leaders
            self.rangesWithIssues = rangesWithIssues
            self.rows = rows
            self.bytes = bytes
            self.freeBytes = freeBytes
            self.quotaBytes = quotaBytes
            self.isQuotaReached = isQuotaReached
        }
    }

    /// Nil before the node has a store.
    package var store: UInt128?
    package var disk: UInt128?
    /// The name of the answering node.
    package var node: String
    package var state: WireStoreState
    /// Why, if it does not serve. Cut at 512 bytes.
    package var reason: String
    /// Starts of the node with this disk.
    package var starts: UInt64
    package var totals: Totals
    /// In the order of their identifiers.
    package var ranges: [WireRangeStatus]
    /// For the next page; empty on the last one.
    package var token: [UInt8]

    package init(
        store: UInt128?,
        disk: UInt128?,
        node: String,
        state: WireStoreState,
        reason: String = "",
        starts: UInt64,
        totals: Totals,
        ranges: [WireRangeStatus],
        token: [UInt8] = []
    ) {
        self.store = store
        self.disk = disk
        self.node = node
        self.state = state
        self.reason = reason
        self.starts = starts
        self.totals = totals
        self.ranges = ranges
        self.token = token
    }

    static let codec = StoreMessageCodec(
        "StoreStatusReply",
        .page,
        chord__v1__store_status_reply__init,
        chord__v1__store_status_reply__unpack
    )

    init(_ packed: Chord__V1__StoreStatusReply, _ space: IdentifierSpace) throws(WireError) {
        store = try packed.store.bitsIfPresent(.field("store"))
        disk = try packed.disk.bitsIfPresent(.field("disk"))
        node = try packed.node.text(WireLimits.nameBytes, .field("node"))
        state = try WireStoreState(packed.state, .field("state"), "state")
        reason = try packed.reason.text(WireLimits.reasonBytes, .field("reason"))
        starts = try packed.starts.checked(.field("starts"))
        totals = Totals(
            replicas: try packed.replicas.checked(.field("replicas")),
            leaders: try packed.leaders.checked(.field("leaders")),
            rangesWithIssues: try packed.ranges_with_issues.checked(.field("ranges_with_issues")),
            rows: try packed.rows.checked(.field("rows")),
            bytes: try packed.bytes.checked(.field("bytes")),
            freeBytes: try packed.free_bytes.checked(.field("free_bytes")),
            quotaBytes: try packed.quota_bytes.checked(.field("quota_bytes")),
            isQuotaReached: packed.quota_reached != 0
        )
        ranges = try packed.ranges.list(
            count: packed.n_ranges,
            of: 0...WireLimits.statusRanges,
            "ranges",
            .field("ranges")
        ) { range throws(WireError) in try WireRangeStatus(range, space) }
        token = try packed.token.token()
    }

    func fill(
        _ packed: inout Chord__V1__StoreStatusReply,
        _ arena: inout EncodingArena,
        _ space: IdentifierSpace
    ) {
        packed.store = arena.bits(store)
        packed.disk = arena.bits(disk)
        packed.node = arena.text(node)
        packed.state = state.packed
        packed.reason = arena.text(reason.cut(toBytes: WireLimits.reasonBytes.upperBound))
        packed.starts = starts
        packed.replicas = totals.replicas
        packed.leaders = totals.leaders
        packed.ranges_with_issues = totals.rangesWithIssues
        packed.rows = totals.rows
        packed.bytes = totals.bytes
        packed.free_bytes = totals.freeBytes
        packed.quota_bytes = totals.quotaBytes
        packed.quota_reached = totals.isQuotaReached ? 1 : 0
        (packed.n_ranges, packed.ranges) = arena.messages(ranges) { $0.status($1, space) }
        packed.token = arena.bytes(token)
    }
}
