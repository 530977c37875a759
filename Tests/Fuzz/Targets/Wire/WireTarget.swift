// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordWire
import FuzzSupport

/// Every message of the contract: decoded input is encoded and must decode to the same value.
enum WireTarget: FuzzTarget {
    static let name = "wire"

    private static let widths = [64, 1, 8, 16, 63, 160, 255, 256]
    private static let decoders:
        [@Sendable (UnsafeRawBufferPointer, IdentifierSpace) throws -> Void] = [
            { try tryFindSuccessorReply($0, $1) },
            { try tryMessage(FindSuccessorRequest.self, $0, $1) },
            { try tryMessage(GetPredecessorRequest.self, $0, $1) },
            { try tryMessage(GetPredecessorReply.self, $0, $1) },
            { try tryMessage(NotifyRequest.self, $0, $1) },
            { try tryMessage(NotifyReply.self, $0, $1) },
            { try tryMessage(GetSuccessorListRequest.self, $0, $1) },
            { try trySuccessorListReply($0, $1) },
            { try tryMessage(LeaveRequest.self, $0, $1) },
            { try tryMessage(LeaveReply.self, $0, $1) },
            { try tryMessage(MeetRequest.self, $0, $1) },
            { try tryMessage(AdminMergeRequest.self, $0, $1) },
            { try tryMessage(ProbeRequest.self, $0, $1) },
            { try tryMessage(ProbeReply.self, $0, $1) },
            { try tryConcord($0, $1) },
        ]

    static var seeds: [[UInt8]] {
        widths.indices.flatMap { index -> [[UInt8]] in
            guard let space = try? IdentifierSpace(width: widths[index]) else { return [] }
            func node(_ number: Int, _ incarnation: UInt64 = 1) -> NodeReference {
                NodeReference(
                    id: space.adding(.zero, powerOfTwo: number % space.width),
                    name: "n\(number)",
                    address: "127.0.0.1:\(7400 + number)",
                    incarnation: incarnation
                )
            }
            let parameters = RingParameters(
                ring: "ring",
                hash: "sha256",
                probe: space.largest,
                space: space,
                rule: index % 2 == 0 ? .name : .address,
                successorCount: 4
            )
            let state = RingState(
                node: node(1),
                predecessor: node(2),
                successors: [node(3), node(4)]
            )
            let messages: [any WireMessage] = [
                FindSuccessorReply(
                    owner: node(1),
                    successors: [node(2)],
                    answering: node(3, .max),
                    answeringSuccessors: [node(1), node(2)],
                    hops: 3,
                    path: [node(5), node(3)],
                    closer: index % 2 == 0 ? [] : [node(6)]
                ),
                FindSuccessorRequest(
                    id: space.largest,
                    hopBudget: 32,
                    hops: 2,
                    wantPath: true,
                    joiner: node(9),
                    iterative: true,
                    excluded: [.zero, space.largest]
                ),
                GetPredecessorRequest(),
                GetPredecessorReply(predecessor: node(1)),
                NotifyRequest(candidate: node(1), parameters: parameters, changed: true),
                NotifyReply(.notReached(address: "127.0.0.1:7401", reason: "refused")),
                GetSuccessorListRequest(parameters: parameters),
                GetSuccessorListReply(state: state, parameters: parameters),
                LeaveRequest(LeaveNotice(state: state, lost: [node(3)])),
                LeaveReply(),
                MeetRequest(node: node(1), parameters: parameters, contact: node(2)),
                AdminMergeRequest(contact: "127.0.0.1:7401"),
                ProbeRequest(node: node(1), parameters: parameters),
                ProbeReply(isReached: true),
            ]
            let ring = try? ConcordDialect().encode(.state(state), to: "GetRing", in: parameters)
            let foreign = [UInt8(decoders.count - 1), UInt8(index)] + (ring ?? [])
            return [foreign]
                + messages.enumerated().filter { $0.offset % 2 == index % 2 || index < 2 }.map {
                    [UInt8($0.offset), UInt8(index)] + $0.element.encoded(in: space)
                }
        }
    }

    static func run(_ input: UnsafeRawBufferPointer) throws {
        var input = FuzzInput(input)
        let decoder = decoders[Int(input.byte()) % decoders.count]
        let width = widths[Int(input.byte()) % widths.count]
        try decoder(input.remainder(), IdentifierSpace(width: width))
    }

    @discardableResult
    private static func tryMessage<Message: WireMessage & Equatable>(
        _ type: Message.Type,
        _ bytes: UnsafeRawBufferPointer,
        _ space: IdentifierSpace
    ) throws -> Message? {
        let message: Message
        do throws(WireError) {
            message = try Message(decoding: bytes, space: space)
        } catch {
            try require(!error.message.isEmpty, "an error without a reason")
            return nil
        }
        let encoded = message.encoded(in: space)
        try require(encoded.count <= bytes.count, "\(message) is longer when written again")
        let again = try Message(decoding: encoded, space: space)
        try require(again == message, "\(message) became \(again)")
        // Equal texts can have different bytes in Unicode; names must come back byte for byte.
        try require(again.encoded(in: space) == encoded, "\(message) has two encodings")
        return message
    }

    private static func tryFindSuccessorReply(
        _ bytes: UnsafeRawBufferPointer,
        _ space: IdentifierSpace
    ) throws {
        guard var reply = try tryMessage(FindSuccessorReply.self, bytes, space) else { return }
        var prepared: [UInt8] = []
        PreparedFindSuccessorReply(reply, space: space).encode(
            hops: reply.hops,
            appendingTo: &prepared
        )
        reply.path = []
        let again = try FindSuccessorReply(decoding: prepared, space: space)
        try require(again == reply, "\(reply) became \(again) when prepared")
    }

    /// A Concord node's answers and questions: what is read of a ring can be told to another such node,
    /// who reads the same.
    private static func tryConcord(
        _ bytes: UnsafeRawBufferPointer,
        _ space: IdentifierSpace
    ) throws {
        let dialect = ConcordDialect()
        let parameters = RingParameters(
            ring: "ring",
            hash: "sha256",
            probe: .zero,
            space: space,
            rule: .name,
            successorCount: 4
        )
        for method in ["FindSuccessor", "GetRing", "Notify"] {
            _ = try? dialect.question(method, bytes, in: parameters)
        }
        let answers = [Array(bytes)]
        if let owner = try? dialect.owner(from: answers, in: parameters) {
            let encoded = try dialect.encode(.owner(owner), to: "FindSuccessor", in: parameters)
            let again = try dialect.owner(from: [encoded], in: parameters)
            try require(again == owner, "\(owner) became \(again)")
        }
        let answer = try? dialect.state(of: nil, from: answers, in: parameters)
        guard let state = answer?.state else { return }
        let encoded = try dialect.encode(.state(state), to: "GetRing", in: parameters)
        let again = try dialect.state(of: state.node, from: [encoded], in: parameters)?.state
        try require(again == state, "\(state) became \(String(describing: again))")
    }

    private static func trySuccessorListReply(
        _ bytes: UnsafeRawBufferPointer,
        _ space: IdentifierSpace
    ) throws {
        let alone = try? GetSuccessorListReply.parameters(of: Array(bytes))
        guard let reply = try tryMessage(GetSuccessorListReply.self, bytes, space) else { return }
        try require(alone == reply.parameters, "other parameters when read alone")
    }
}

#if FUZZING
@_cdecl("FuzzWire_main")
func start(_ count: CInt, _ arguments: FuzzArguments) -> CInt {
    WireTarget.start(count, arguments) { WireTarget.fuzz($0, $1) }
}
#endif
