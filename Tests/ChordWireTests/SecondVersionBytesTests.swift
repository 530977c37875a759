// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordTestSupport
import ChordWire
import Testing

/// The bytes of the fields that version 2 of the contract added. Those of version 1 are in
/// ``GoldenBytesTests``, and stay as they are: a message without the new fields has the same bytes in both.
@Suite(.tags(.unit)) struct SecondVersionBytesTests {
    let space: IdentifierSpace
    let node: NodeReference
    let parameters: RingParameters
    let capabilities = Capabilities(
        version: 2,
        features: [.placements, Capabilities.Feature("b"), Capabilities.Feature("a")]
    )

    init() throws {
        space = try IdentifierSpace(width: 16)
        var node = NodeReference(
            id: Identifier(0x0102),
            name: "n1",
            address: "h:1",
            incarnation: 1
        )
        node.placeIndex = 3
        node.disk = DiskID(high: 0x0102_0304_0506_0708, low: 0x090A_0B0C_0D0E_0F10)
        node.failureDomain = "rack 7"
        self.node = node
        var parameters = RingParameters(
            ring: "r",
            hash: "sha256",
            probe: Identifier(0x0A0B),
            space: space,
            rule: .name,
            successorCount: 4
        )
        parameters.placements = 16
        parameters.store = StoreID(high: 0x1112_1314_1516_1718, low: 0x191A_1B1C_1D1E_1F20)
        self.parameters = parameters
    }

    private let nodeBytes =
        "2d" + "0a020102" + "12026e31" + "1a03683a31" + "2001" + "2803"
        + "3212" + "0a10" + "0102030405060708090a0b0c0d0e0f10" + "3a06" + "7261636b2037"
    private let parametersBytes =
        "29" + "0a0172" + "1206736861323536" + "1a020a0b" + "2010" + "2801" + "3004" + "3810"
        + "4210" + "1112131415161718191a1b1c1d1e1f20"
    private let capabilitiesBytes =
        "14" + "0802" + "120161" + "120162" + "120a" + "706c6163656d656e7473"

    private func check<Message: WireMessage & Equatable>(
        _ message: Message,
        _ golden: String,
        _ location: SourceLocation = #_sourceLocation
    ) throws {
        let bytes = message.encoded(in: space)
        let text = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        #expect(text == golden, sourceLocation: location)
        #expect(try Message(decoding: bytes, space: space) == message, sourceLocation: location)
    }

    @Test func requests() throws {
        try check(
            GetSuccessorListRequest(parameters: parameters, capabilities: capabilities),
            "0a" + parametersBytes + "12" + capabilitiesBytes
        )
        try check(
            NotifyRequest(
                candidate: node,
                parameters: parameters,
                changed: true,
                capabilities: capabilities
            ),
            "0a" + nodeBytes + "12" + parametersBytes + "1801" + "22" + capabilitiesBytes
        )
        try check(
            FoundRequest(
                founder: node,
                parameters: parameters,
                initialRing: ["h:1"],
                capabilities: capabilities
            ),
            "0a" + nodeBytes + "12" + parametersBytes + "1a03683a31" + "2a" + capabilitiesBytes
        )
        try check(
            FindSuccessorRequest(id: node.id, joiner: node, parameters: parameters),
            "0a020102" + "2a" + nodeBytes + "42" + parametersBytes
        )
        try check(
            FindSuccessorRequest(id: node.id, hops: 1, receiver: Identifier(0xFFFE)),
            "0a020102" + "1801" + "4a02fffe"
        )
    }

    @Test("A claim on a range travels with questions, Notify and Probe")
    func claims() throws {
        let claim = RangeClaim(
            id: node.id,
            number: 300,
            interval: .milliseconds(1500),
            hold: .milliseconds(5250)
        )
        let bytes = "0d" + "0a020102" + "10ac02" + "18dc0b" + "208229"
        try check(
            GetSuccessorListRequest(parameters: parameters, claim: claim),
            "0a" + parametersBytes + "1a" + bytes
        )
        try check(
            NotifyRequest(candidate: node, parameters: parameters, claim: claim),
            "0a" + nodeBytes + "12" + parametersBytes + "2a" + bytes
        )
        try check(
            ProbeRequest(node: node, parameters: parameters, claim: claim),
            "0a" + parametersBytes + "12" + nodeBytes + "1a" + bytes
        )
        var forwarded = claim
        forwarded.isForwarded = true
        try check(
            GetSuccessorListRequest(claim: forwarded),
            "1a" + "0f" + "0a020102" + "10ac02" + "18dc0b" + "208229" + "2801"
        )
        try check(ProbeReply(isReached: true, predecessor: node), "0801" + "12" + nodeBytes)
    }

    @Test func replies() throws {
        try check(
            GetSuccessorListReply(
                state: RingState(node: node, predecessor: node, successors: [node]),
                parameters: parameters,
                capabilities: capabilities
            ),
            "0a" + nodeBytes + "12" + nodeBytes + "1a" + nodeBytes + "22" + parametersBytes + "32"
                + capabilitiesBytes
        )
        try check(
            NotifyReply(.taken, capabilities: capabilities),
            "0801" + "2a" + capabilitiesBytes
        )
        try check(
            FoundReply(node: node, isMember: true, capabilities: capabilities),
            "0a" + nodeBytes + "1001" + "22" + capabilitiesBytes
        )
        try check(
            FoundReply(
                node: node,
                isMember: false,
                capabilities: capabilities,
                store: StoreID(high: 1 << 56, low: 2)
            ),
            "0a" + nodeBytes + "22" + capabilitiesBytes + "2a10"
                + "01000000000000000000000000000002"
        )
    }

    @Test("A Leave says whether the node comes back")
    func leave() throws {
        let state = RingState(node: node, predecessor: node, successors: [])
        let start = "0a" + nodeBytes + "12" + nodeBytes
        try check(LeaveRequest(LeaveNotice(state: state)), start)
        try check(LeaveRequest(LeaveNotice(state: state, intent: .returning)), start + "2801")
        try check(LeaveRequest(LeaveNotice(state: state, intent: .forGood)), start + "2802")
    }

    @Test("An intent of a later version counts as none")
    func laterIntent() throws {
        let state = RingState(node: node, predecessor: node, successors: [])
        let bytes = LeaveRequest(LeaveNotice(state: state)).encoded(in: space) + [0x28, 0x63]
        let read = try LeaveRequest(decoding: bytes, space: space)
        #expect(read.leaveNotice == LeaveNotice(state: state, intent: .unspecified))
    }

    @Test("Messages of version 1 name no capabilities, and are read as such")
    func absentCapabilities() throws {
        #expect(try NotifyReply(decoding: [0x08, 0x01], space: space).capabilities == .first)
        #expect(NotifyReply(.taken, capabilities: .first).encoded(in: space) == [0x08, 0x01])
        let request = try GetSuccessorListRequest(decoding: [], space: space)
        #expect(request.capabilities == .first)
    }

    @Test("Features of a later version are kept as names")
    func laterFeatures() throws {
        let writer = WireWriter().number(1, 9).text(2, "from the future").unknownFields()
        let reply = try NotifyReply(
            decoding: WireWriter().number(1, 1).message(5, writer).bytes,
            space: space
        )
        let later = Capabilities(version: 9, features: [Capabilities.Feature("from the future")])
        #expect(reply.capabilities == later)
        #expect(reply.capabilities.intersection(.own) == Capabilities(version: 2, features: []))
    }

    struct Refusal: Sendable, CustomTestStringConvertible {
        let capabilities: WireWriter
        let code: WireError.Code
        let reason: String

        var testDescription: String { reason }
    }

    static let refusals = [
        Refusal(
            capabilities: WireWriter().text(2, "a"),
            code: .outOfBounds,
            reason: "version: 0, at least 1 and at most 2147483647"
        ),
        Refusal(
            capabilities: WireWriter().number(1, 0xFFFF_FFFF),
            code: .outOfBounds,
            reason: "version: 4294967295, at least 1 and at most 2147483647"
        ),
        Refusal(
            capabilities: WireWriter().number(1, 2).repeated(65) { $0.text(2, "a") },
            code: .tooMany,
            reason: "features: 65 names, at most 64"
        ),
        Refusal(
            capabilities: WireWriter().number(1, 2).text(2, String(repeating: "a", count: 65)),
            code: .invalidText,
            reason: "features: 65 bytes, at most 64"
        ),
        Refusal(
            capabilities: WireWriter().number(1, 2).text(2, ""),
            code: .missing,
            reason: "features: empty"
        ),
    ]

    @Test("Capabilities that no program has are refused", arguments: refusals)
    func refusedCapabilities(refusal: Refusal) {
        let error = #expect(throws: WireError.self) {
            try NotifyReply(
                decoding: WireWriter().message(5, refusal.capabilities).bytes,
                space: space
            )
        }
        #expect(error?.code == refusal.code)
        #expect(error?.message == "NotifyReply.capabilities.\(refusal.reason)")
    }

    @Test("A place, a disk and a failure domain beyond their limits are refused")
    func refusedNodes() {
        func check(_ node: WireWriter, _ code: WireError.Code, _ reason: String) {
            let error = #expect(throws: WireError.self) {
                try GetPredecessorReply(
                    decoding: WireWriter().message(1, node).bytes,
                    space: space
                )
            }
            #expect(error?.code == code)
            #expect(error?.message == "GetPredecessorReply.predecessor.\(reason)")
        }
        let node = WireWriter.node()
        check(node.number(5, 64), .outOfBounds, "place: 64, at most 63")
        check(node.number(5, 0xFFFF_FFFF), .outOfBounds, "place: 4294967295, at most 63")
        check(node.message(6, WireWriter()), .missing, "store.disk: empty")
        check(
            node.message(6, WireWriter().bytes(1, [1, 2, 3])),
            .invalidIdentifier,
            "store.disk: 3 bytes, exactly 16"
        )
        check(
            node.bytes(7, [UInt8](repeating: 97, count: 65)),
            .invalidText,
            "failure_domain: 65 bytes, at most 64"
        )
        check(node.bytes(7, [97, 0]), .invalidText, "failure_domain: a zero byte")
    }
}
