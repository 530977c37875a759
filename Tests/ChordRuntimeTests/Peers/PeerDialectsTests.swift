// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordWire
import ChordTestSupport
import Testing

@testable import ChordRuntime

@Suite("Dialects of peers", .tags(.unit))
struct PeerDialectsTests {
    @Test("A peer is called in our own dialect first, then in the one that worked")
    func order() {
        let dialects = PeerDialects([.concord])
        #expect(dialects.order(for: "a").map(\.name) == [.native, .concord])
        dialects.answered("a", in: .concord, over: 3)
        #expect(dialects.order(for: "a").map(\.name) == [.concord, .native])
        #expect(dialects.isForeign("a"))
        #expect(!dialects.isForeign("b"))
    }

    @Test("Our own dialect is tried again on a new connection")
    func newConnection() {
        let dialects = PeerDialects([.concord])
        dialects.answered("a", in: .concord, over: 3)
        dialects.answered("a", in: .concord, over: 4)
        #expect(dialects.order(for: "a").map(\.name) == [.native, .concord])
        // Ours was refused, so it speaks as before.
        dialects.answered("a", in: .concord, over: 4)
        #expect(dialects.order(for: "a").map(\.name) == [.concord, .native])
        // An older connection's last answer is no news.
        dialects.answered("a", in: .concord, over: 3)
        #expect(dialects.order(for: "a").map(\.name) == [.concord, .native])
        dialects.answered("a", in: .native, over: 5)
        #expect(!dialects.isForeign("a"))
    }

    @Test("Without other dialects nothing is stored")
    func onlyOurs() {
        let dialects = PeerDialects([])
        dialects.answered("a", in: .native, over: 1)
        #expect(dialects.dialect(of: "a") == nil)
        #expect(dialects.order(for: "a").map(\.name) == [.native])
    }
}
