// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordTestSupport
import Testing

@testable import ChordStore

@Suite("Where ranges are split", .tags(.unit))
struct SplitPolicyTests {
    private static let bounds = IdentifierRange(after: Identifier(90), through: Identifier(50))
    private var policy = SplitPolicy()
    private var limits = SplitPolicy.Limits()

    init() {
        limits.rows = 10
        limits.bytes = 1000
        limits.replicasPerNode = 5
    }

    private mutating func step(
        _ members: [UInt64]?,
        rows: UInt64 = 0,
        bytes: UInt64 = 0,
        replicas: Int = 1,
        at seconds: Int64
    ) -> SplitPolicy.Step {
        policy.nextStep(
            bounds: Self.bounds,
            size: RangeSize(rows: rows, bytes: bytes),
            members: members.map { $0.map { Identifier($0) } },
            replicas: replicas,
            limits: limits,
            now: .seconds(seconds)
        )
    }

    @Test("a member inside the range splits it after ten seconds, and not before")
    mutating func settling() {
        #expect(step([20], at: 0) == .none)
        #expect(step([20], at: 9) == .none)
        #expect(step([20], at: 10) == .at(Identifier(20)))
    }

    @Test("a member that was away for a moment, or a ring that was not sure, begins anew")
    mutating func interruption() {
        _ = step([20], at: 0)
        _ = step([], at: 5)
        #expect(step([20], at: 10) == .none)
        _ = step(nil, at: 19)
        #expect(step([20], at: 20) == .none)
        #expect(step([20], at: 30) == .at(Identifier(20)))
    }

    @Test("the first member clockwise from the lower bound comes first, also over zero")
    mutating func order() {
        _ = step([20, 95, 5], at: 0)
        #expect(step([20, 95, 5], at: 10) == .at(Identifier(95)))
        #expect(step([20, 5], at: 10) == .at(Identifier(5)))
    }

    @Test("members at the bounds or outside split nothing", arguments: [50, 70, 90] as [UInt64])
    mutating func outside(member: UInt64) {
        _ = step([member], at: 0)
        #expect(step([member], at: 20) == .none)
    }

    @Test("a range is halved by rows and by bytes")
    mutating func size() {
        #expect(step([], rows: 9, bytes: 999, at: 0) == .none)
        #expect(step([], rows: 10, at: 0) == .half)
        #expect(step(nil, bytes: 1000, at: 0) == .half)
    }

    @Test("a node with many replicas splits by size only")
    mutating func manyReplicas() {
        _ = step([20], replicas: 5, at: 0)
        #expect(step([20], replicas: 5, at: 10) == .none)
        #expect(step([20], rows: 10, replicas: 5, at: 10) == .half)
        #expect(step([20], replicas: 4, at: 10) == .at(Identifier(20)))
    }

    @Test("a range that cannot be halved is left alone for a minute")
    mutating func unsplittable() {
        #expect(step([], rows: 99, at: 0) == .half)
        policy.couldNotHalve(now: .zero)
        #expect(step([], rows: 99, at: 59) == .none)
        #expect(step([], rows: 99, at: 60) == .half)
    }
}

@Suite("The search for the place of a split", .tags(.unit))
struct SplitSearchTests {
    /// A range over zero, (90, 50], with rows at these positions, read by pages.
    private static func search(
        _ positions: [UInt64],
        _ target: (RangeState) -> SplitSearch.Target = { _ in .half },
        page size: Int = 2
    ) -> (position: UInt64, rows: UInt64)? {
        var limits = SplitPolicy.Limits()
        limits.rows = 1
        var state = RangeFixture(
            bounds: IdentifierRange(after: Identifier(90), through: Identifier(50))
        ).state
        state.size = RangeSize(rows: UInt64(positions.count), bytes: 0)
        let rows = positions.enumerated().map { number, position in
            RowPage.Element(
                key: RowKey(
                    slot: state.slot,
                    position: state.space.bytes(of: Identifier(position)),
                    partition: [],
                    key: [UInt8(number)]
                ),
                row: Row(value: [], version: LogIndex(1))
            )
        }.sorted { $0.key < $1.key }
        var search = SplitSearch(target(state), in: state, limits: limits)
        while let interval = search.next {
            let end = interval.end?.key(in: interval.slot)
            let rest = rows.filter { row in
                row.key >= interval.first.key(in: interval.slot) && end.map { row.key < $0 } ?? true
            }
            let page = RowPage(
                rows: Array(rest.prefix(size)),
                next: rest.count > size ? RowPlace(rest[size].key) : nil
            )
            guard let found = search.take(page) else { continue }
            return (found.position.reduce(0) { $0 << 8 | UInt64($1) }, found.size.rows)
        }
        return nil
    }

    @Test("half of the rows lie up to the place, counted clockwise from the lower bound")
    func half() throws {
        let found = try #require(Self.search([95, 96, 1, 2]))
        #expect(found == (96, 2))
        let behind = try #require(Self.search([91, 10, 20, 30, 40, 45]))
        #expect(behind == (20, 3))
    }

    @Test("rows of one position stay together")
    func onePosition() throws {
        #expect(Self.search([7, 7, 7, 7]) == nil)
        let first = try #require(Self.search([7, 7, 7, 8]))
        #expect(first == (7, 3))
        let last = try #require(Self.search([6, 7, 7, 7, 7]))
        #expect(last == (6, 1))
    }

    @Test("the rows up to a member's identifier are counted, with those at it")
    func position() throws {
        let found = try #require(
            Self.search([95, 1, 5, 5, 6, 40]) { .position($0.space.bytes(of: Identifier(5))) }
        )
        #expect(found == (5, 4))
        let none = try #require(
            Self.search([40]) { .position($0.space.bytes(of: Identifier(5))) }
        )
        #expect(none == (5, 0))
    }
}
