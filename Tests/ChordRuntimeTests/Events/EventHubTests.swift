// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers
import Testing

@testable import ChordRuntime

@Suite("Events to listeners", .timeLimit(.minutes(5)))
struct EventHubTests {
    @Test("everybody hears everything, in order, until the end")
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

    @Test("who does not keep up loses the oldest")
    func dropsOldest() async {
        let hub = EventHub<Int>(capacity: 3)
        let stream = hub.events()
        for event in 1...10 { hub.send(event) }
        hub.finish()
        var heard: [Int] = []
        for await event in stream { heard.append(event) }
        #expect(heard == [8, 9, 10])
    }

    @Test("who comes late hears what follows; who comes after the end hears nothing")
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

    @Test("who has gone is forgotten")
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
}
