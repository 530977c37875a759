// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The segment files of a log, oldest first, and their live bytes.
///
/// Numbers have no gaps. The last segment is the active one, which records are appended to.
struct SegmentTable: LogUsage {
    struct Segment: Sendable {
        let number: UInt64
        /// Bytes up to the last record.
        var end: Int
        /// Bytes that recovery needs.
        var live = 0
        /// The same for each range that has any.
        var liveOfRange: [RangeID: Int] = [:]
    }

    private(set) var segments: [Segment] = []

    var first: Segment? { segments.first }
    var bytesLive: Int { segments.reduce(0) { $0 + $1.live } }
    var bytesStored: Int { segments.reduce(0) { $0 + $1.end } }

    mutating func append(_ number: UInt64, end: Int) {
        precondition(segments.last.map { $0.number + 1 == number } ?? true, "segment \(number)")
        segments.append(Segment(number: number, end: end))
    }

    mutating func removeFirst() -> Segment {
        segments.removeFirst()
    }

    mutating func removeLast() {
        segments.removeLast()
    }

    mutating func setEnd(of number: UInt64, _ end: Int) {
        guard let offset = offset(of: number) else { return }
        segments[offset].end = end
    }

    private func offset(of number: UInt64) -> Int? {
        guard let first = segments.first?.number, number >= first else { return nil }
        let offset = number - first
        return offset < UInt64(segments.count) ? Int(offset) : nil
    }

    mutating func change(_ number: UInt64, of range: RangeID, by bytes: Int) {
        guard let offset = offset(of: number) else {
            preconditionFailure("segment \(number) is none of \(segments.map(\.number))")
        }
        segments[offset].live += bytes
        let live = (segments[offset].liveOfRange[range] ?? 0) + bytes
        segments[offset].liveOfRange[range] = live == 0 ? nil : live
    }
}
