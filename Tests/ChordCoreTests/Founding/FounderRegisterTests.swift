// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordTestSupport
import Testing

@Suite("Founding decisions", .tags(.unit))
struct FounderRegisterTests {
    private static let founders = (0..<3).map { node($0).address }

    private static func node(_ number: Int, life: UInt64 = 1) -> NodeReference {
        NodeReference(
            id: Identifier(UInt64(number)),
            name: "n\(number)",
            address: "n\(number):1",
            incarnation: life
        )
    }

    private static func judge(
        _ register: inout FounderRegister,
        _ decided: [NodeReference]?,
        at seconds: Int = 0
    ) -> FounderRegister.Verdict {
        register.judge(
            decided,
            for: node(0),
            among: founders,
            now: .seconds(seconds),
            isPlaced: { !$0.name.hasPrefix("bad") }
        )
    }

    private static let all = [node(0), node(1), node(2)]

    @Test("A decision that names an unreached founder counts once that founder is reached")
    func waits() {
        var register = FounderRegister(lifetime: .seconds(10))
        #expect(Self.judge(&register, Self.all) == .reach(["n1:1", "n2:1"]))
        register.reached(Self.node(1), at: "n1:1", now: .zero)
        #expect(Self.judge(&register, nil) == .reach(["n2:1"]))
        register.reached(Self.node(2), at: "n2:1", now: .zero)
        #expect(Self.judge(&register, nil) == .accept(Self.all))
        // Once.
        #expect(Self.judge(&register, nil) == .reject)
    }

    @Test("An invented founder creates no ring, even if a node answers at its address")
    func invented() {
        var register = FounderRegister(lifetime: .seconds(10))
        var ghost = Self.node(2)
        ghost.name = "ghost"
        let decided = [Self.node(0), Self.node(1), ghost]
        register.reached(Self.node(1), at: "n1:1", now: .zero)
        #expect(Self.judge(&register, decided) == .reach(["n2:1"]))
        register.reached(Self.node(2), at: "n2:1", now: .zero)
        #expect(Self.judge(&register, nil) == .reject)
        #expect(Self.judge(&register, decided) == .reject)
    }

    @Test("A founder's own message does not make it reached")
    func heard() {
        var register = FounderRegister(lifetime: .seconds(10))
        let isNew = register.heard(Self.node(1), now: .zero)
        #expect(isNew)
        #expect(register.missing(of: ["n1:1"], now: .zero) == ["n1:1"])
        register.reached(Self.node(1), at: "n1:1", now: .zero)
        let again = register.heard(Self.node(1), now: .zero)
        #expect(!again)
        // A new life is reached anew.
        let reborn = register.heard(Self.node(1, life: 2), now: .zero)
        #expect(reborn)
        #expect(register.missing(of: ["n1:1"], now: .zero) == ["n1:1"])
    }

    @Test("An answer that names another address reaches no founder")
    func elsewhere() {
        var register = FounderRegister(lifetime: .seconds(10))
        register.reached(Self.node(1), at: "n2:1", now: .zero)
        #expect(register.nodes(at: Self.founders).isEmpty)
    }

    @Test("Old reachability and old decisions expire")
    func old() {
        var register = FounderRegister(lifetime: .seconds(10))
        register.reached(Self.node(1), at: "n1:1", now: .zero)
        register.reached(Self.node(2), at: "n2:1", now: .zero)
        #expect(Self.judge(&register, Self.all, at: 11) == .reach(["n1:1", "n2:1"]))
        register.reached(Self.node(1), at: "n1:1", now: .seconds(22))
        register.reached(Self.node(2), at: "n2:1", now: .seconds(22))
        #expect(Self.judge(&register, nil, at: 22) == .reject)
        #expect(Self.judge(&register, Self.all, at: 22) == .accept(Self.all))
    }

    @Test("A decision must name these founders, this node in its present life, each at its place")
    func others() {
        var register = FounderRegister(lifetime: .seconds(10))
        for number in 1...3 {
            register.reached(Self.node(number), at: "n\(number):1", now: .zero)
        }
        var misplaced = Self.node(2)
        misplaced.name = "bad"
        var same = Self.node(2)
        same.id = Self.node(1).id
        let wrong = [
            [Self.node(0), Self.node(1)], [Self.node(1), Self.node(2)],
            [Self.node(0, life: 2), Self.node(1), Self.node(2)],
            [Self.node(0), Self.node(1), Self.node(3)],
            [Self.node(0), Self.node(1), Self.node(2), Self.node(3)],
            [Self.node(0), Self.node(1), misplaced], [Self.node(0), Self.node(1), same],
            [Self.node(0), Self.node(1, life: 2), Self.node(2)], [],
        ]
        for decided in wrong { #expect(Self.judge(&register, decided) == .reject, "\(decided)") }
    }
}
