// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordBase
import ChordHash

// The recovery of a range that has lost the majority of its replicas for good.
//
// 1. Every replica whose disk is not given up promises: it ends its part in the range for good, and takes part in no
//    other recovery of it. The promise is durable, and so is the replica's log.
// 2. The replica with the most complete log applies all of it and becomes the only voter of a new range, the successor,
//    in one transaction. Of the logs that are left, the one with the last term and index holds every entry that any of
//    them holds and that was committed [Ongaro 3.6.1].
// 3. The others are deleted. The successor fills new replicas as every range does.
//
// Why there is one successor at most. A recovery is named by the range and the disks that it gives up, and its successor
// by a hash of both, so two administrators with the same list do the same steps. All replicas that are not given up
// must promise before one of them founds, and their logs do not change any more, so both choose the same founder.
// A recovery that gives up more takes over the promises of one that gives up less, unless the successor was founded.
// Other recoveries are refused by every replica that has promised.
//
// What it rests on: a disk that was given up does not come back. One that does is refused by every node that knows of
// the recovery, and stops its store as soon as it reaches one of them.

/// Names the recovery of a range.
package struct RangeRecovery: Hashable, Sendable {
    package var range: RangeID
    /// The disks whose replicas are lost for good.
    package var givenUp: Set<DiskID>

    package init(of range: RangeID, givingUp disks: some Sequence<DiskID>) {
        self.range = range
        givenUp = Set(disks)
    }

    /// The range that takes the place of the lost one.
    package var successor: RangeID {
        var writer = ByteWriter()
        writer.text("chord-store-recovery")
        writer.bits(range.bits)
        for disk in givenUp.sorted() { writer.bits(disk.bits) }
        let digest = HashFunction.sha256.hash(writer.bytes)
        func word(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
        return RangeID(high: word(digest[0..<8]), low: word(digest[8..<16]))
    }

    /// How far the log of the successor begins above every index that was seen. Nobody can say which versions the lost
    /// replicas have given to writes; they were fewer than that.
    package static let gap = 1 << 32
}

/// What a disk keeps of the recovery of a range.
package struct RecoveryRecord: Hashable, Sendable {
    package enum State: UInt8, Hashable, Sendable {
        /// The replica has ended its part in the range.
        case promised = 0
        /// The successor has been made of the replica.
        case founded = 1
        /// The successor has been made elsewhere.
        case retired = 2
    }

    package var state: State
    package var recovery: RangeRecovery
    /// The end of the log at the promise. Nil if the replica cannot be the founder: its data are damaged or old.
    package var last: LogPosition?
    /// The range that has taken the place of the lost one.
    package var successor: RangeID?

    package init(
        _ state: State,
        _ recovery: RangeRecovery,
        last: LogPosition?,
        successor: RangeID? = nil
    ) {
        self.state = state
        self.recovery = recovery
        self.last = last
        self.successor = successor
    }

    /// Whether a replica that has made this promise may promise another recovery instead.
    package func yields(to other: RangeRecovery) -> Bool {
        state == .promised && recovery.givenUp.isSubset(of: other.givenUp)
    }
}

// MARK: - Bytes

extension RecoveryRecord {
    private static let formatVersion: UInt8 = 1
    private static let prefix = "recovery/"

    private static func name(_ range: RangeID) -> RowMetadataName {
        RowMetadataName(.store, prefix + range.description)
    }

    package func save(in transaction: inout some RowEngineTransaction) throws(StoreError) {
        var writer = ByteWriter()
        writer.byte(Self.formatVersion)
        writer.byte(state.rawValue)
        writer.list(recovery.givenUp.sorted()) { $0.bits($1.bits) }
        writer.optional(last) { writer, last in
            writer.number(last.index.number)
            writer.number(last.term.number)
        }
        writer.optional(successor) { $0.bits($1.bits) }
        try transaction.setMetadata(writer.bytes, for: Self.name(recovery.range))
    }

    package static func load(
        of range: RangeID,
        in transaction: inout some RowRecordReader
    ) throws(StoreError) -> Self? {
        guard let bytes = try transaction.metadata(name(range)) else { return nil }
        var reader = ByteReader(bytes, what: "the record of a recovery")
        try reader.checkVersion(formatVersion)
        guard let state = State(rawValue: try reader.byte()) else {
            throw reader.failure("has an unknown state")
        }
        let disks = try reader.list { reader throws(StoreError) in DiskID(try reader.bits()) }
        let last = try reader.optional { reader throws(StoreError) in
            LogPosition(
                index: LogIndex(try reader.number()),
                term: Term(try reader.number())
            )
        }
        let successor = try reader.optional { reader throws(StoreError) in
            RangeID(try reader.bits())
        }
        try reader.end()
        return Self(
            state,
            RangeRecovery(of: range, givingUp: disks),
            last: last,
            successor: successor
        )
    }

    /// All of them.
    package static func all(
        in transaction: inout some RowEngineTransaction
    ) throws(StoreError) -> [RangeID: Self] {
        var records: [RangeID: Self] = [:]
        for name in try transaction.metadataNames(in: .store) where name.name.hasPrefix(prefix) {
            guard let range = RangeID(name.name.dropFirst(prefix.count)) else { continue }
            records[range] = try load(of: range, in: &transaction)
        }
        return records
    }
}

/// The disks that were given up by recoveries, as each disk keeps them.
package enum GivenUpDisks {
    private static let prefix = "given-up/"
    /// More are refused: as many disks are not lost in the life of a store.
    package static let most = 1_024

    package static func note(
        _ disks: some Sequence<DiskID>,
        in transaction: inout some RowEngineTransaction
    ) throws(StoreError) {
        for disk in disks.sorted() {
            try transaction.setMetadata(
                [1],
                for: RowMetadataName(.store, prefix + disk.description)
            )
        }
    }

    package static func all(
        in transaction: inout some RowEngineTransaction
    ) throws(StoreError) -> Set<DiskID> {
        var disks: Set<DiskID> = []
        for name in try transaction.metadataNames(in: .store) where name.name.hasPrefix(prefix) {
            guard let bits = RandomBits(name.name.dropFirst(prefix.count)) else { continue }
            disks.insert(DiskID(bits))
        }
        return disks
    }

    /// Tells two sets apart; 0 for none.
    package static func checksum(_ disks: Set<DiskID>) -> UInt32 {
        guard !disks.isEmpty else { return 0 }
        var writer = ByteWriter()
        for disk in disks.sorted() { writer.bits(disk.bits) }
        return max(1, Checksum.crc32(writer.bytes))
    }
}
