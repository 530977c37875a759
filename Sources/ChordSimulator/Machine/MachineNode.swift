// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore

/// A node of the machine simulation: the machine, and the state that its shell would hold.
///
/// A class, because it is large and must not be copied. A restart makes a new object.
final class MachineNode {
    /// A message in flight to the node that will change its list.
    struct Inbound {
        enum Content {
            case answer(Token, StateAnswer)
            case leave(LeaveNotice)
            case join(Token, JoinMachine.Answer)
        }

        var serial: UInt64
        var content: Content
    }

    var machine: ChordMachine
    var isUp = true
    var life: UInt32 = 1
    /// The error of the node's clock in millionths; negative if it is fast.
    var skew: Int64 = 0
    var isRoundDue = false
    var isTicking = false
    /// Events that arrived while the node was paused; nil if it is not paused.
    var backlog: [Event]?
    /// The contact of the first join attempt.
    var contact = 0
    /// The joining machine, while the node joins.
    var joining: JoinMachine?
    /// The number of ticks for which the node has been alone.
    var ticksAlone = 0
    /// Answers to the lookups of its places, while it waits for them.
    var placeAnswers: [JoinMachine.PlaceAnswer?] = []
    /// The place of index 0.
    var firstPlace = Identifier.zero
    /// The index of the place at which it stood last, in any life.
    var formerPlace: Int?
    /// Whether it claims a place that is not its own.
    var isIntruder = false
    /// The time when the node last stopped being a member.
    var memberUntil: Int64 = -1
    var wasMember = false
    /// The time when the present incarnation became a member.
    var memberSince: Int64 = 0
    var inbound: [Inbound] = []
    /// The list that was last checked, in runs without a tracker.
    var checkedList: [NodeReference] = []

    init(machine: ChordMachine) {
        self.machine = machine
    }

    var isMember: Bool { isUp && machine.phase == .member && !isIntruder }
    var reference: NodeReference { machine.node }

    static func name(_ number: Int) -> String { "n\(number)" }

    /// The node number in an address; 0, which no node has, if there is none.
    static func number(of reference: NodeReference) -> Int { number(of: reference.address) }

    static func number(of address: String) -> Int {
        var number = 0
        for digit in address.utf8.dropFirst() {
            number = number * 10 + Int(digit &- UInt8(ascii: "0"))
        }
        return number
    }
}

/// A lookup in progress at one node; see `RecursiveLookup` of the runtime.
struct MachineLookup {
    /// The receiver of the result.
    enum Origin {
        case finger(Token)
        /// A member looks for its own place, possibly in another ring.
        case place(Token)
        /// A joiner looks for its place.
        case joining(Token)
        /// A joiner looks for the place of an index, as for all others.
        case joiningPlace(Token, Int)
        /// A member looks for the node that stands at its own place in another ring.
        case placeHolder(Token)
        /// A member looks for another life of itself.
        case rival(Token)
        case client(Int)
        case remote(Int, askerLife: UInt32, RunReference, attempt: Int32)
    }

    var node: Int
    var life: UInt32
    var lookup: LookupMachine
    var origin: Origin
    var deadline: Int64
    var attempt: Int32 = 0
    var asked: NodeReference?
    var isAccepted = false
    var serial: UInt32 = 0
    var isActive = false

    /// Whether there is no alternative if the first node asked fails.
    var hasOneContact: Bool {
        switch origin {
        case .place, .placeHolder, .joining, .joiningPlace: true
        case .finger, .rival, .client, .remote: false
        }
    }
}

/// The lookups in progress.
struct MachineLookups {
    private var runs: [MachineLookup] = []
    private var free: [Int32] = []
    private var lastSerial: UInt32 = 0

    subscript(reference: RunReference) -> MachineLookup? {
        let place = Int(reference.place)
        guard runs.indices.contains(place), runs[place].isActive,
            runs[place].serial == reference.serial
        else { return nil }
        return runs[place]
    }

    mutating func add(_ run: MachineLookup) -> RunReference {
        lastSerial &+= 1
        var run = run
        run.serial = lastSerial
        run.isActive = true
        let place: Int32
        if let last = free.popLast() {
            place = last
            runs[Int(place)] = run
        } else {
            place = Int32(runs.count)
            runs.append(run)
        }
        return RunReference(place: place, serial: lastSerial)
    }

    mutating func change(_ reference: RunReference, _ body: (inout MachineLookup) -> Void) {
        guard self[reference] != nil else { return }
        body(&runs[Int(reference.place)])
    }

    mutating func remove(_ reference: RunReference) {
        guard self[reference] != nil else { return }
        runs[Int(reference.place)].isActive = false
        free.append(reference.place)
    }

    var bytes: Int { runs.capacity * MemoryLayout<MachineLookup>.stride }
}
