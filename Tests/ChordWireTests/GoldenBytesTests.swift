// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordWire
import ChordTestSupport
import Testing

/// Messages whose bytes another encoder of the same contract (protoc --encode) gave.
@Suite(.tags(.unit)) struct GoldenBytesTests {
    let space: IdentifierSpace
    let first = NodeReference(id: Identifier(0x0102), name: "n1", address: "h:1", incarnation: 1)
    let second = NodeReference(
        id: Identifier(0xFFFE),
        name: "n2",
        address: "h:2",
        incarnation: 300
    )
    let parameters: RingParameters

    init() throws {
        space = try IdentifierSpace(width: 16)
        parameters = RingParameters(
            ring: "r",
            hash: "sha256",
            probe: Identifier(0x0A0B),
            space: space,
            rule: .name,
            successorCount: 4
        )
    }

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

    // A node as it stands in other messages: its length, then its fields.
    private let firstBytes = "0f" + "0a020102" + "12026e31" + "1a03683a31" + "2001"
    private let secondBytes = "10" + "0a02fffe" + "12026e32" + "1a03683a32" + "20ac02"
    private let parametersBytes =
        "15" + "0a0172" + "1206736861323536" + "1a020a0b" + "2010" + "2801" + "3004"

    @Test func meet() throws {
        try check(
            MeetRequest(node: first, parameters: parameters),
            "0a" + firstBytes + "12" + parametersBytes
        )
        try check(
            MeetRequest(node: first, parameters: parameters, contact: second),
            "0a" + firstBytes + "12" + parametersBytes + "1a" + secondBytes
        )
        try check(MeetReply(), "")
        try check(AdminMergeRequest(contact: "h:2"), "0a03683a32")
    }

    @Test func findSuccessor() throws {
        try check(FindSuccessorRequest(id: Identifier(0x0102)), "0a020102")
        try check(
            FindSuccessorRequest(
                id: Identifier(0x0102),
                hopBudget: 32,
                hops: 3,
                wantPath: true,
                joiner: first,
                iterative: true,
                excluded: [Identifier(0xFFFE), .zero]
            ),
            "0a020102" + "1020" + "1803" + "2001" + "2a" + firstBytes + "3001" + "3a02fffe"
                + "3a020000"
        )
        try check(
            FindSuccessorReply(
                owner: first,
                successors: [second],
                answering: second,
                answeringSuccessors: [first],
                hops: 2,
                path: [second],
                closer: [first]
            ),
            "0a" + firstBytes + "12" + secondBytes + "1a" + secondBytes + "22" + firstBytes
                + "2802" + "32" + secondBytes + "3a" + firstBytes
        )
    }

    @Test func getPredecessor() throws {
        try check(GetPredecessorRequest(), "")
        try check(GetPredecessorReply(predecessor: second), "0a" + secondBytes)
    }

    @Test func notify() throws {
        try check(
            NotifyRequest(candidate: first, parameters: parameters),
            "0a" + firstBytes + "12" + parametersBytes
        )
        try check(
            NotifyRequest(candidate: first, parameters: parameters, changed: true),
            "0a" + firstBytes + "12" + parametersBytes + "1801"
        )
        try check(NotifyReply(), "")
        try check(NotifyReply(.taken), "0801")
        try check(NotifyReply(.taken, former: first), "080122" + firstBytes)
        try check(NotifyReply(.nearerKnown), "0802")
        try check(NotifyReply(.trying), "0803")
        try check(
            NotifyReply(.notReached(address: "a:1", reason: "no")),
            "0804" + "1203613a31" + "1a026e6f"
        )
    }

    @Test("An unknown verdict of a later version counts as \"not adopted\"")
    func verdictOfALaterVersion() throws {
        let space = try IdentifierSpace(width: 16)
        #expect(try NotifyReply(decoding: [0x08, 0x63], space: space) == NotifyReply(.trying))
    }

    @Test("A long reason is cut to the limit of the reply")
    func longReason() throws {
        let space = try IdentifierSpace(width: 16)
        let reason = String(repeating: "ä", count: 400)
        let reply = NotifyReply(.notReached(address: "a:1", reason: reason))
        let read = try NotifyReply(decoding: reply.encoded(in: space), space: space)
        #expect(
            read.verdict
                == .notReached(address: "a:1", reason: String(repeating: "ä", count: 256))
        )
    }

    @Test func probe() throws {
        try check(
            ProbeRequest(node: first, parameters: parameters),
            "0a" + parametersBytes + "12" + firstBytes
        )
        try check(ProbeReply(isReached: true), "0801")
        try check(ProbeReply(isReached: false), "")
    }

    @Test("Requests to a peer have the bytes of our own dialect")
    func statements() throws {
        func said(_ statement: PeerOperation) -> [String] {
            Dialects.native.calls(for: statement, in: parameters).map { call in
                "\(Dialects.native.service).\(call.method) "
                    + call.message.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            }
        }
        let state = RingState(node: first, predecessor: second, successors: [second])
        let service = "chord.v1.ChordService"
        // Version 2, and its features.
        let own =
            "39" + "0802" + "120c" + "6c656176652d696e74656e74" + "120a" + "706c6163656d656e7473"
            + "120c" + "72616e67652d636c61696d73" + "120d" + "73746f72652d6d656d62657273"
        #expect(
            said(.state) == ["\(service).GetSuccessorList 0a" + parametersBytes + "12" + own]
        )
        #expect(said(.owner(of: first.id)) == ["\(service).FindSuccessor 0a020102"])
        #expect(
            said(.notify(first, changed: false))
                == [
                    "\(service).Notify 0a" + firstBytes + "12" + parametersBytes + "22" + own
                ]
        )
        #expect(
            said(.notify(first, changed: true))
                == [
                    "\(service).Notify 0a" + firstBytes + "12" + parametersBytes + "1801" + "22"
                        + own
                ]
        )
        #expect(
            said(.leave(LeaveNotice(state: state, lost: [first])))
                == [
                    "\(service).Leave 0a" + firstBytes + "12" + secondBytes + "1a" + secondBytes
                        + "22" + firstBytes
                ]
        )
    }

    @Test func getSuccessorList() throws {
        try check(GetSuccessorListRequest(), "")
        try check(GetSuccessorListRequest(parameters: parameters), "0a" + parametersBytes)
        try check(
            GetSuccessorListReply(
                state: RingState(node: first, predecessor: second, successors: [second, first]),
                parameters: parameters
            ),
            "0a" + firstBytes + "12" + secondBytes + "1a" + secondBytes + "1a" + firstBytes + "22"
                + parametersBytes
        )
        try check(
            GetSuccessorListReply(
                state: RingState(node: first, predecessor: second, successors: [second]),
                parameters: parameters,
                isHeadUnreached: true
            ),
            "0a" + firstBytes + "12" + secondBytes + "1a" + secondBytes + "22" + parametersBytes
                + "2801"
        )
    }

    @Test func leave() throws {
        let state = RingState(node: first, predecessor: second, successors: [second])
        try check(
            LeaveRequest(LeaveNotice(state: state)),
            "0a" + firstBytes + "12" + secondBytes + "1a" + secondBytes
        )
        try check(
            LeaveRequest(LeaveNotice(state: state, lost: [second, first])),
            "0a" + firstBytes + "12" + secondBytes + "1a" + secondBytes
                + "22" + secondBytes + "22" + firstBytes
        )
        try check(LeaveReply(), "")
    }

    @Test func found() throws {
        try check(
            FoundRequest(
                founder: first,
                parameters: parameters,
                initialRing: ["h:1", "h:2"],
                decided: [first, second]
            ),
            "0a" + firstBytes + "12" + parametersBytes + "1a03683a31" + "1a03683a32" + "22"
                + firstBytes + "22" + secondBytes
        )
        try check(FoundReply(node: first, isMember: false), "0a" + firstBytes)
        try check(
            FoundReply(node: first, isMember: true, decided: [second]),
            "0a" + firstBytes + "1001" + "1a" + secondBytes
        )
    }
}
