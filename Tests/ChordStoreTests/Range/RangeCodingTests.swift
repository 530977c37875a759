// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordStore
import ChordTestSupport
import Testing

@Suite("Stored forms of commands, descriptors and request records", .tags(.unit))
struct RangeCodingTests {
    static let write = WriteCommand(
        id: WriteID(
            client: ClientID(RandomBits(high: 3, low: .max)),
            number: .max,
            lowestUnanswered: 7,
            preparedAt: RangeTime(milliseconds: 1 << 40)
        ),
        identity: "client/ålice",
        position: Identifier(0xFEDC_BA98_7654_3210),
        partition: [0, 255],
        operations: [
            WriteOperation(
                key: [],
                condition: .absent,
                action: .put(value: [1, 0, 2], timeToLive: .milliseconds(1500))
            ),
            WriteOperation(key: [0], condition: .version(LogIndex(9)), action: .delete),
            WriteOperation(key: [1], action: .touch(timeToLive: nil)),
            WriteOperation(key: [2], condition: .absent, action: .check),
        ],
        wantsPrevious: true
    )

    static let commands = [
        RangeCommand(time: .zero, action: .advance),
        RangeCommand(time: RangeTime(milliseconds: 300), action: .expire(limit: 100)),
        RangeCommand(time: RangeTime(milliseconds: .max), action: .write(write)),
        RangeCommand(time: .zero, action: .setReplication(5)),
        RangeCommand(time: .zero, action: .retract),
        RangeCommand(time: .zero, action: .raiseVersions(above: LogIndex(1 << 61))),
        RangeCommand(
            time: RangeTime(milliseconds: 9),
            action: .split(
                RangeSplit(
                    child: RangeID(high: 5, low: .max),
                    position: Identifier(0xFEDC_BA98_7654_3210),
                    epoch: RangeEpoch(configuration: 4, bounds: 1 << 40),
                    replicas: [ReplicaNumber(1), ReplicaNumber(300)],
                    size: RangeSize(rows: 7, bytes: 1 << 33)
                )
            )
        ),
        RangeCommand(
            time: .zero,
            action: .prepare(
                StoreMember(node: "n1", address: "h:1", disk: DiskID(high: 1, low: 2))
            )
        ),
    ]

    @Test("a command is read as it was written", arguments: commands)
    func command(_ command: RangeCommand) throws {
        let payload = command.encoded(in: .standard)
        #expect(try RangeCommand(decoding: payload, in: .standard) == command)
    }

    @Test("the bytes of a command do not change between releases")
    func golden() {
        #expect(
            RangeCommand(time: RangeTime(milliseconds: 300), action: .expire(limit: 100))
                .encoded(in: .standard) == [1, 0xAC, 2, 2, 100]
        )
    }

    @Test("a command cut short or with a changed byte is refused or read, and never traps")
    func damagedCommand() {
        let payload = Self.commands[2].encoded(in: .standard)
        for count in 0..<payload.count {
            #expect(throws: StoreError.self) {
                try RangeCommand(decoding: Array(payload.prefix(count)), in: .standard)
            }
        }
        for place in payload.indices {
            for change in UInt8(1)...255 {
                var damaged = payload
                damaged[place] ^= change
                _ = try? RangeCommand(decoding: damaged, in: .standard)
            }
        }
    }

    @Test("a command of a later format stops the replica with unknownVersion")
    func later() {
        for payload: [UInt8] in [[2, 0, 3], [1, 0, 99]] {
            #expect {
                try RangeCommand(decoding: payload, in: .standard)
            } throws: {
                ($0 as? StoreError)?.code == .unknownVersion
            }
        }
    }

    @Test("a descriptor is read as it was written, and never traps when damaged")
    func descriptor() throws {
        let descriptor = RangeDescriptor(
            id: RangeID(high: 1, low: 2),
            epoch: RangeEpoch(configuration: 3, bounds: 4),
            bounds: IdentifierRange(after: Identifier(1, 2, 3, 4), through: Identifier(9)),
            replicas: [
                ReplicaDescriptor(
                    number: ReplicaNumber(1),
                    node: "n1",
                    address: "127.0.0.1:7946",
                    disk: DiskID(high: 5, low: 6),
                    role: .voter
                ),
                ReplicaDescriptor(
                    number: ReplicaNumber(4),
                    node: "n2",
                    address: "[::1]:7946",
                    disk: DiskID(high: 7, low: 8),
                    role: .learner
                ),
            ],
            nextNumber: ReplicaNumber(5),
            replication: 3
        )
        var writer = ByteWriter()
        descriptor.encode(to: &writer)
        var reader = ByteReader(writer.bytes, what: "a descriptor")
        #expect(try RangeDescriptor(decoding: &reader) == descriptor)
        #expect(reader.remaining == 0)
        for place in writer.bytes.indices {
            for change in UInt8(1)...255 {
                var damaged = writer.bytes
                damaged[place] ^= change
                var reader = ByteReader(damaged, what: "a descriptor")
                _ = try? RangeDescriptor(decoding: &reader)
            }
        }
    }

    @Test("a request record is read as it was written")
    func record() throws {
        let operation = WriteOutcome.Operation(conditionHeld: false, previousVersion: LogIndex(4))
        let record = RequestTable.Record(
            identity: "alice",
            lowestUnanswered: 8,
            lastWrite: RangeTime(milliseconds: 77),
            answers: [
                8: WriteOutcome(applied: false, version: LogIndex(5), operations: [operation]),
                9: WriteOutcome(applied: true, version: LogIndex(6), operations: []),
            ]
        )
        #expect(try RequestTable.Record(decoding: record.encoded) == record)
    }

    @Test("numbers of all lengths are read as they were written")
    func numbers() throws {
        for shift in 0..<64 {
            for value in [UInt64(1) << UInt64(shift), (UInt64(1) << UInt64(shift)) - 1, .max] {
                var writer = ByteWriter()
                writer.number(value)
                var reader = ByteReader(writer.bytes, what: "a number")
                #expect(try reader.number() == value)
            }
        }
        var long = ByteReader([UInt8](repeating: 0xFF, count: 9) + [2], what: "a number")
        #expect(throws: StoreError.self) { try long.number() }
    }
}
