// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordTestSupport
import Testing

@testable import ChordStore

/// What a replica makes of the parts that it finds on its disk.
@Suite(.tags(.unit)) struct RestoredStateTests {
    private let configuration: RaftConfiguration
    private let birth: RaftSnapshot

    init() throws {
        configuration = try RaftConfiguration(voters: [1, 2, 3].map { ReplicaNumber($0) })
        birth = .birth(of: configuration)
    }

    private func entries(_ terms: UInt64..., from first: UInt64 = 2) -> [LogEntry] {
        terms.enumerated().map { place, term in
            LogEntry(term: Term(term), index: LogIndex(first + UInt64(place)))
        }
    }

    private func state(at index: UInt64, term: UInt64) -> RaftSnapshot {
        RaftSnapshot(index: LogIndex(index), term: Term(term), configuration: configuration)
    }

    private func machine(
        term: UInt64,
        commit: UInt64,
        entries: [LogEntry],
        state: RaftSnapshot
    ) throws -> RaftMachine {
        try RaftMachine(
            number: ReplicaNumber(1),
            restored: .init(
                hardState: HardState(term: Term(term), commit: LogIndex(commit)),
                base: birth.position,
                entries: entries,
                applied: state
            ),
            settings: .local,
            seed: 1,
            now: .zero
        )
    }

    @Test func whatIsCommittedAndNotAppliedIsAppliedAgain() throws {
        let log = entries(1, 2, 2)
        var machine = try machine(term: 2, commit: 3, entries: log, state: state(at: 2, term: 1))
        #expect(machine.commit == LogIndex(3))
        #expect(machine.takeDirectives() == [.apply([log[1]])])
    }

    @Test func theStateMayBeAheadOfTheRememberedCommit() throws {
        let machine = try machine(
            term: 2,
            commit: 1,
            entries: entries(1, 2),
            state: state(at: 3, term: 2)
        )
        #expect(machine.commit == LogIndex(3))
    }

    /// The replica stopped between installing a snapshot and replacing its log.
    @Test(arguments: [9, 3]) func aStateFromASnapshotReplacesTheLog(index: UInt64) throws {
        var machine = try machine(
            term: 2,
            commit: 2,
            entries: entries(1, 2),
            state: state(at: index, term: 5)
        )
        #expect(machine.last == LogPosition(index: LogIndex(index), term: Term(5)))
        #expect(machine.term == Term(5))
        guard case .persist(let persistence)? = machine.takeDirectives().first else {
            Issue.record("the new log is not written")
            return
        }
        #expect(persistence.reset == LogPosition(index: LogIndex(index), term: Term(5)))
        #expect(persistence.hardState.term == Term(5))
        #expect(persistence.entries.isEmpty)
    }

    @Test func partsThatContradictEachOtherAreRefused() {
        let attempts: [() throws -> RaftMachine] = [
            // Committed entries are missing.
            { try machine(term: 2, commit: 9, entries: entries(1, 2), state: birth) },
            // A gap in the log.
            { try machine(term: 2, commit: 1, entries: entries(1, 2, from: 3), state: birth) },
            // A term that falls along the log.
            { try machine(term: 2, commit: 1, entries: entries(2, 1), state: birth) },
            // An entry of a term that the replica has not seen.
            { try machine(term: 2, commit: 1, entries: entries(3), state: birth) },
            // The state is older than the beginning of the log.
            { try machine(term: 2, commit: 1, entries: [], state: .none) },
            // The state differs from the log in a committed entry.
            {
                try machine(
                    term: 2,
                    commit: 3,
                    entries: entries(1, 2),
                    state: state(at: 2, term: 2)
                )
            },
        ]
        for attempt in attempts {
            let error = #expect(throws: StoreError.self) { try attempt() }
            #expect(error?.code == .corrupted)
        }
    }
}
