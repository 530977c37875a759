// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
package import ChordRPC
import ChordRuntime
import ChordWire
import Logging

/// The store of a node towards callers and other nodes: opens it, finds ranges, passes calls on.
///
/// It runs on the node's executor, and so does its ``StoreNode``.
package actor StoreServer {
    package nonisolated let executor: any NodeExecutor
    nonisolated let context: NodeContext
    nonisolated let setup: StoreSetup
    nonisolated let calls: StoreCalls
    nonisolated let logger: Logger
    nonisolated let metrics: StoreMetrics

    var record: StoreRecord
    /// Who this node is to other stores, once the store is known.
    var identity: StoreIdentity?
    /// The store, once it is open.
    var node: StoreNode?
    /// Why the store does not serve.
    var problem: StoreError?
    var isClosed = false
    private var opening: Task<Void, Never>?

    var directory = RangeDirectory()
    var hintSchedule = HintSchedule()
    var hintTimer: ScheduledWork?
    var survey = MemberSurvey()
    /// Copies of ranges that are being exported.
    var copies = RangeCopies()
    /// Sessions of writes that this node sends again where needed, and of those that it proposes once.
    var sessions = WriteSessions()
    var unrepeated = WriteSessions()
    var watchers = WatcherCounts()
    var relays = WatchRelays()

    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        executor.asUnownedSerialExecutor()
    }

    init(_ context: NodeContext, setup: StoreSetup) {
        self.context = context
        self.setup = setup
        executor = context.executor
        metrics = StoreMetrics(node: context.reference.name)
        calls = StoreCalls(context, metrics: metrics)
        logger = context.logger
        record = setup.record
    }

    nonisolated var space: IdentifierSpace { context.parameters.space }
    nonisolated var name: String { context.reference.name }

    var now: Duration { executor.now - MonotonicTime(nanoseconds: 0) }

    // MARK: - Life

    /// Opens a store that the disk belongs to already. The ring is not needed for that.
    ///
    /// - Throws: why log or rows cannot be opened.
    func start() async throws(StoreError) {
        guard let store = record.store else { return }
        try await open(store)
    }

    /// The node becomes a member: from now on its ring's store is its disk's. The record is durable before the
    /// node is a member, so that a node that was one never begins another store.
    func ringJoined() {
        guard node == nil, opening == nil, !isClosed else { return }
        guard let store = context.parameters.store else {
            // A ring without a store is no fault of a node that holds no data anyway.
            guard setup.engines != nil else { return problem = Self.noStore }
            return fail(Self.noStore)
        }
        guard setup.engines != nil else {
            identity = identity(in: store)
            return
        }
        record.store = store
        record.givesBirth = context.givesBirthToStore
        do throws(StoreError) {
            try setup.remember(record)
        } catch {
            return fail(error)
        }
        opening = Task(executorPreference: executor) { await self.openOrFail(store) }
    }

    private func openOrFail(_ store: StoreID) async {
        do throws(StoreError) {
            try await open(store)
        } catch {
            fail(error)
        }
    }

    private func identity(in store: StoreID) -> StoreIdentity {
        let reference = context.reference
        return StoreIdentity(
            store: store,
            member: StoreMember(node: reference.name, address: reference.address, disk: setup.disk),
            starts: record.starts
        )
    }

    private func open(_ store: StoreID) async throws(StoreError) {
        guard let makeEngines = setup.engines else { return }
        let identity = identity(in: store)
        let executor = executor
        let events = RowEvents()
        let engines = makeEngines(
            LogIdentity(store: store, disk: setup.disk),
            !record.isInUse,
            RowEngineHost(
                deliver: { executor.execute($0) },
                schedule: { delay, work in
                    executor.execute { _ = executor.schedule(after: delay, work) }
                },
                now: { executor.now - MonotonicTime(nanoseconds: 0) },
                report: { events.report($0) }
            )
        )
        let node = StoreNode(
            identity: identity,
            settings: setup.settings,
            space: space,
            executor: executor,
            log: engines.log,
            rows: engines.rows,
            transport: RingStoreTransport(
                calls,
                identity: identity,
                timeout: setup.settings.raft.electionTimeoutMaximum
            ),
            logger: logger,
            suspension: setup.suspension
        )
        events.node = node
        try await node.open()
        if record.givesBirth {
            try await node.giveBirth(to: RangeID(firstOf: store))
            logger.notice("made the first range of the store")
        }
        if record.givesBirth || !record.isInUse {
            record.givesBirth = false
            record.isInUse = true
            try setup.remember(record)
        }
        guard !isClosed else { return await node.close() }
        self.identity = identity
        self.node = node
        let context = context
        await node.setOwnership { place in
            let view = context.view
            return view.isMember && place.isIn(after: view.predecessor.id, through: view.node.id)
        }
        await node.setFiguresReport { [metrics] in metrics.record($0) }
        await node.setMemberPositions { [weak self] bounds in
            self?.assumeIsolated { $0.survey.positions(inside: bounds) }
        }
        await node.setWantedMembers { [weak self] through in
            self?.assumeIsolated { $0.wantedMembers(at: through) }
        }
        scheduleHints()
        logger.info("the store is open")
    }

    private static let noStore = StoreError(
        .wrongStore,
        "the ring has no store: its first node was started without one, and a store begins with its ring"
    )

    private func fail(_ error: StoreError) {
        guard problem == nil else { return }
        problem = error
        logger.error("the store of this node does not serve: \(error)")
    }

    /// Closes log and rows.
    func close() async {
        isClosed = true
        hintTimer?.cancel()
        await opening?.value
        await node?.close()
        node = nil
    }

    /// Whether this node holds no data and knows the ring's store.
    var passesCallsOn: Bool { setup.engines == nil && identity != nil && !isClosed }

    /// Whether the store will be open soon.
    var isOpening: Bool { problem == nil && !isClosed && node == nil }

    /// The store, or why there is none.
    var openNode: Result<StoreNode, StoreFailure> {
        if let node { return .success(node) }
        let reason =
            problem.map(\.message)
            ?? (isClosed
                ? "it stops"
                : setup.engines == nil
                    ? "it holds no part of it"
                    : "it is not a member of its ring yet, or reads its disk")
        return .failure(.closed(node: name, reason: reason))
    }
}

/// Breaks the circle between a store and the events of its rows.
///
/// Unchecked: set before the rows are opened, and read on the node's executor.
private final class RowEvents: @unchecked Sendable {
    weak var node: StoreNode?

    func report(_ event: RowEngineEvent) {
        node?.assumeIsolated { $0.handle(event) }
    }
}

extension RangeID {
    /// The identifier of a store's first range. It follows from the store's, so that a birth that was broken off
    /// makes the same range when it is done again.
    init(firstOf store: StoreID) {
        self.init(high: store.high, low: ~store.low)
    }
}
