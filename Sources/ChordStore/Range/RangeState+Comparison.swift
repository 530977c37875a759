// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// What the replicas of a range have in common after one entry of its log.

extension RangeState {
    /// Whether two replicas have applied the same, apart from the slots of their disks.
    package func holdsSame(as other: Self) -> Bool {
        applied == other.applied && appliedTerm == other.appliedTerm
            && configuration == other.configuration && descriptor == other.descriptor
            && time == other.time && size == other.size && versionOffset == other.versionOffset
            && requests.records == other.requests.records
    }

    /// The same as bytes, and the rows.
    var comparedSelection: RowSelection {
        var state = ByteWriter(reserving: 512)
        descriptor.encode(to: &state)
        state.number(applied.number)
        state.number(appliedTerm.number)
        state.string(configuration.encoded)
        state.number(time.milliseconds)
        size.encode(to: &state)
        state.number(versionOffset)
        var records = [(name: "state", value: state.bytes)]
        for (client, record) in requests.records.sorted(by: { $0.key < $1.key }) {
            records.append((client.description, record.encoded))
        }
        return RowSelection(records: records, slot: slot, bounds: bounds)
    }
}
