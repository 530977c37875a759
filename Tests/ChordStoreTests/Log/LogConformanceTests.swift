// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordStore
import ChordTestSupport
import Dispatch
import NIOConcurrencyHelpers
import Testing

/// What every log must do, whatever it keeps its records in.
@Suite(.tags(.unit), .timeLimit(.minutes(2)))
struct LogConformanceTests {
    private func open(_ log: any RaftLogStore) async throws -> RecoveredLog {
        try await log.opened().get()
    }

    @Test(arguments: LogKind.allCases)
    func newLogIsEmpty(kind: LogKind) async throws {
        let log = LogUnderTest(kind).make()
        #expect(try await open(log) == RecoveredLog())
        await log.closed()
    }

    @Test(arguments: LogKind.allCases)
    func whatWasSubmittedIsThereAfterEachStart(kind: LogKind) async throws {
        let tested = LogUnderTest(kind)
        var workload = LogWorkload(seed: 21)
        for start in 0..<5 {
            let log = tested.make(isNew: start == 0)
            #expect(try await open(log) == workload.model.log)
            for _ in 0..<60 { #expect(await log.outcome(of: workload.next()) == nil) }
            await log.closed()
        }
    }

    @Test(arguments: LogKind.allCases)
    func completionsComeOnceAndInOrder(kind: LogKind) async throws {
        let log = LogUnderTest(kind).make()
        _ = try await open(log)
        let order = NIOLockedValueBox<[Int]>([])
        let count = 500
        let _: Bool = await handedOver { handOver in
            for place in 0..<count {
                // Every tenth is refused.
                let index = UInt64(place - place / 10) + (place % 10 == 9 ? 7 : 1)
                log.submit(LogBatch([.appending(index...index)])) { result in
                    #expect(((try? result.get()) == nil) == (place % 10 == 9))
                    let all = order.withLockedValue {
                        $0.append(place)
                        return $0.count
                    }
                    if all == count { handOver(true) }
                }
            }
        }
        await log.closed()
        #expect(order.withLockedValue { $0 } == Array(0..<count))
    }

    /// Batches that contradict a log with entries 3 to 6 of term 2, in which term 4 has a vote.
    static let contradictions: [(LogBatch, String)] = [
        (LogBatch([.appending(8...8, term: 4)]), "does not follow"),
        (LogBatch([.appending(6...6, term: 4)]), "does not follow"),
        (LogBatch([.appending(7...7, term: 1)]), "term 1"),
        (LogBatch([GroupUpdate(.first, truncateAfter: LogIndex(1))]), "compacted"),
        (LogBatch([.compacting(through: 4, term: 3)]), "the entry there has another term"),
        (LogBatch([.compacting(through: 2, term: 2)]), "through 2@1 before"),
        (LogBatch([.compacting(through: 7, term: 2)]), "the last entry is 6"),
        (
            LogBatch([GroupUpdate(.first, reset: LogPosition(index: LogIndex(1), term: Term(1)))]),
            "follows that through 2@1"
        ),
        (LogBatch([.voting(term: 3)]), "term 3 follows term 4"),
        (LogBatch([.voting(term: 4, for: 8)]), "from 7 to 8"),
        (LogBatch([.voting(term: 4)]), "from 7 to nobody"),
        (LogBatch([.voting(term: .max)]), "out of range"),
        (LogBatch([.compacting(through: .max)]), "out of range"),
        (LogBatch([.compacting(through: 1 << 62), .appending(1...2, to: .first)]), "two updates"),
        (
            LogBatch([
                GroupUpdate(
                    .second,
                    reset: LogPosition(index: .highest, term: Term(1)),
                    entries: [LogEntry(term: Term(1), index: LogIndex.highest.successor)]
                )
            ]), "out of range"
        ),
        (LogBatch([.appending(1...2, to: .second), .appending(9...9)]), "does not follow"),
        (
            LogBatch([
                GroupUpdate(
                    .first,
                    hardState: HardState(term: Term(9)),
                    removal: ReplicaNumber(3)
                )
            ]), "excludes"
        ),
    ]

    @Test(arguments: LogKind.allCases)
    func contradictionsAreRefusedAndChangeNothing(kind: LogKind) async throws {
        let tested = LogUnderTest(kind)
        let log = tested.make()
        _ = try await open(log)
        var model = LogModel()
        let batches = [
            LogBatch([.appending(1...2)]), LogBatch([.appending(3...6, term: 2)]),
            LogBatch([.compacting(through: 2)]), LogBatch([.voting(term: 4, for: 7)]),
        ]
        for batch in batches {
            #expect(await log.outcome(of: batch) == nil)
            model.apply(batch)
        }
        for (batch, reason) in Self.contradictions {
            let error = await log.outcome(of: batch)
            #expect(error?.code == .invalidBatch, "\(batch)")
            #expect(
                error?.message.contains(reason) == true,
                "\(reason), but \(String(describing: error))"
            )
        }
        let next = LogBatch([.appending(7...7, term: 4)])
        #expect(await log.outcome(of: next) == nil)
        model.apply(next)
        await log.closed()
        let again = tested.make(isNew: false)
        #expect(try await open(again) == model.log)
        await again.closed()
    }

    @Test(arguments: LogKind.allCases)
    func tombstonesStayAndGrow(kind: LogKind) async throws {
        let tested = LogUnderTest(kind)
        let log = tested.make()
        _ = try await open(log)
        for update in [
            GroupUpdate.appending(1...3), .voting(term: 5, for: 2),
            GroupUpdate(.first, removal: ReplicaNumber(8)),
            // The range is here again, as a new replica: its log begins anew.
            .voting(term: 1, for: 9), .appending(1...1),
            GroupUpdate(.second, removal: ReplicaNumber(4)),
            GroupUpdate(.second, removal: ReplicaNumber(3)),
        ] {
            #expect(await log.outcome(of: LogBatch([update])) == nil)
        }
        await log.closed()
        let again = tested.make(isNew: false)
        let found = try await open(again)
        #expect(found.tombstones == [.first: ReplicaNumber(8), .second: ReplicaNumber(4)])
        #expect(found.groups.keys.sorted() == [.first])
        #expect(found.groups[.first]?.hardState.vote == ReplicaNumber(9))
        #expect(found.groups[.first]?.entries.map(\.index) == [LogIndex(1)])
        await again.closed()
    }

    @Test(arguments: LogKind.allCases)
    func installedSnapshotBeginsTheLogAnew(kind: LogKind) async throws {
        let tested = LogUnderTest(kind)
        let log = tested.make()
        _ = try await open(log)
        let snapshot = GroupUpdate(
            .first,
            reset: LogPosition(index: LogIndex(50), term: Term(3)),
            entries: GroupUpdate.appending(51...52, term: 3).entries
        )
        for update in [.appending(1...60), snapshot, .appending(53...53, term: 4)] {
            #expect(await log.outcome(of: LogBatch([update])) == nil)
        }
        await log.closed()
        let again = tested.make(isNew: false)
        let group = try await open(again).groups[.first]
        #expect(group?.compactedThrough == LogPosition(index: LogIndex(50), term: Term(3)))
        #expect(group?.entries.map(\.index) == (51...53).map { LogIndex($0) })
        await again.closed()
    }

    @Test(arguments: LogKind.allCases)
    func logThatIsNotOpenRefuses(kind: LogKind) async throws {
        let tested = LogUnderTest(kind)
        let log = tested.make()
        #expect(await log.outcome(of: LogBatch([.appending(1...1)]))?.code == .closed)
        _ = try await open(log)
        guard case .failure(let error) = await log.opened() else {
            Issue.record("opened twice")
            return
        }
        #expect(error.code == .inUse)
        #expect(await log.outcome(of: LogBatch([.appending(1...1)])) == nil)
        await log.closed()
        #expect(await log.outcome(of: LogBatch([.appending(2...2)]))?.code == .closed)
        await log.closed()
        // A log can be opened again.
        #expect(try await open(log).groups[.first]?.entries.count == 1)
        await log.closed()
    }

    @Test(arguments: [LogKind.systemFiles, .lyingFiles])
    func secondOpenerIsRefused(kind: LogKind) async throws {
        let tested = LogUnderTest(kind)
        let log = tested.make()
        _ = try await open(log)
        let second = tested.make()
        guard case .failure(let error) = await second.opened() else {
            Issue.record("two have the directory")
            return
        }
        #expect(error.code == .inUse)
        await log.closed()
        _ = try await open(second)
        await second.closed()
    }

    @Test(arguments: [LogKind.systemFiles, .lyingFiles])
    func logThatMustBeThereIsMissed(kind: LogKind) async throws {
        guard case .failure(let error) = await LogUnderTest(kind).make(isNew: false).opened() else {
            Issue.record("a node forgot its votes")
            return
        }
        #expect(error.code == .corrupted)
    }

    @Test func batchesThatWaitAreSyncedTogether() async throws {
        let tested = LogUnderTest(.lyingFiles)
        var settings = SegmentedLogSettings.small
        settings.segmentBytes = 1 << 20
        let log = tested.make(settings)
        let gate = DispatchSemaphore(value: 0)
        let arrived = DispatchSemaphore(value: 0)
        _ = try await open(log)
        let isFirst = NIOLockedValueBox(true)
        // The thread is idle, and gets the batches through its lock.
        tested.disk.disk.whenSyncing = {
            guard
                isFirst.withLockedValue({ isFirst in
                    defer { isFirst = false }
                    return isFirst
                })
            else { return }
            arrived.signal()
            gate.wait()
        }
        let done = NIOLockedValueBox(0)
        let _: Bool = await handedOver { handOver in
            func submit(_ index: UInt64) {
                log.submit(LogBatch([.appending(index...index)])) { result in
                    #expect((try? result.get()) != nil)
                    let count = done.withLockedValue {
                        $0 += 1
                        return $0
                    }
                    if count == 65 { handOver(true) }
                }
            }
            submit(1)
            arrived.wait()
            for index in UInt64(2)...65 { submit(index) }
            let waiting = log.statistics.bytesWaiting
            #expect(waiting >= 65 * 10)
            gate.signal()
        }
        #expect(log.statistics.commits.count == 2)
        #expect(log.statistics.batches == 65)
        #expect(log.statistics.entries == 65)
        #expect(log.statistics.bytesWaiting == 0)
        await log.closed()
    }
}
