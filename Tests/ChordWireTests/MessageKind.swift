// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordWire
import Testing

/// One message of the contract, with its type forgotten so that a test can run over all of them.
struct MessageKind: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// A random message, encoded.
    let sample: @Sendable (inout SplitMix64, IdentifierSpace) -> [UInt8]
    /// Decodes and encodes again.
    let recode: @Sendable ([UInt8], IdentifierSpace) throws(WireError) -> [UInt8]
    /// Whether a random message comes back the same.
    let roundTrips: @Sendable (inout SplitMix64, IdentifierSpace) throws(WireError) -> Bool

    private init<Message: WireMessage & Equatable>(
        _ type: Message.Type,
        _ random: @escaping @Sendable (inout SplitMix64, IdentifierSpace) -> Message
    ) {
        testDescription = "\(type)"
        sample = { random(&$0, $1).encoded(in: $1) }
        recode = { bytes, space throws(WireError) in
            try Message(decoding: bytes, space: space).encoded(in: space)
        }
        roundTrips = { generator, space throws(WireError) in
            let message = random(&generator, space)
            return try Message(decoding: message.encoded(in: space), space: space) == message
        }
    }

    static let all = [
        MessageKind(FindSuccessorRequest.self) { generator, space in
            FindSuccessorRequest(
                id: generator.identifier(space),
                hopBudget: Bool.random(using: &generator)
                    ? nil : Int.random(in: 1...Int(UInt32.max), using: &generator),
                hops: Int.random(in: 0...600, using: &generator),
                wantPath: Bool.random(using: &generator),
                joiner: Bool.random(using: &generator) ? nil : generator.node(space),
                iterative: Bool.random(using: &generator),
                excluded: generator.list(upTo: 32) { $0.identifier(space) }
            )
        },
        MessageKind(FindSuccessorReply.self) { generator, space in
            FindSuccessorReply(
                owner: Bool.random(using: &generator) ? nil : generator.node(space),
                successors: generator.list(upTo: 6) { $0.node(space) },
                answering: generator.node(space),
                answeringSuccessors: generator.list(upTo: 6) { $0.node(space) },
                hops: Int.random(in: 0...600, using: &generator),
                path: generator.list(upTo: 20) { $0.node(space) },
                closer: generator.list(upTo: 6) { $0.node(space) }
            )
        },
        MessageKind(GetPredecessorRequest.self) { _, _ in GetPredecessorRequest() },
        MessageKind(GetPredecessorReply.self) { generator, space in
            GetPredecessorReply(predecessor: generator.node(space))
        },
        MessageKind(NotifyRequest.self) { generator, space in
            NotifyRequest(
                candidate: generator.node(space),
                parameters: generator.parameters(space)
            )
        },
        MessageKind(NotifyReply.self) { _, _ in NotifyReply() },
        MessageKind(GetSuccessorListRequest.self) { generator, space in
            GetSuccessorListRequest(
                parameters: Bool.random(using: &generator) ? nil : generator.parameters(space)
            )
        },
        MessageKind(GetSuccessorListReply.self) { generator, space in
            GetSuccessorListReply(
                state: generator.state(space),
                parameters: generator.parameters(space)
            )
        },
        MessageKind(LeaveRequest.self) { generator, space in
            LeaveRequest(state: generator.state(space))
        },
        MessageKind(LeaveReply.self) { _, _ in LeaveReply() },
    ]
}

extension SplitMix64 {
    mutating func identifier(_ space: IdentifierSpace) -> Identifier {
        let edges = [Identifier.zero, space.largest]
        if let edge = edges.randomElement(using: &self), next() % 8 == 0 { return edge }
        return (0..<space.width).reduce(.zero) { sum, exponent in
            Bool.random(using: &self) ? space.adding(sum, powerOfTwo: exponent) : sum
        }
    }

    mutating func text(_ bytes: ClosedRange<Int>) -> String {
        let count = next() % 8 == 0 ? bytes.upperBound : Int.random(in: 1...12, using: &self)
        var text = ""
        while text.utf8.count < count {
            let scalars: [Unicode.Scalar] = ["a", "-", "9", "\u{1}", "é", "漢", "\u{1F600}"]
            let scalar = scalars.randomElement(using: &self)!
            let fits = text.utf8.count + UTF8.width(scalar) <= count
            text.unicodeScalars.append(fits ? scalar : "z")
        }
        return text
    }

    mutating func node(_ space: IdentifierSpace) -> NodeReference {
        NodeReference(
            id: identifier(space),
            name: text(WireLimits.nameBytes),
            address: text(WireLimits.addressBytes),
            incarnation: next() % 4 == 0 ? 0 : next()
        )
    }

    mutating func parameters(_ space: IdentifierSpace) -> RingParameters {
        RingParameters(
            ring: text(WireLimits.ringNameBytes),
            hash: text(WireLimits.hashNameBytes),
            probe: identifier(space),
            space: space,
            rule: IdentifierRule.allCases.randomElement(using: &self)!,
            successorCount: Int.random(in: WireLimits.successorCount, using: &self)
        )
    }

    mutating func state(_ space: IdentifierSpace) -> RingState {
        RingState(
            node: node(space),
            predecessor: node(space),
            successors: list(upTo: 16) { $0.node(space) }
        )
    }

    mutating func list<Element>(
        upTo limit: Int,
        _ make: (inout SplitMix64) -> Element
    ) -> [Element] {
        (0..<Int.random(in: 0...limit, using: &self)).map { _ in make(&self) }
    }
}
