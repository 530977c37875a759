// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordTestSupport
import ChordWire
import Testing

@testable import ChordStore

@Suite("Messages that wait to be sent to another node's store", .tags(.unit))
struct OutboxTests {
    private static let member = StoreMember(
        node: "n2",
        address: "n2:1",
        disk: DiskID(high: 1, low: 2)
    )

    /// An append with so many entries without payload.
    private static func append(_ count: Int, after index: UInt64) -> GroupMessage {
        let entries = (0..<UInt64(count)).map {
            LogEntry(term: Term(1), index: LogIndex(index + 1 + $0))
        }
        let append = RaftAppend(
            previous: LogPosition(index: LogIndex(index), term: Term(1)),
            entries: entries,
            commit: LogIndex(0),
            acknowledged: LogIndex(0)
        )
        return GroupMessage(
            range: RangeID(high: 1, low: 1),
            message: RaftMessage(
                from: ReplicaNumber(1),
                to: ReplicaNumber(2),
                term: Term(1),
                body: .append(append)
            ),
            descriptor: nil
        )
    }

    /// The calls with all messages that wait; each call has ended when the next is taken.
    private static func calls(of outbox: inout Outbox) -> [Outbox.Call] {
        var calls: [Outbox.Call] = []
        while true {
            let taken = outbox.take()
            if taken.isEmpty { return calls }
            calls += taken
            for call in taken { _ = outbox.ended(callTo: call.member) }
        }
    }

    // A dictionary's order differs between processes, and then so would a seed of the simulator.
    @Test("Calls to a node on its former disks and its present one leave in the same order always")
    func order() {
        var outbox = Outbox()
        let disks = (1...8).map { DiskID(high: $0, low: 2) }
        for disk in disks.reversed() {
            let member = StoreMember(node: "n2", address: "n2:1", disk: disk)
            outbox.add(Self.append(1, after: 0), to: member)
        }
        #expect(Self.calls(of: &outbox).map(\.member.disk) == disks)
    }

    @Test("The limits of a call are those of the contract")
    func limits() {
        #expect(Outbox.callMessages == WireLimits.raftMessages)
        #expect(Outbox.callEntries == WireLimits.raftEntries)
    }

    @Test("A message of the largest size has as many entries as the contract allows, at most")
    func largestMessage() {
        #expect(RaftSettings.lan.messageBytes / LogEntry.overhead <= WireLimits.raftEntries)
    }

    @Test("Many short entries leave in several calls, in order, and each call can be read")
    func manyShortEntries() throws {
        var outbox = Outbox()
        let sent = (0..<5).map { Self.append(5_000, after: $0 * 5_000) }
        for message in sent { outbox.add(message, to: Self.member) }
        let calls = Self.calls(of: &outbox)
        #expect(calls.flatMap(\.messages) == sent)
        #expect(calls.map(\.messages.count) == [3, 2])
        for call in calls {
            let request = RaftRequest(
                header: WirePeerHeader(
                    store: UInt128(1),
                    fromDisk: UInt128(2),
                    toDisk: nil,
                    starts: 1
                ),
                PeerCall(messages: call.messages)
            )
            let read = try RaftRequest(decoding: request.encoded(in: .standard), space: .standard)
            #expect(read.messages.count == call.messages.count)
        }
    }
}
