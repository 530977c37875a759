// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Testing

@testable import ChordRuntime

@Suite("Events to listeners", .tags(.unit), .timeLimit(.minutes(5)))
struct EventHubTests {
    @Test("Every listener receives every event in order until the end")
    func everybody() async {
        let hub = EventHub<Int>(capacity: 8)
        let streams = [hub.events(), hub.events()]
        for event in 1...5 { hub.send(event) }
        hub.finish()
        for stream in streams {
            var heard: [Int] = []
            for await event in stream { heard.append(event) }
            #expect(heard == [1, 2, 3, 4, 5])
        }
    }

    @Test("A slow listener loses the oldest events")
    func dropsOldest() async {
        let hub = EventHub<Int>(capacity: 3)
        let stream = hub.events()
        for event in 1...10 { hub.send(event) }
        hub.finish()
        var heard: [Int] = []
        for await event in stream { heard.append(event) }
        #expect(heard == [8, 9, 10])
    }

    @Test("A late listener receives later events only, and none after the end")
    func late() async {
        let hub = EventHub<Int>(capacity: 3)
        hub.send(1)
        let late = hub.events()
        hub.send(2)
        hub.finish()
        hub.send(3)
        hub.finish()
        let tooLate = hub.events()
        var heard: [Int] = []
        for await event in late { heard.append(event) }
        for await event in tooLate { heard.append(event) }
        #expect(heard == [2])
    }

    @Test("A listener that ended is removed")
    func gone() async {
        let hub = EventHub<Int>(capacity: 3)
        for _ in 0..<10 { _ = hub.events() }
        #expect(hub.listenerCount == 0)
        let task = Task { [stream = hub.events()] in
            for await _ in stream {}
        }
        task.cancel()
        await task.value
        #expect(hub.listenerCount == 0)
    }

    /// A step per listener that is there, for each that goes, would be billions of steps.
    @Test("A hundred thousand listeners are added and removed in linear time")
    func linear() async {
        let hub = EventHub<Int>(capacity: 1)
        let first = hub.events()
        var streams = (0..<100_000).map { _ in hub.events() }
        #expect(hub.listenerCount == 100_001)
        // From the front, where what follows would have to move up, and then from the back.
        streams.removeFirst(50_000)
        while !streams.isEmpty { streams.removeLast() }
        #expect(hub.listenerCount == 1)
        hub.send(7)
        hub.finish()
        var heard: [Int] = []
        for await event in first { heard.append(event) }
        #expect(heard == [7])
    }

    @Test("Removing listeners keeps the order of the others")
    func order() async {
        let hub = EventHub<Int>(capacity: 4)
        var streams = (0..<200).map { _ in hub.events() }
        for place in (0..<200).reversed() where place % 3 != 0 { streams.remove(at: place) }
        #expect(hub.listenerCount == 67)
        hub.send(1)
        streams += [hub.events()]
        hub.send(2)
        hub.finish()
        for (place, stream) in streams.enumerated() {
            var heard: [Int] = []
            for await event in stream { heard.append(event) }
            #expect(heard == (place == 67 ? [2] : [1, 2]))
        }
    }
}
