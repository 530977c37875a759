// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore

/// A reference to a lookup in progress at one node. The index in the table is reused; the serial
/// number is not.
struct RunReference: Hashable {
    var place: Int32
    var serial: UInt32
}

/// The outcome of a lookup.
enum LookupOutcome: Hashable {
    /// The owner and the member that named it. If a node looks for its own place, also that
    /// member's list.
    case owner(NodeReference, answering: NodeReference, successors: [NodeReference])
    case failure(LookupFailure)
    /// No answer arrived in time.
    case deadline
    /// No process listens at the address.
    case refused
}

/// A message between nodes.
enum Payload {
    case ask(Token)
    case answer(Token, StateAnswer)
    case notify(NodeReference)
    case nudge(Identifier)
    case offer(NodeReference)
    case meet(contact: NodeReference)
    case leave(LeaveNotice)
    case find(LookupRequest)
    /// The next hop has accepted the lookup. From now on the caller does not blame it for the
    /// silence of later nodes.
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
    /// Nodes that were found dead on the path.
    var avoided: [Identifier]
    /// The identifier at which the asker knows the receiver, in rings with several places.
    var receiver: Identifier?
}

/// A message in flight. An answer is valid only for the incarnation that asked, because its
/// connection ended with the process. A request goes to an address, whichever incarnation listens
/// there.
struct Message {
    var from: Int
    var to: Int
    var askerLife: UInt32
    var payload: Payload
}

/// An event at a moment of virtual time.
enum Event {
    case tick(Int, life: UInt32)
    case round(Int, life: UInt32)
    /// The peer timeout of a state query has expired.
    case expire(Int, life: UInt32, Token)
    case fingerResolved(Int, life: UInt32, Token, NodeReference?)
    case rivalResolved(Int, life: UInt32, Token, NodeReference?)
    case placeResolved(Int, life: UInt32, Token, ChordMachine.PlaceAnswer)
    /// The peer timeout of a lookup's next hop, or the deadline of the lookup, has expired.
    case silence(RunReference, attempt: Int32)
    case joinTimer(Int, life: UInt32)
    /// The peer timeout of a joiner's query has expired.
    case joinExpired(Int, life: UInt32, Token, asMember: Bool)
    indirect case deliver(Message, serial: UInt64)
    case resume(Int)
    /// A node that has left ends its process.
    case exit(Int, life: UInt32)
    case restart(Int, via: Int)
    case fault(Int)
    case clientLookup
    case checkAll

    /// The node that handles the event; a paused node defers it.
    var node: Int? {
        switch self {
        case .tick(let node, _), .round(let node, _), .expire(let node, _, _),
            .fingerResolved(let node, _, _, _), .rivalResolved(let node, _, _, _),
            .placeResolved(let node, _, _, _),
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
        case .rivalResolved(let node, _, _, let owner):
            16 << 32 | UInt64(node) ^ (owner?.id.word3 ?? 1) << 8
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

/// The future events, earliest first. Events of the same moment keep their order of insertion.
///
/// It is a binary heap of small keys. The events themselves are large and are not moved.
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
        // Releases the objects that the event refers to.
        events[Int(first.place)] = .checkAll
        free.append(first.place)
        return (first.time, event)
    }

    /// The size of the heap in bytes, without objects that events refer to.
    var bytes: Int {
        keys.capacity * MemoryLayout<Key>.stride + events.capacity * MemoryLayout<Event>.stride
            + free.capacity * MemoryLayout<Int32>.stride
    }
}
