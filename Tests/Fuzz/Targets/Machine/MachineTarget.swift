// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import FuzzSupport

/// Sequences of arbitrary answers and statements of peers, and of local events, into one node's machine:
/// create, join, found, stabilize, rectify, leave, fingers, merging and lookups. After each of them what must
/// hold of a single node is checked.
enum MachineTarget: FuzzTarget {
    static let name = "machine"

    static var seeds: [[UInt8]] {
        // Each way to become a member, and then every kind of event in turn, with different nodes.
        (UInt8(0)..<12).map { number in
            let start = [number, number / 3, number % 4, number % 3]
            let events = (UInt8(0)..<120).flatMap { step -> [UInt8] in
                [step &+ number, step &* 7 &+ number, step &* 13, step &* 31 &+ number, step]
            }
            return start + events
        }
    }

    static func run(_ input: UnsafeRawBufferPointer) throws {
        var input = FuzzInput(input)
        var driver = MachineDriver(&input)
        try driver.begin(&input)
        // Enough to go through a node's whole life; more would only make each input slower.
        for _ in 0..<100 {
            guard !input.isEmpty else { return }
            try driver.event(&input)
        }
    }
}

/// A machine, its pending operation, and its observed state.
struct MachineDriver {
    var machine: ChordMachine
    private var questions: [Token] = []
    private var fingers: [Token] = []
    private var places: [Token] = []
    private var range: IdentifierRange?
    private var pool: [Identifier]

    init(_ input: inout FuzzInput) {
        let widths = [6, 3, 1, 64, 160, 256]
        // A width of this list has a space.
        guard let space = try? IdentifierSpace(width: widths[Int(input.byte()) % widths.count])
        else { preconditionFailure("a width without identifiers") }
        var configuration = ChordMachine.Configuration()
        let flags = input.byte()
        configuration.queryMode = flags & 1 == 0 ? .answering : .delaying
        configuration.merging.isOn = flags & 2 == 0
        configuration.merging.probeTicks = 1
        configuration.merging.checkTicks = 2
        let parameters = RingParameters(
            ring: "fuzz",
            hash: "none",
            probe: .zero,
            space: space,
            rule: .name,
            successorCount: 1 + Int(input.byte() % 5)
        )
        // Evenly over the circle, some of them neighbours; in narrow spaces several are the same.
        pool = (0..<8).map { space.adding(.zero, powerOfTwo: $0 * space.width / 8) }
        pool += pool.map { space.adding($0, powerOfTwo: 0) }
        let node = NodeReference(id: pool[3], name: "n3", address: "n3:1", incarnation: 1000)
        machine = ChordMachine(node: node, parameters: parameters, configuration: configuration)
    }

    // MARK: Events

    mutating func begin(_ input: inout FuzzInput) throws {
        switch input.byte() % 3 {
        case 0: try step { $0.create() }
        case 1: try joinOrCreate(state(&input))
        default: try step { $0.beginFounding() }
        }
    }

    private mutating func joinOrCreate(_ state: RingState) throws {
        guard machine.phase == .notJoined else { return }
        let limit = machine.node.incarnation + 5000
        try step { $0.join(after: state, incarnationLimit: limit) ?? [] }
    }

    mutating func event(_ input: inout FuzzInput) throws {
        switch input.byte() % 18 {
        case 0, 1: try step { $0.tick() }
        case 2: try step { $0.round() }
        case 3, 4, 5:
            guard let token = pick(&questions, &input) else { return }
            let answer = answer(&input)
            try step { $0.receive(answer, for: token) }
        case 6:
            let candidate = node(&input)
            try step { $0.notified(by: candidate) }
        case 7:
            let id = identifier(&input)
            try step { $0.nudged(by: id) }
        case 8:
            let leaveNotice = LeaveNotice(state: state(&input), lost: nodes(&input))
            try step { $0.neighbourLeft(leaveNotice) }
        case 9:
            let id = identifier(&input)
            try step { $0.suspect(id) }
        case 10:
            guard let token = pick(&fingers, &input) else { return }
            let owner = input.byte() % 4 == 0 ? nil : node(&input)
            try step { $0.resolveFinger(owner, for: token) }
        case 11:
            guard let token = pick(&places, &input) else { return }
            let answer: ChordMachine.PlaceAnswer
            switch input.byte() % 4 {
            case 0: answer = .dead
            case 1: answer = .unknown
            default: answer = .after(node(&input), isHead: input.byte() % 2 == 0)
            }
            try step { $0.resolvePlace(answer, for: token) }
        case 12:
            let contact = node(&input)
            try step { input.byte() % 2 == 0 ? $0.met(contact) : $0.merge(with: contact) }
        case 13:
            let candidate = node(&input)
            try step { $0.offered(by: candidate) }
        case 14:
            let former = incarnation(&input)
            try step { $0.raiseIncarnation(above: former) }
        case 15: try becomeMember(&input)
        case 16: try lookUp(&input)
        default: try search(&input)
        }
    }

    private mutating func becomeMember(_ input: inout FuzzInput) throws {
        switch (machine.phase, input.byte() % 8) {
        case (.founding, 0...3), (.notJoined, 0):
            // A ring's founders stand at different places.
            var seen: Set<Identifier> = []
            let founders = nodes(&input).filter { seen.insert($0.id).inserted }
            try step { $0.found(with: founders + [$0.node]) }
        case (.founding, _): try step { $0.ceaseFounding() }
        case (.notJoined, 1): try step { $0.create() }
        case (.notJoined, _): try joinOrCreate(state(&input))
        case (.member, 7): try step { $0.leave() }
        case (.member, _), (.left, _): machine.remember(nodes(&input))
        }
    }

    /// A lookup that asks one node after the other, each of which fails.
    private func lookUp(_ input: inout FuzzInput) throws {
        let target = identifier(&input)
        let joiner = input.byte() % 4 == 0 ? node(&input) : nil
        var lookup = LookupMachine(
            target: target,
            joiner: joiner,
            hops: Int(input.byte()),
            hopBudget: 300,
            avoiding: nodes(&input).map(\.id)
        )
        let view = machine.view
        for _ in 0...(view.table.entries.count + view.successors.count + 1) {
            switch lookup.step(in: view) {
            case .fail: return
            case .answer(let owner):
                let known = [view.node, view.predecessor] + view.successors
                try require(known.contains(owner), "an owner that is not known: \(owner)")
                return
            case .ask(let peer):
                try require(peer.id != view.node.id, "a lookup asks its own node")
                try require(!lookup.excluded.contains(peer.id), "asks \(peer) that has failed")
                lookup.exclude(peer.id)
            }
        }
        throw FuzzFinding("a lookup does not end")
    }

    /// A search among nodes whose answers are hints.
    private func search(_ input: inout FuzzInput) throws {
        let target = identifier(&input)
        var search = OwnerSearch(
            for: target,
            from: nodes(&input),
            known: nodes(&input),
            joiner: input.byte() % 2 == 0 ? target : nil,
            questionLimit: 64
        )
        for _ in 0...64 {
            switch search.step() {
            case .found, .fail: return
            case .jump: search.jumped(to: input.byte() % 2 == 0 ? nil : node(&input))
            case .ask(let peer):
                if input.byte() % 3 == 0 {
                    search.failed(peer.id)
                } else {
                    var state = state(&input)
                    // The shell sees to it that a node speaks of itself.
                    state.node = peer
                    search.answered(state)
                }
            }
        }
        throw FuzzFinding("a search asks more than it may")
    }

    // MARK: Input from peers

    private func identifier(_ input: inout FuzzInput) -> Identifier {
        pool[Int(input.byte()) % pool.count]
    }

    private func incarnation(_ input: inout FuzzInput) -> UInt64 {
        let choice = input.byte()
        switch choice % 9 {
        case 0: return .max
        case 1: return .max - 1
        case 2: return Incarnation.highest
        case 3: return Incarnation.highest - 1
        case 4: return 0
        case 5: return machine.node.incarnation &+ 1
        case 6: return machine.node.incarnation
        default: return 1000 + UInt64(choice)
        }
    }

    private func node(_ input: inout FuzzInput) -> NodeReference {
        let choice = input.byte()
        let index = Int(choice) % pool.count
        // Some claim another's name, some another's address.
        let name = choice & 0x40 == 0 ? "n\(index)" : "n3"
        let address = choice & 0x80 == 0 ? "n\(index):1" : "elsewhere:\(choice)"
        return NodeReference(
            id: pool[index],
            name: name,
            address: address,
            incarnation: incarnation(&input)
        )
    }

    private func nodes(_ input: inout FuzzInput) -> [NodeReference] {
        (0..<Int(input.byte() % 8)).map { _ in node(&input) }
    }

    private func state(_ input: inout FuzzInput) -> RingState {
        RingState(node: node(&input), predecessor: node(&input), successors: nodes(&input))
    }

    private func answer(_ input: inout FuzzInput) -> StateAnswer {
        switch input.byte() % 8 {
        case 0: .dead
        case 1: .notMember
        case 2: .busy
        case 3: .unreached
        default: .state(state(&input))
        }
    }

    /// A token that is waited for, or was: late and doubled answers change nothing.
    private func pick(_ tokens: inout [Token], _ input: inout FuzzInput) -> Token? {
        guard !tokens.isEmpty else { return nil }
        let index = Int(input.byte())
        return tokens[tokens.count - 1 - (index % 4 == 0 ? 0 : index % tokens.count)]
    }

    // MARK: Checks

    private mutating func step(_ input: (inout ChordMachine) -> [Directive]) throws {
        let before = machine
        let directives = input(&machine)
        for directive in directives {
            switch directive {
            case .askState(let token, let peer):
                questions = Array(questions.suffix(7)) + [token]
                try require(peer.id != machine.node.id, "asks itself")
            case .findFinger(let token, _), .findRival(let token, _):
                fingers = Array(fingers.suffix(7)) + [token]
            case .findPlace(let token, _): places = Array(places.suffix(7)) + [token]
            case .report(.rangeChanged(let from, let to, _)):
                try require(
                    from == range,
                    "a range from \(describe(from)) after \(describe(range))"
                )
                range = to
            default: break
            }
        }
        try check(after: before, directives)
    }

    private func describe(_ range: IdentifierRange?) -> String { range?.description ?? "none" }

    private func check(after before: ChordMachine, _ directives: [Directive]) throws {
        let (node, space) = (machine.node, machine.parameters.space)
        var unchanged = before.node
        unchanged.incarnation = node.incarnation
        try require(node == unchanged, "the node has become another: \(node)")
        try require(node.incarnation >= before.node.incarnation, "an incarnation went back")
        try require(node.incarnation <= Incarnation.highest, "incarnation \(node.incarnation)")
        let isBack = before.phase == .left && machine.phase != .left
        try require(!isBack, "a node that had left came back")
        try require(
            machine.view == before.view || directives.contains(.publish),
            "a change that is not published"
        )
        let questions = directives.count {
            if case .askState = $0 { true } else { false }
        }
        try require(questions <= 1, "\(questions) operations at once")
        try require(questions == 0 || machine.isBusy, "a question without an operation")

        let list = machine.successors.entries
        try require(list.count <= machine.parameters.successorCount, "a list too long: \(list)")
        try require(isOrdered(list), "a list out of order: \(list)")
        let table = machine.table.entries
        try require(isOrdered(table), "a table out of order: \(table)")
        try require(table.count <= pool.count, "a table too long: \(table)")
        try require(machine.lostMembers.count <= PassiveList.capacity, "too many lost members")
        if machine.phase == .member {
            try require(range == machine.view.range, "a range change that was not reported")
            try require(
                list.allSatisfy { entry in table.contains { $0.id == entry.id } },
                "a successor that is not routed by"
            )
        } else {
            try require(range == nil, "a range without membership")
        }
        try require(space.width == before.parameters.space.width, "another space")
    }

    private func isOrdered(_ nodes: [NodeReference]) -> Bool {
        let distances = nodes.map {
            machine.parameters.space.distance(from: machine.node.id, to: $0.id)
        }
        return distances.allSatisfy { $0 != .zero }
            && zip(distances, distances.dropFirst()).allSatisfy { $0 < $1 }
    }
}

#if FUZZING
@_cdecl("FuzzMachine_main")
func start(_ count: CInt, _ arguments: FuzzArguments) -> CInt {
    MachineTarget.start(count, arguments) { MachineTarget.fuzz($0, $1) }
}
#endif
