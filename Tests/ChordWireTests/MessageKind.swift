// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordWire
import Testing

/// One message of the contract, with its type forgotten so that a test can run over all of them.
struct MessageKind: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// The most bytes that a message of this kind may have.
    let limitBytes: Int
    /// A random message, encoded.
    let sample: @Sendable (inout SeededGenerator, IdentifierSpace) -> [UInt8]
    /// Decodes and encodes again.
    let recode: @Sendable ([UInt8], IdentifierSpace) throws(WireError) -> [UInt8]
    /// Whether a random message comes back the same.
    let roundTrips: @Sendable (inout SeededGenerator, IdentifierSpace) throws(WireError) -> Bool

    init<Message: WireMessage & Equatable>(
        _ type: Message.Type,
        limitBytes: Int = WireLimits.messageBytes,
        _ random: @escaping @Sendable (inout SeededGenerator, IdentifierSpace) -> Message
    ) {
        // A message without fields is an EmptyMessage of its name.
        var name = "\(type)"[...]
        if name.hasPrefix("EmptyMessage<") { name = name.dropFirst(13).dropLast(5) }
        testDescription = String(name)
        self.limitBytes = limitBytes
        sample = { random(&$0, $1).encoded(in: $1) }
        recode = { bytes, space throws(WireError) in
            try Message(decoding: bytes, space: space).encoded(in: space)
        }
        roundTrips = { generator, space throws(WireError) in
            let message = random(&generator, space)
            return try Message(decoding: message.encoded(in: space), space: space) == message
        }
    }

    static let all = ring + store + storePeer + storeAdmin

    private static let ring = [
        MessageKind(FindSuccessorRequest.self) { generator, space in
            FindSuccessorRequest(
                id: generator.identifier(space),
                hopBudget: Bool.random(using: &generator)
                    ? nil : Int.random(in: 1...Int(UInt32.max), using: &generator),
                hops: Int.random(in: 0...600, using: &generator),
                wantPath: Bool.random(using: &generator),
                joiner: Bool.random(using: &generator) ? nil : generator.node(space),
                iterative: Bool.random(using: &generator),
                excluded: generator.list(upTo: 32) { $0.identifier(space) },
                parameters: Bool.random(using: &generator) ? nil : generator.parameters(space),
                receiver: Bool.random(using: &generator) ? nil : generator.identifier(space)
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
                parameters: generator.parameters(space),
                capabilities: generator.capabilities(),
                claim: generator.claim(space)
            )
        },
        MessageKind(NotifyReply.self) { generator, space in
            let refused = NotifyVerdict.notReached(
                address: generator.text(WireLimits.addressBytes),
                reason: generator.text(1...WireLimits.reasonBytes.upperBound)
            )
            let all = [.unspecified, .taken, .nearerKnown, .trying, refused]
            let verdict = all.randomElement(using: &generator)!
            let isTold = verdict == .taken && Bool.random(using: &generator)
            return NotifyReply(
                verdict,
                former: isTold ? generator.node(space) : nil,
                capabilities: generator.capabilities()
            )
        },
        MessageKind(ProbeRequest.self) { generator, space in
            ProbeRequest(
                node: generator.node(space),
                parameters: generator.parameters(space),
                claim: generator.claim(space)
            )
        },
        MessageKind(ProbeReply.self) { generator, space in
            let isNamed = Bool.random(using: &generator)
            return ProbeReply(
                isReached: Bool.random(using: &generator),
                predecessor: isNamed ? generator.node(space) : nil
            )
        },
        MessageKind(GetSuccessorListRequest.self) { generator, space in
            GetSuccessorListRequest(
                parameters: Bool.random(using: &generator) ? nil : generator.parameters(space),
                capabilities: generator.capabilities(),
                claim: generator.claim(space)
            )
        },
        MessageKind(GetSuccessorListReply.self) { generator, space in
            GetSuccessorListReply(
                state: generator.state(space),
                parameters: generator.parameters(space),
                isHeadUnreached: Bool.random(using: &generator),
                capabilities: generator.capabilities()
            )
        },
        MessageKind(LeaveRequest.self) { generator, space in
            LeaveRequest(
                LeaveNotice(
                    state: generator.state(space),
                    lost: generator.state(space).successors,
                    intent: LeaveNotice.Intent.allCases.randomElement(using: &generator)!
                )
            )
        },
        MessageKind(LeaveReply.self) { _, _ in LeaveReply() },
        MessageKind(HealthCheckRequest.self) { generator, _ in
            HealthCheckRequest(service: generator.text(1...255))
        },
        MessageKind(HealthCheckResponse.self) { generator, _ in
            HealthCheckResponse(
                status: HealthCheckResponse.Serving.allCases.randomElement(using: &generator)!
            )
        },
        MessageKind(DescribeRequest.self) { _, _ in DescribeRequest() },
        MessageKind(DescribeReply.self) { generator, space in
            DescribeReply(generator.description(space))
        },
        MessageKind(WatchRequest.self) { _, _ in WatchRequest() },
        MessageKind(WatchReply.self) { generator, space in
            WatchReply(
                generator.change(space),
                time: generator.next(),
                missed: generator.next()
            )
        },
        MessageKind(AdminLeaveRequest.self) { _, _ in AdminLeaveRequest() },
        MessageKind(AdminLeaveReply.self) { _, _ in AdminLeaveReply() },
        MessageKind(AdminMergeRequest.self) { generator, _ in
            AdminMergeRequest(contact: generator.text(WireLimits.addressBytes))
        },
        MessageKind(AdminMergeReply.self) { generator, space in
            AdminMergeReply(contact: generator.node(space), wasOne: Bool.random(using: &generator))
        },
        MessageKind(MeetRequest.self) { generator, space in
            MeetRequest(
                node: generator.node(space),
                parameters: generator.parameters(space),
                contact: Bool.random(using: &generator) ? generator.node(space) : nil
            )
        },
        MessageKind(MeetReply.self) { _, _ in MeetReply() },
        MessageKind(FoundRequest.self) { generator, space in
            FoundRequest(
                founder: generator.node(space),
                parameters: generator.parameters(space),
                initialRing: generator.list(upTo: 4) { $0.text(WireLimits.addressBytes) },
                decided: generator.list(upTo: 4) { $0.node(space) },
                capabilities: generator.capabilities()
            )
        },
        MessageKind(FoundReply.self) { generator, space in
            FoundReply(
                node: generator.node(space),
                isMember: Bool.random(using: &generator),
                decided: generator.list(upTo: 4) { $0.node(space) },
                capabilities: generator.capabilities(),
                store: Bool.random(using: &generator) ? nil : StoreID(using: &generator)
            )
        },
    ]
}

extension SeededGenerator {
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
        var node = NodeReference(
            id: identifier(space),
            name: text(WireLimits.nameBytes),
            address: text(WireLimits.addressBytes),
            incarnation: next() % 4 == 0 ? 0 : next() % (Incarnation.highest + 1)
        )
        if next() % 2 == 0 { node.placeIndex = Int.random(in: WireLimits.placeIndex, using: &self) }
        if next() % 4 == 0 { node.disk = DiskID(using: &self) }
        if next() % 4 == 0 { node.failureDomain = text(WireLimits.failureDomainBytes) }
        return node
    }

    mutating func claim(_ space: IdentifierSpace) -> RangeClaim? {
        guard Bool.random(using: &self) else { return nil }
        return RangeClaim(
            id: node(space).id,
            number: UInt64.random(in: 0 ... .max, using: &self),
            interval: .milliseconds(Int.random(in: 0...600_000, using: &self)),
            hold: .milliseconds(Int.random(in: 0...600_000, using: &self)),
            isForwarded: Bool.random(using: &self)
        )
    }

    mutating func capabilities() -> Capabilities {
        guard next() % 4 != 0 else { return .first }
        return Capabilities(
            version: Int.random(in: 2...WireLimits.version.upperBound, using: &self),
            features: Set(list(upTo: 8) { Capabilities.Feature($0.text(WireLimits.featureBytes)) })
        )
    }

    mutating func parameters(_ space: IdentifierSpace) -> RingParameters {
        var parameters = RingParameters(
            ring: text(WireLimits.ringNameBytes),
            hash: text(WireLimits.hashNameBytes),
            probe: identifier(space),
            space: space,
            rule: IdentifierRule.allCases.randomElement(using: &self)!,
            successorCount: Int.random(in: WireLimits.successorCount, using: &self)
        )
        parameters.placements = Int.random(in: WireLimits.placements, using: &self)
        if next() % 2 == 0 { parameters.store = StoreID(using: &self) }
        return parameters
    }

    mutating func state(_ space: IdentifierSpace) -> RingState {
        RingState(
            node: node(space),
            predecessor: node(space),
            successors: list(upTo: 16) { $0.node(space) }
        )
    }

    mutating func description(_ space: IdentifierSpace) -> NodeDescription {
        var parameters = parameters(space)
        parameters.space = space
        var description = NodeDescription(
            node: node(space),
            phase: ChordMachine.Phase.allCases.randomElement(using: &self)!,
            predecessor: node(space),
            successors: list(upTo: 4) { $0.node(space) },
            table: list(upTo: 16) { $0.node(space) },
            parameters: parameters,
            version: text(1...64),
            // None is told as 0, and 0 read as none.
            uptime: next() % 4 == 0 ? nil : .milliseconds(1 + next() % (1 << 50)),
            certificates: next() % 2 == 0
                ? nil
                : CertificateEnds(
                    serial: text(1...40),
                    certificate: Int64.random(in: 1...Int64.max, using: &self),
                    authority: next() % 2 == 0 ? nil : Int64.random(in: 1...9, using: &self),
                    revocationList: next() % 2 == 0 ? nil : Int64.random(in: 1...9, using: &self)
                )
        )
        description.isHeadUnreached = next() % 2 == 0
        return description
    }

    mutating func range(_ space: IdentifierSpace) -> IdentifierRange {
        IdentifierRange(after: identifier(space), through: identifier(space))
    }

    mutating func change(_ space: IdentifierSpace) -> WatchReply.Content {
        let cause = RingEvent.Cause.allCases.randomElement(using: &self)!
        switch next() % 7 {
        case 0: return .now(description(space))
        case 1: return .event(.joined(state(space)))
        case 2: return .event(.rangeChanged(from: nil, to: range(space), cause: cause))
        case 3: return .event(.rangeChanged(from: range(space), to: nil, cause: cause))
        case 4:
            return .event(
                .predecessorChanged(from: node(space), to: node(space), cause: cause)
            )
        case 5:
            return .event(
                .successorsChanged(
                    from: list(upTo: 4) { $0.node(space) },
                    to: list(upTo: 4) { $0.node(space) },
                    cause: cause
                )
            )
        default:
            return .event(
                next() % 2 == 0 ? .left : .successorsLost(list(upTo: 4) { $0.node(space) })
            )
        }
    }

    mutating func list<Element>(
        upTo limit: Int,
        _ make: (inout SeededGenerator) -> Element
    ) -> [Element] {
        (0..<Int.random(in: 0...limit, using: &self)).map { _ in make(&self) }
    }
}
