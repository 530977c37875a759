// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordStore
import ChordWire
import ChordTestSupport
import Testing

@Suite("What a watcher was told over several streams", .tags(.unit))
struct WatchReaderTests {
    private func put(_ version: UInt64, _ key: String = "a") -> WireChange {
        WireChange(
            version: version,
            keys: [.init(Array(key.utf8), .put(value: [1], timeToLive: .seconds(1)))]
        )
    }

    private func changed(_ version: UInt64, _ key: String = "a") -> StoreWatchEvent {
        .changed(
            StoreChange(
                version: version,
                keys: [
                    StoreKeyChange(
                        key: StoreKey(key),
                        kind: .put(StoreValue([1], version: version, timeToLive: .seconds(1)))
                    )
                ]
            )
        )
    }

    private func reader(after version: UInt64? = nil) -> WatchReader {
        WatchReader(after: version) { StoreKey($0) }
    }

    @Test("a state, then changes; what comes twice is dropped")
    func whole() throws {
        var reader = reader()
        #expect(reader.version == nil)
        let row = WireRow(key: Array("a".utf8), value: WireValue([7], version: 3))
        var events = try reader.take(.init(stateBegins: true, rows: [row], version: 5))
        #expect(
            events == [
                .stateBegins(afterGap: false),
                .row(StoreRow(key: "a", value: StoreValue([7], version: 3))),
            ]
        )
        // A state that was told in part is told anew.
        #expect(reader.version == nil)
        events = try reader.take(.init(changes: [put(6)], stateIsComplete: true, version: 6))
        #expect(events == [changed(6), .stateIsComplete(version: 6)])
        #expect(reader.version == 6)
        events = try reader.take(.init(changes: [put(6), put(8)], version: 8))
        #expect(events == [changed(8)])
        events = try reader.take(.init(version: 11))
        #expect(events == [.progress(version: 11)])
        // Another node has not come so far.
        events = try reader.take(.init(version: 9))
        #expect(events == [.progress(version: 11)])
        #expect(reader.version == 11)
    }

    @Test("a gap makes the state begin again")
    func gap() throws {
        var reader = reader(after: 5)
        #expect(reader.version == 5)
        #expect(try reader.take(.init(changes: [put(7)], version: 7)) == [changed(7)])
        let events = try reader.take(
            .init(stateBegins: true, hasGap: true, stateIsComplete: true, version: 40)
        )
        #expect(events == [.stateBegins(afterGap: true), .stateIsComplete(version: 40)])
        #expect(reader.version == 40)
    }

    @Test("a stream that makes no sense is refused")
    func nonsense() {
        var fresh = reader()
        #expect(throws: StoreClientError.self) {
            try fresh.take(.init(changes: [put(7)], version: 7))
        }
        var resumed = reader(after: 5)
        let row = WireRow(key: [1], value: WireValue([7], version: 3))
        #expect(throws: StoreClientError.self) {
            try resumed.take(.init(rows: [row], version: 7))
        }
    }
}
