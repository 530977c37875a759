// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordTestSupport
import Testing

@testable import ChordStore

/// Whatever a peer sends, a machine neither traps nor says nonsense itself.
@Suite(.tags(.unit)) struct HostileMessageTests {
    private static func birth() throws -> RaftSnapshot {
        .birth(
            of: try RaftConfiguration(
                voters: [1, 2, 3].map { ReplicaNumber($0) },
                learners: [ReplicaNumber(4)]
            )
        )
    }

    /// Inputs at random, with numbers at all edges.
    private struct Chaos {
        var generator: SeededGenerator
        var machine: RaftMachine
        var writes: [PersistToken] = []
        var handed = LogIndex.zero
        var snapshot: RaftSnapshot?
        var clock = Duration.zero
        var taken = 0

        let birth: RaftSnapshot

        init(seed: UInt64) throws {
            generator = SeededGenerator(seed: seed)
            birth = try HostileMessageTests.birth()
            var settings = RaftSettings.local
            settings.quietAfter = generator.below(2) == 0 ? .milliseconds(50) : nil
            settings.leaseDuration = generator.below(2) == 0 ? .milliseconds(100) : nil
            settings.messageBytes = 100
            settings.windowBytes = 200
            machine = try RaftMachine(
                number: ReplicaNumber(generator.below(4) + 1),
                restored: .init(generator.below(4) == 0 ? .none : birth),
                settings: settings,
                seed: seed,
                now: .zero
            )
        }

        mutating func number() -> UInt64 {
            let edges: [UInt64] = [
                0, 1, 2, 3, 1 << 62 - 1, 1 << 62, 1 << 62 + 1, 1 << 63, .max - 1, .max,
                machine.last.index.number &- 1, machine.last.index.number,
                machine.last.index.number &+ 1, machine.commit.number, machine.term.number,
                machine.term.number &+ 1,
            ]
            return edges[Int(generator.below(UInt64(edges.count)))]
        }

        mutating func index() -> LogIndex { LogIndex(number()) }

        mutating func term() -> Term {
            generator.below(20) == 0 ? Term(number()) : machine.term
        }

        mutating func position() -> LogPosition { LogPosition(index: index(), term: term()) }

        mutating func replica() -> ReplicaNumber {
            ReplicaNumber(generator.below(10) == 0 ? number() : generator.below(4) + 1)
        }

        mutating func entries(after index: LogIndex) -> [LogEntry] {
            (0..<generator.below(4)).map { place in
                let kind = LogEntry.Kind(rawValue: UInt8(generator.below(3))) ?? .empty
                let configuration = RaftConfiguration.empty.encoded
                let payload = [[], configuration, birth.configuration.encoded, [1, 255, 0]]
                return LogEntry(
                    term: term(),
                    index: generator.below(10) == 0
                        ? self.index() : LogIndex(index.number &+ place &+ 1),
                    kind: kind,
                    payload: payload[Int(generator.below(4))]
                )
            }
        }

        mutating func body() -> RaftMessage.Body {
            switch generator.below(18) {
            case 0: return .preVote(position())
            case 1: return .preVoteReply(isGranted: generator.below(2) == 0)
            case 2: return .vote(position(), isTransfer: generator.below(2) == 0)
            case 3, 4: return .voteReply(isGranted: generator.below(4) != 0)
            case 5, 6, 7:
                let previous = generator.below(2) == 0 ? machine.last : position()
                return .append(
                    RaftAppend(
                        previous: previous,
                        entries: entries(after: previous.index),
                        commit: index(),
                        acknowledged: generator.below(4) == 0 ? index() : .zero
                    )
                )
            case 8: return .appendAccepted(index())
            case 9: return .appendRejected(RaftRejection(previous: index(), hint: position()))
            case 10:
                return .heartbeat(round: number(), commit: index(), acknowledged: index())
            case 11: return .heartbeatReply(round: number())
            case 12:
                var snapshot = birth
                snapshot.position = position()
                return .snapshot(snapshot)
            case 13: return .timeoutNow
            case 14: return .quiet(generator.below(2) == 0 ? machine.last : position())
            case 15: return .quietReply(index())
            case 16: return .wake
            default: return .newerTerm
            }
        }

        /// What brings a machine on, so that it gets to every role.
        mutating func help() throws(RaftRefusal) {
            var body: RaftMessage.Body?
            var term = machine.term
            switch machine.role {
            case .follower:
                clock = max(clock, machine.nextDeadline ?? clock)
                machine.advance(to: clock)
            case .preCandidate:
                body = .preVoteReply(isGranted: true)
                term = machine.term.successor
            case .candidate: body = .voteReply(isGranted: true)
            case .leader: body = .appendAccepted(machine.last.index)
            }
            for token in writes { machine.persisted(token) }
            writes = []
            guard let body, let sender = [1, 2].randomElement(using: &generator) else { return }
            let peer = ReplicaNumber((machine.number.number + UInt64(sender) - 1) % 3 + 1)
            guard peer != machine.number else { return }
            let message = RaftMessage(from: peer, to: machine.number, term: term, body: body)
            try machine.step(message, from: peer)
        }

        mutating func input() throws(RaftRefusal) {
            if generator.below(4) == 0 {
                try help()
                return
            }
            switch generator.below(24) {
            case 0:
                clock += .milliseconds(Int64(generator.below(400)))
                machine.advance(to: clock)
            case 1:
                if let token = writes.first {
                    writes.removeFirst()
                    machine.persisted(token)
                }
            case 2: machine.applied(through: handed)
            case 3: machine.compact(through: machine.applied)
            case 4: _ = try machine.propose([1, 2, 3])
            case 5: try machine.read(number())
            case 6: try machine.transferLeadership(to: replica())
            case 7: try machine.sendSnapshot(to: replica(), at: index())
            case 8: machine.snapshotSent(to: replica(), isComplete: generator.below(2) == 0)
            case 9:
                machine.wake(campaigningAfter: .milliseconds(Int64(generator.below(100))))
            case 10:
                machine.setMembers(
                    silent: generator.below(2) == 0 ? [] : [replica()],
                    unwatched: generator.below(4) == 0 ? [replica()] : []
                )
            case 11:
                guard let snapshot else { return }
                self.snapshot = nil
                // What a replica receives as state it has applied.
                handed = max(handed, snapshot.index)
                machine.snapshotInstalled(snapshot)
            default:
                let sender = replica()
                let message = RaftMessage(
                    from: generator.below(20) == 0 ? replica() : sender,
                    to: generator.below(20) == 0 ? replica() : machine.number,
                    term: term(),
                    body: body()
                )
                try machine.step(message, from: sender)
                taken += 1
            }
        }

        mutating func check() {
            for directive in machine.takeDirectives() {
                switch directive {
                case .persist(let persistence): writes.append(persistence.token)
                case .send(let message):
                    #expect(message.defect == nil)
                    #expect(message.from == machine.number && message.to != machine.number)
                case .apply(let entries):
                    #expect(entries.first?.index == handed.successor)
                    handed = entries.last?.index ?? handed
                case .installSnapshot(let snapshot, _): self.snapshot = snapshot
                case .readsReady, .readsFailed, .statusChanged, .configurationChanged,
                    .needsSnapshot,
                    .transferAborted, .quietChanged, .halted:
                    break
                }
            }
            let base = machine.base.index
            #expect(base <= machine.applied && machine.applied <= machine.commit)
            #expect(machine.commit <= machine.last.index)
        }
    }

    @Test(arguments: 0..<UInt64(24))
    func nothingTraps(part: UInt64) throws {
        var taken = 0
        var roles: Set<RaftRole> = []
        for seed in part * 20..<(part + 1) * 20 {
            var chaos = try Chaos(seed: seed)
            chaos.handed = chaos.machine.applied
            for _ in 0..<250 where chaos.machine.halt == nil {
                do {
                    try chaos.input()
                } catch {
                    #expect(!error.description.isEmpty)
                }
                chaos.check()
                roles.insert(chaos.machine.role)
            }
            taken += chaos.taken
        }
        #expect(taken > 100)
        #expect(roles.count == RaftRole.allCases.count)
    }

    @Test func aReplicaAtTheLastTermDoesNotCampaign() throws {
        var machine = try RaftMachine(
            number: ReplicaNumber(1),
            restored: .init(Self.birth()),
            settings: .local,
            seed: 1,
            now: .zero
        )
        let vote = RaftMessage.Body.vote(
            LogPosition(index: LogIndex(9), term: .highest),
            isTransfer: false
        )
        let sender = ReplicaNumber(2)
        try machine.step(
            RaftMessage(from: sender, to: ReplicaNumber(1), term: .highest, body: vote),
            from: sender
        )
        #expect(machine.term == .highest)
        machine.advance(to: .seconds(10))
        #expect(machine.role == .follower)
        #expect(machine.nextDeadline == nil)
    }
}
