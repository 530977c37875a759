// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
package import ChordCore

/// A command of a range's state machine: the payload of a log entry of kind `normal`.
package struct RangeCommand: Hashable, Sendable {
    /// The range's time at which the leader proposed it.
    package var time: RangeTime
    package var action: Action

    package enum Action: Hashable, Sendable {
        case write(WriteCommand)
        /// Deletes rows whose time to live has passed at the command's time.
        case expire(limit: Int)
        /// Only advances the time.
        case advance
        /// Gives a member a replica number, before the configuration names it.
        case prepare(StoreMember)
        /// Takes back the numbers that no configuration has named.
        case retract
        /// Sets the wanted number of voters.
        case setReplication(Int)
        /// Makes all later versions of the range higher than this one.
        case raiseVersions(above: LogIndex)
        /// Divides the range in two.
        case split(RangeSplit)

        /// Whether the command may change the range's descriptor.
        var changesDescriptor: Bool {
            switch self {
            case .prepare, .retract, .setReplication, .split: true
            case .write, .expire, .advance, .raiseVersions: false
            }
        }
    }

    package init(time: RangeTime, action: Action) {
        self.time = time
        self.action = action
    }
}

// MARK: - Bytes

extension RangeCommand {
    /// Version of the format, the first byte of a payload. A replica that finds a higher one stops.
    static let formatVersion: UInt8 = 1

    private enum Tag {
        static let write: UInt8 = 1
        static let expire: UInt8 = 2
        static let advance: UInt8 = 3
        static let prepare: UInt8 = 4
        static let setReplication: UInt8 = 5
        static let split: UInt8 = 6
        static let retract: UInt8 = 7
        static let raiseVersions: UInt8 = 8
        static let put: UInt8 = 1
        static let delete: UInt8 = 2
        static let touch: UInt8 = 3
        static let check: UInt8 = 4
        static let unconditional: UInt8 = 0
        static let absent: UInt8 = 1
        static let version: UInt8 = 2
    }

    /// The payload of the log entry.
    package func encoded(in space: IdentifierSpace) -> [UInt8] {
        var writer = ByteWriter(reserving: 128)
        writer.byte(Self.formatVersion)
        writer.number(time.milliseconds)
        switch action {
        case .write(let write):
            writer.byte(Tag.write)
            Self.encode(write, in: space, to: &writer)
        case .expire(let limit):
            writer.byte(Tag.expire)
            writer.number(limit)
        case .advance:
            writer.byte(Tag.advance)
        case .prepare(let member):
            writer.byte(Tag.prepare)
            writer.text(member.node)
            writer.text(member.address)
            writer.bits(member.disk.bits)
        case .setReplication(let count):
            writer.byte(Tag.setReplication)
            writer.number(count)
        case .retract:
            writer.byte(Tag.retract)
        case .raiseVersions(let floor):
            writer.byte(Tag.raiseVersions)
            writer.number(floor.number)
        case .split(let split):
            writer.byte(Tag.split)
            split.encode(in: space, to: &writer)
        }
        return writer.bytes
    }

    /// Reads the payload of a log entry.
    ///
    /// - Throws: `unknownVersion` for a version or an action of a later release, `corrupted` for bytes that
    ///   no release has written.
    package init(decoding payload: [UInt8], in space: IdentifierSpace) throws(StoreError) {
        var reader = ByteReader(payload, what: "a command in the log")
        try reader.checkVersion(Self.formatVersion)
        time = RangeTime(milliseconds: try reader.number())
        switch try reader.byte() {
        case Tag.write: action = .write(try Self.decodeWrite(from: &reader, in: space))
        case Tag.expire: action = .expire(limit: Int(clamping: try reader.number()))
        case Tag.advance: action = .advance
        case Tag.prepare:
            action = .prepare(
                StoreMember(
                    node: try reader.text(),
                    address: try reader.text(),
                    disk: DiskID(try reader.bits())
                )
            )
        case Tag.setReplication:
            action = .setReplication(Int(clamping: try reader.number()))
        case Tag.retract: action = .retract
        case Tag.raiseVersions: action = .raiseVersions(above: LogIndex(try reader.number()))
        case Tag.split: action = .split(try RangeSplit(decoding: &reader, in: space))
        case let other:
            throw StoreError(
                .unknownVersion,
                "the log has a command of kind \(other), which this release does not know"
            )
        }
        try reader.end()
    }

    private static func encode(
        _ write: WriteCommand,
        in space: IdentifierSpace,
        to writer: inout ByteWriter
    ) {
        writer.bits(write.id.client.bits)
        writer.number(write.id.number)
        writer.number(write.id.lowestUnanswered)
        writer.number(write.id.preparedAt.milliseconds)
        writer.text(write.identity)
        writer.fixed(space.bytes(of: write.position))
        writer.string(write.partition)
        writer.flag(write.wantsPrevious)
        writer.list(write.operations) { writer, operation in
            writer.string(operation.key)
            switch operation.condition {
            case .none: writer.byte(Tag.unconditional)
            case .absent: writer.byte(Tag.absent)
            case .version(let version):
                writer.byte(Tag.version)
                writer.number(version.number)
            }
            switch operation.action {
            case .put(let value, let timeToLive):
                writer.byte(Tag.put)
                writer.optional(timeToLive, Self.encode)
                writer.string(value)
            case .delete: writer.byte(Tag.delete)
            case .touch(let timeToLive):
                writer.byte(Tag.touch)
                writer.optional(timeToLive, Self.encode)
            case .check: writer.byte(Tag.check)
            }
        }
    }

    private static func decodeWrite(
        from reader: inout ByteReader,
        in space: IdentifierSpace
    ) throws(StoreError) -> WriteCommand {
        let id = WriteID(
            client: ClientID(try reader.bits()),
            number: try reader.number(),
            lowestUnanswered: try reader.number(),
            preparedAt: RangeTime(milliseconds: try reader.number())
        )
        let identity = try reader.text()
        let position = try reader.position(in: space)
        let partition = try reader.string()
        let wantsPrevious = try reader.flag()
        let operations = try reader.list(decodeOperation)
        return WriteCommand(
            id: id,
            identity: identity,
            position: position,
            partition: partition,
            operations: operations,
            wantsPrevious: wantsPrevious
        )
    }

    private static func decodeOperation(
        from reader: inout ByteReader
    ) throws(StoreError) -> WriteOperation {
        let key = try reader.string()
        let condition: WriteCondition
        switch try reader.byte() {
        case Tag.unconditional: condition = .none
        case Tag.absent: condition = .absent
        case Tag.version: condition = .version(LogIndex(try reader.number()))
        default: throw reader.failure("has a condition of an unknown kind")
        }
        let action: WriteAction
        switch try reader.byte() {
        case Tag.put:
            let timeToLive = try reader.optional(decodeDuration)
            action = .put(value: try reader.string(), timeToLive: timeToLive)
        case Tag.delete: action = .delete
        case Tag.touch: action = .touch(timeToLive: try reader.optional(decodeDuration))
        case Tag.check: action = .check
        default: throw reader.failure("has an operation of an unknown kind")
        }
        return WriteOperation(key: key, condition: condition, action: action)
    }

    private static func encode(_ writer: inout ByteWriter, _ duration: Duration) {
        writer.number(RangeTime.zero.advanced(by: duration).milliseconds)
    }

    private static func decodeDuration(
        _ reader: inout ByteReader
    ) throws(StoreError) -> Duration {
        .milliseconds(Int64(clamping: try reader.number()))
    }
}
