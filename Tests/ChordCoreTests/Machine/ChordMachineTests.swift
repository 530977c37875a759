// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordTestSupport
import Testing

/// Single inputs to a single machine, which scripts of whole rings do not cover.
@Suite(.tags(.unit)) struct ChordMachineTests {
    private static func machine(
        _ id: UInt64,
        mode: ChordMachine.QueryMode = .answering
    ) throws -> ChordMachine {
        var configuration = ChordMachine.Configuration()
        configuration.queryMode = mode
        configuration.promptCapacity = 2
        configuration.promptRefill = 1
        return ChordMachine(
            node: Nodes.node(id),
            parameters: try Nodes.parameters(width: 6),
            configuration: configuration
        )
    }

    private static func question(in directives: [Directive]) throws -> Token {
        let tokens = directives.compactMap { directive -> Token? in
            guard case .askState(let token, _) = directive else { return nil }
            return token
        }
        #expect(tokens.count == 1)
        return try #require(tokens.first)
    }

    private static func leaveNotice(of leaver: NodeReference) -> LeaveNotice {
        LeaveNotice(state: RingState(node: leaver, predecessor: leaver, successors: []))
    }

    @Test func nonMemberIgnoresAllEvents() throws {
        var machine = try Self.machine(10)
        #expect(machine.tick().isEmpty)
        #expect(machine.notified(by: Nodes.node(5)).isEmpty)
        #expect(machine.neighbourLeft(Self.leaveNotice(of: Nodes.node(5))).isEmpty)
        #expect(machine.suspect(Identifier(5)).isEmpty)
        #expect(machine.leave() == [.publish])
        #expect(machine.tick().isEmpty)
    }

    @Test func successorWithoutIncarnationIsRoutedToTheListedAddress() throws {
        var machine = try Self.machine(10)
        let former = Nodes.node(30, life: 5)
        _ = machine.join(
            after: RingState(
                node: Nodes.node(5),
                predecessor: former,
                successors: [Nodes.node(20), former]
            )
        )
        // The head is another implementation: it knows the new address and no incarnation.
        var moved = Nodes.node(30, life: 0)
        moved.address = "elsewhere:1"
        let token = try Self.question(in: machine.tick())
        _ = machine.receive(
            .state(
                RingState(
                    node: Nodes.node(20, life: 0),
                    predecessor: Nodes.node(10),
                    successors: [moved]
                )
            ),
            for: token
        )
        #expect(machine.table.preceding(Identifier(30)).first == former)
        _ = machine.suspect(Identifier(30))
        #expect(machine.table.preceding(Identifier(30)).first == moved)
        #expect(machine.successors.contains(Identifier(30)))
    }

    @Test func joinersRangeBeginsAfterTheNodeThatItReplaces() throws {
        // Two nodes join after 5; the head 30 takes 10 first and then 20.
        var head = try Self.machine(30)
        _ = head.create()
        #expect(head.formerPredecessor == nil)
        _ = head.notified(by: Nodes.node(5))
        #expect(head.formerPredecessor == nil, "it was alone before")
        _ = head.notified(by: Nodes.node(10))
        #expect(head.formerPredecessor == Nodes.node(5))
        _ = head.notified(by: Nodes.node(20))
        #expect(head.formerPredecessor == Nodes.node(10))
        // The answer to its Notify was lost.
        _ = head.notified(by: Nodes.node(20))
        #expect(head.formerPredecessor == Nodes.node(10))

        var joiner = try Self.machine(20)
        _ = joiner.join(
            after: RingState(
                node: Nodes.node(5),
                predecessor: Nodes.node(30),
                successors: Nodes.nodes(30)
            )
        )
        #expect(joiner.predecessor == Nodes.node(5))
        #expect(joiner.taken(inPlaceOf: Nodes.node(3)).isEmpty, "farther than the predecessor")
        #expect(joiner.taken(inPlaceOf: Nodes.node(25)).isEmpty, "after the joiner")
        #expect(joiner.taken(inPlaceOf: Nodes.node(20)).isEmpty)
        #expect(!joiner.taken(inPlaceOf: Nodes.node(10)).isEmpty)
        #expect(joiner.predecessor == Nodes.node(10))
    }

    @Test func nodeTakenBeforeAJoinerKeepsItsDistanceToFormerNodes() throws {
        var joiner = try Self.machine(20)
        _ = joiner.join(
            after: RingState(
                node: Nodes.node(5),
                predecessor: Nodes.node(30),
                successors: Nodes.nodes(30)
            )
        )
        // 15 joins before the joiner has heard that 10 did: 15 must not begin its range at 5.
        _ = joiner.notified(by: Nodes.node(15))
        #expect(joiner.formerPredecessor == Nodes.node(5))
        _ = joiner.taken(inPlaceOf: Nodes.node(10))
        #expect(joiner.predecessor == Nodes.node(15))
        #expect(joiner.formerPredecessor == Nodes.node(10))
    }

    @Test func formerPredecessorThatHasGoneIsNotNamed() throws {
        func head() throws -> ChordMachine {
            var machine = try Self.machine(30)
            _ = machine.create()
            _ = machine.notified(by: Nodes.node(10))
            _ = machine.notified(by: Nodes.node(20))
            return machine
        }
        var machine = try head()
        _ = machine.neighbourLeft(Self.leaveNotice(of: Nodes.node(10)))
        #expect(machine.formerPredecessor == nil)
        machine = try head()
        _ = machine.notified(by: Nodes.node(20, life: 2))
        #expect(machine.formerPredecessor == nil, "a newer life has joined anew")
        machine = try head()
        _ = machine.neighbourLeft(Self.leaveNotice(of: Nodes.node(20)))
        _ = machine.notified(by: Nodes.node(25))
        #expect(machine.formerPredecessor == nil, "20 was not replaced, it left")
    }

    @Test func nodeDoesNotNotifyItself() throws {
        var machine = try Self.machine(10)
        _ = machine.create()
        #expect(machine.notified(by: Nodes.node(10, life: 7)).isEmpty)
        #expect(machine.predecessor == Nodes.node(10))
    }

    @Test func tokenBucketLimitsPromptRounds() throws {
        var machine = try Self.machine(10)
        _ = machine.create()
        // Each nearer predecessor is a change that wants a round.
        let rounds = (20...25).map { machine.notified(by: Nodes.node(UInt64($0))) }
            .map { $0.contains(.roundSoon) }
        #expect(rounds == [true, true, false, false, false, false])
        _ = machine.tick()
        #expect(machine.suspect(Identifier(25)).contains(.roundSoon))
        #expect(!machine.suspect(Identifier(25)).contains(.roundSoon))
    }

    @Test func delayingNodeReportsBusyWhileItsQuestionIsOut() throws {
        var machine = try Self.machine(10, mode: .delaying)
        _ = machine.create()
        _ = machine.notified(by: Nodes.node(20))
        #expect(!machine.view.isDelaying)
        let asked = machine.tick()
        #expect(asked.contains(.publish))
        #expect(machine.view.isDelaying)
        // The round that waits finds nobody to ask any more; the view is published all the same.
        _ = machine.round()
        let answered = machine.receive(.dead, for: try Self.question(in: asked))
        #expect(answered.contains(.publish))
        #expect(!machine.view.isDelaying)
        #expect(machine.predecessor == machine.node)
    }

    @Test func unknownTokenChangesNothing() throws {
        var machine = try Self.machine(10)
        _ = machine.create()
        _ = machine.notified(by: Nodes.node(20))
        let token = try Self.question(in: machine.tick())
        #expect(!machine.receive(.dead, for: token).isEmpty)
        let before = machine
        #expect(machine.receive(.dead, for: token).isEmpty)
        #expect(machine.resolveFinger(Nodes.node(30), for: token).isEmpty)
        #expect(machine == before)
    }

    @Test func restartTakesAHigherIncarnationThanTheListHas() throws {
        var machine = try Self.machine(20)
        let state = RingState(
            node: Nodes.node(10),
            predecessor: Nodes.node(30),
            successors: [Nodes.node(20, life: 9), Nodes.node(30)]
        )
        #expect(machine.join(after: state) != nil)
        #expect(machine.node.incarnation == 10)
        #expect(machine.successors.entries == [Nodes.node(30)])
        #expect(machine.predecessor == Nodes.node(10))
    }

    @Test(arguments: [
        RingState(
            node: Nodes.node(10),
            predecessor: Nodes.node(30),
            successors: Nodes.nodes(15, 30)
        ),
        RingState(
            node: Nodes.node(20),
            predecessor: Nodes.node(10),
            successors: Nodes.nodes(30)
        ),
    ])
    func joinWithWrongArgumentsIsRefused(state: RingState) throws {
        var machine = try Self.machine(20)
        #expect(machine.join(after: state) == nil)
        #expect(machine.phase == .notJoined)
    }

    @Test func olderIncarnationDoesNotReplaceANewerOne() throws {
        var machine = try Self.machine(10)
        _ = machine.create()
        _ = machine.notified(by: Nodes.node(20, life: 5))
        #expect(machine.notified(by: Nodes.node(20, life: 4)).isEmpty)
        #expect(machine.predecessor.incarnation == 5)
        #expect(machine.neighbourLeft(Self.leaveNotice(of: Nodes.node(20, life: 4))).isEmpty)
        #expect(machine.predecessor.incarnation == 5)
    }
}
