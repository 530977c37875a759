// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore

/// Names a lookup under way at one node. The place in the table is used again; the serial is not.
struct RunReference: Hashable {
    var place: Int32
    var serial: UInt32
}

/// What came of a lookup.
enum LookupOutcome: Hashable {
    /// The owner, the member that named it, and that member's list where a node asked for its own place.
    case owner(NodeReference, answering: NodeReference, successors: [NodeReference])
    case failure(LookupFailure)
    /// Nobody answered in time.
    case deadline
    /// Nobody listens there.
    case refused
}

/// What nodes say to each other.
enum Payload {
    case ask(Token)
    case answer(Token, StateAnswer)
    case notify(NodeReference)
    case nudge(Identifier)
    case offer(NodeReference)
    case meet(contact: NodeReference)
    case leave(LeaveNotice)
    case find(LookupRequest)
    /// The lookup is accepted: its asker need not blame us for the silence of those after us.
    case accepted(RunReference, attempt: Int32)
    case found(RunReference, attempt: Int32, LookupOutcome)
    case joinQuestion(Token, asMember: Bool)
    case joinAnswer(Token, JoinMachine.Answer)
}

/// A lookup as it travels.
struct LookupRequest {
    var run: RunReference
    var attempt: Int32
    var target: Identifier
    var joiner: NodeReference?
    var hops: Int
    var hopBudget: Int
    var deadline: Int64
    /// Nodes that were found dead on the way.
    var avoided: [Identifier]
}

/// Something said, on its way. Answers belong to the life in which the question was asked: its
/// connection went with the process. Questions do not; they are dialled at an address.
struct Message {
    var from: Int
    var to: Int
    var askerLife: UInt32
    var payload: Payload
}

/// What happens at a moment.
enum Event {
    case tick(Int, life: UInt32)
    case round(Int, life: UInt32)
    /// The silence of a node that was asked for its state has lasted too long.
    case expire(Int, life: UInt32, Token)
    case fingerResolved(Int, life: UInt32, Token, NodeReference?)
    case placeResolved(Int, life: UInt32, Token, ChordMachine.PlaceAnswer)
    /// The silence of a lookup's next hop has lasted too long, or the whole lookup has.
    case silence(RunReference, attempt: Int32)
    case joinTimer(Int, life: UInt32)
    /// The silence of a node that a joining node asked has lasted too long.
    case joinExpired(Int, life: UInt32, Token, asMember: Bool)
    indirect case deliver(Message, serial: UInt64)
    case resume(Int)
    /// Who has left exits.
    case exit(Int, life: UInt32)
    case restart(Int, via: Int)
    case fault(Int)
    case clientLookup
    case checkAll

    /// Whose business it is, where a node that stands still defers it.
    var node: Int? {
        switch self {
        case .tick(let node, _), .round(let node, _), .expire(let node, _, _),
            .fingerResolved(let node, _, _, _), .placeResolved(let node, _, _, _),
            .joinTimer(let node, _), .joinExpired(let node, _, _, _):
            node
        case .deliver(let message, _): message.to
        case .silence, .resume, .exit, .restart, .fault, .clientLookup, .checkAll: nil
        }
    }

    /// A number for the trace hash.
    var code: UInt64 {
        switch self {
        case .tick(let node, _): 1 << 32 | UInt64(node)
        case .round(let node, _): 2 << 32 | UInt64(node)
        case .expire(let node, _, _): 3 << 32 | UInt64(node)
        case .fingerResolved(let node, _, _, let owner):
            4 << 32 | UInt64(node) ^ (owner?.id.word3 ?? 1) << 8
        case .silence(let run, let attempt): 5 << 32 | UInt64(run.serial) ^ UInt64(attempt) << 40
        case .joinTimer(let node, _): 6 << 32 | UInt64(node)
        case .joinExpired(let node, _, _, _): 7 << 32 | UInt64(node)
        case .resume(let node): 8 << 32 | UInt64(node)
        case .exit(let node, _): 9 << 32 | UInt64(node)
        case .restart(let node, _): 10 << 32 | UInt64(node)
        case .fault(let index): 11 << 32 | UInt64(index)
        case .clientLookup: 12 << 32
        case .checkAll: 13 << 32
        case .placeResolved(let node, _, _, .after(let member, _)):
            14 << 32 | UInt64(node) ^ member.id.word3 << 8
        case .placeResolved(let node, _, _, _): 15 << 32 | UInt64(node)
        case .deliver(let message, _):
            (UInt64(message.from) << 20 ^ UInt64(message.to)) | message.payload.code << 44
        }
    }
}

extension Payload {
    var code: UInt64 {
        switch self {
        case .ask: 32
        case .answer(_, .state(let state)):
            33 ^ state.successors.reduce(state.predecessor.id.word3) {
                ($0 &* 31) ^ $1.id.word3
            } << 8
        case .answer(_, .notMember): 34
        case .answer(_, .busy): 35
        case .answer(_, .dead), .answer(_, .unreached): 36
        case .notify: 37
        case .leave(let leaveNotice):
            38 ^ leaveNotice.lost.reduce(0) { ($0 &* 31) ^ $1.id.word3 } << 8
        case .find: 39
        case .accepted: 40
        case .found(_, _, .owner(let owner, _, _)): 41 ^ owner.id.word3 << 8
        case .found: 42
        case .nudge(let id): 45 ^ id.word3 << 8
        case .offer(let node): 46 ^ node.id.word3 << 8
        case .meet(let contact): 47 ^ contact.id.word3 << 8
        case .joinQuestion: 43
        case .joinAnswer: 44
        }
    }
}

/// The events to come, the earliest first; of those of one moment, the first that was put in.
///
/// A binary heap over small keys: the events themselves, which are large, stay where they are.
struct EventHeap {
    private struct Key {
        var time: Int64
        var order: UInt64
        var place: Int32

        func isBefore(_ other: Key) -> Bool {
            time != other.time ? time < other.time : order < other.order
        }
    }

    private var keys: [Key] = []
    private var events: [Event] = []
    private var free: [Int32] = []
    private var lastOrder: UInt64 = 0

    var count: Int { keys.count }
    var nextTime: Int64? { keys.first?.time }

    mutating func push(_ event: Event, at time: Int64) {
        lastOrder += 1
        let place: Int32
        if let last = free.popLast() {
            place = last
            events[Int(place)] = event
        } else {
            place = Int32(events.count)
            events.append(event)
        }
        keys.append(Key(time: time, order: lastOrder, place: place))
        var index = keys.count - 1
        while index > 0 {
            let parent = (index - 1) / 2
            guard keys[index].isBefore(keys[parent]) else { break }
            keys.swapAt(index, parent)
            index = parent
        }
    }

    mutating func pop() -> (time: Int64, event: Event)? {
        guard let first = keys.first, let last = keys.popLast() else { return nil }
        if !keys.isEmpty {
            var index = 0
            while true {
                var child = 2 * index + 1
                guard child < keys.count else { break }
                if child + 1 < keys.count, keys[child + 1].isBefore(keys[child]) { child += 1 }
                guard keys[child].isBefore(last) else { break }
                keys[index] = keys[child]
                index = child
            }
            keys[index] = last
        }
        let event = events[Int(first.place)]
        // Lets go of what the event holds on to.
        events[Int(first.place)] = .checkAll
        free.append(first.place)
        return (first.time, event)
    }

    /// Bytes that the heap occupies, without what events hold on to.
    var bytes: Int {
        keys.capacity * MemoryLayout<Key>.stride + events.capacity * MemoryLayout<Event>.stride
            + free.capacity * MemoryLayout<Int32>.stride
    }
}
