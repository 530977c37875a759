// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordWire
import ChordTestSupport
import Testing

/// Every limit: a value at the limit is accepted, a larger one is refused with name and reason.
@Suite(.tags(.unit)) struct WireLimitsTests {
    let space: IdentifierSpace

    init() throws {
        space = try IdentifierSpace(width: 12)
    }

    private func letters(_ count: Int) -> [UInt8] {
        [UInt8](repeating: UInt8(ascii: "a"), count: count)
    }

    struct Refusal: Sendable, CustomTestStringConvertible {
        let node: WireWriter
        let code: WireError.Code
        let reason: String

        var testDescription: String { reason }
    }

    static let nodes = [
        Refusal(node: .node(id: []), code: .missing, reason: "id: empty"),
        Refusal(
            node: .node(id: [1]),
            code: .invalidIdentifier,
            reason: "id: 1 bytes, an identifier of 12 bits has 2"
        ),
        Refusal(
            node: .node(id: [0, 0, 1]),
            code: .invalidIdentifier,
            reason: "id: 3 bytes, an identifier of 12 bits has 2"
        ),
        Refusal(
            node: .node(id: [0x10, 0]),
            code: .invalidIdentifier,
            reason: "id: 1000 in hexadecimal does not fit 12 bits"
        ),
        Refusal(node: .node(name: []), code: .missing, reason: "name: empty"),
        Refusal(
            node: .node(name: .init(repeating: 97, count: 256)),
            code: .invalidText,
            reason: "name: 256 bytes, at most 255"
        ),
        Refusal(
            node: .node(name: Array("n1\u{0}admin".utf8)),
            code: .invalidText,
            reason: "name: a zero byte"
        ),
        Refusal(node: .node(name: [0xFF]), code: .invalidText, reason: "name: not UTF-8"),
        Refusal(node: .node(name: [0xC0, 0x80]), code: .invalidText, reason: "name: not UTF-8"),
        Refusal(
            node: .node(name: [0xED, 0xA0, 0x80]),
            code: .invalidText,
            reason: "name: not UTF-8"
        ),
        Refusal(node: .node(address: []), code: .missing, reason: "address: empty"),
        Refusal(
            node: .node(address: .init(repeating: 97, count: 263)),
            code: .invalidText,
            reason: "address: 263 bytes, at most 262"
        ),
        Refusal(
            node: .node(address: Array("h:1\u{0}".utf8)),
            code: .invalidText,
            reason: "address: a zero byte"
        ),
        Refusal(
            node: .node(address: [0x68, 0xE6, 0xBC]),
            code: .invalidText,
            reason: "address: not UTF-8"
        ),
    ]

    /// The same node is refused in every field.
    @Test(arguments: nodes)
    func invalidNodeIsRefused(refusal: Refusal) throws {
        let bad = refusal.node
        let good = WireWriter.node()
        let parameters = WireWriter.parameters(probe: [0, 1], width: 12)
        func check<Message: WireMessage>(
            _ type: Message.Type,
            _ writer: WireWriter,
            _ field: String
        ) {
            let error = #expect(throws: WireError.self) {
                try Message(decoding: writer.bytes, space: space)
            }
            #expect(error?.code == refusal.code)
            #expect(error?.message == "\(type).\(field).\(refusal.reason)")
        }
        let id = WireWriter().bytes(1, [0, 1])
        check(FindSuccessorRequest.self, id.message(5, bad), "joiner")
        let reply = WireWriter().message(3, good)
        check(FindSuccessorReply.self, reply.message(1, bad), "owner")
        check(FindSuccessorReply.self, reply.message(2, good).message(2, bad), "successors[1]")
        check(FindSuccessorReply.self, WireWriter().message(3, bad), "answering")
        check(FindSuccessorReply.self, reply.message(4, bad), "answering_successors[0]")
        check(FindSuccessorReply.self, reply.message(6, bad), "path[0]")
        check(FindSuccessorReply.self, reply.message(7, bad), "closer[0]")
        check(GetPredecessorReply.self, WireWriter().message(1, bad), "predecessor")
        let notify = WireWriter().message(2, parameters)
        check(NotifyRequest.self, notify.message(1, bad), "candidate")
        let list = WireWriter().message(4, parameters)
        check(GetSuccessorListReply.self, list.message(1, bad), "node")
        check(GetSuccessorListReply.self, list.message(1, good).message(2, bad), "predecessor")
        check(
            GetSuccessorListReply.self,
            list.message(1, good).message(2, good).message(3, bad),
            "successors[0]"
        )
        let found = WireWriter().message(2, parameters)
        check(FoundRequest.self, found.message(1, bad), "founder")
        check(FoundRequest.self, found.message(1, good).message(4, bad), "decided[0]")
        check(FoundReply.self, WireWriter().message(1, bad), "node")
        check(FoundReply.self, WireWriter().message(1, good).message(3, bad), "decided[0]")
        check(LeaveRequest.self, WireWriter().message(1, bad), "node")
        check(LeaveRequest.self, WireWriter().message(1, good).message(2, bad), "predecessor")
        check(
            LeaveRequest.self,
            WireWriter().message(1, good).message(2, good).message(3, bad),
            "successors[0]"
        )
        check(
            LeaveRequest.self,
            WireWriter().message(1, good).message(2, good).message(4, bad),
            "lost[0]"
        )
    }

    @Test func missingFieldIsRefused() {
        func check<Message: WireMessage>(
            _ type: Message.Type,
            _ writer: WireWriter,
            _ message: String
        ) {
            let error = #expect(throws: WireError.self) {
                try Message(decoding: writer.bytes, space: space)
            }
            #expect(error?.description == "missing: \(message)")
        }
        let node = WireWriter.node()
        check(FindSuccessorRequest.self, WireWriter(), "FindSuccessorRequest.id: empty")
        check(FindSuccessorReply.self, WireWriter(), "FindSuccessorReply.answering: absent")
        check(GetPredecessorReply.self, WireWriter(), "GetPredecessorReply.predecessor: absent")
        check(
            NotifyRequest.self,
            WireWriter().message(1, node),
            "NotifyRequest.parameters: absent"
        )
        check(
            NotifyRequest.self,
            WireWriter().message(2, .parameters(probe: [0, 1], width: 12)),
            "NotifyRequest.candidate: absent"
        )
        check(
            GetSuccessorListReply.self,
            WireWriter().message(1, node),
            "GetSuccessorListReply.parameters: absent"
        )
        check(FoundReply.self, WireWriter(), "FoundReply.node: absent")
        check(FoundRequest.self, WireWriter().message(1, node), "FoundRequest.parameters: absent")
        check(LeaveRequest.self, WireWriter(), "LeaveRequest.node: absent")
        check(
            LeaveRequest.self,
            WireWriter().message(1, node),
            "LeaveRequest.predecessor: absent"
        )
    }

    @Test func textOfMaximumLengthIsAccepted() throws {
        let node = WireWriter.node(name: letters(255), address: letters(262))
        let reply = try GetPredecessorReply(
            decoding: WireWriter().message(1, node).bytes,
            space: space
        )
        #expect(reply.predecessor.name.utf8.count == 255)
        #expect(reply.predecessor.address.utf8.count == 262)
        let parameters = WireWriter.parameters(
            ring: letters(255),
            hash: letters(64),
            successors: 64
        )
        let request = try GetSuccessorListRequest(
            decoding: WireWriter().message(1, parameters).bytes,
            space: space
        )
        #expect(request.parameters?.ring.utf8.count == 255)
        #expect(request.parameters?.hash.utf8.count == 64)
    }

    @Test func listLengthIsLimited() throws {
        func check<Message: WireMessage>(
            _ start: WireWriter,
            _ field: UInt64,
            _ limit: Int,
            _ name: String,
            element: WireWriter = .node(),
            _ count: (Message) -> Int
        ) throws {
            let full = start.repeated(limit) { $0.message(field, element) }
            #expect(count(try Message(decoding: full.bytes, space: space)) == limit)
            let over = full.message(field, element)
            let error = #expect(throws: WireError.self) {
                try Message(decoding: over.bytes, space: space)
            }
            #expect(error?.code == .tooMany)
            #expect(error?.message == "\(name): \(limit + 1) nodes, at most \(limit)")
        }
        let node = WireWriter.node()
        let reply = WireWriter().message(3, node)
        try check(reply, 2, 64, "FindSuccessorReply.successors") { (message: FindSuccessorReply) in
            message.successors.count
        }
        try check(reply, 4, 64, "FindSuccessorReply.answering_successors") {
            (message: FindSuccessorReply) in message.answeringSuccessors.count
        }
        try check(reply, 6, 512, "FindSuccessorReply.path") { (message: FindSuccessorReply) in
            message.path.count
        }
        try check(reply, 7, 64, "FindSuccessorReply.closer") { (message: FindSuccessorReply) in
            message.closer.count
        }
        var identifier = WireWriter()
        identifier = identifier.bytes(1, [0, 1])
        var excluded = identifier.repeated(32) { $0.bytes(7, [0, 2]) }
        #expect(
            try FindSuccessorRequest(decoding: excluded.bytes, space: space).excluded.count == 32
        )
        excluded = excluded.bytes(7, [0, 2])
        let error = #expect(throws: WireError.self) {
            try FindSuccessorRequest(decoding: excluded.bytes, space: space)
        }
        #expect(error?.message == "FindSuccessorRequest.excluded: 33 nodes, at most 32")
        let state = WireWriter().message(1, node).message(2, node)
        try check(state, 3, 64, "LeaveRequest.successors") { (message: LeaveRequest) in
            message.leaveNotice.state.successors.count
        }
        try check(state, 4, 64, "LeaveRequest.lost") { (message: LeaveRequest) in
            message.leaveNotice.lost.count
        }
        let parameters = WireWriter.parameters(probe: [0, 1], width: 12)
        try check(state.message(4, parameters), 3, 64, "GetSuccessorListReply.successors") {
            (message: GetSuccessorListReply) in message.state.successors.count
        }
        let found = WireWriter().message(1, node).message(2, parameters)
        try check(found, 4, 64, "FoundRequest.decided") { (message: FoundRequest) in
            message.decided.count
        }
        let addresses = found.repeated(65) { $0.bytes(3, Array("a:1".utf8)) }
        let tooMany = #expect(throws: WireError.self) {
            try FoundRequest(decoding: addresses.bytes, space: space)
        }
        #expect(tooMany?.message == "FoundRequest.initial_ring: 65 addresses, at most 64")
    }

    @Test func invalidExcludedIdentifierIsRefused() {
        let error = #expect(throws: WireError.self) {
            try FindSuccessorRequest(
                decoding: WireWriter().bytes(1, [0, 1]).bytes(7, [0, 1]).bytes(7, [0xFF, 1]).bytes,
                space: space
            )
        }
        #expect(
            error?.description
                == "invalidIdentifier: FindSuccessorRequest.excluded[1]: ff01 in hexadecimal "
                + "does not fit 12 bits"
        )
    }

    @Test(arguments: [UInt64.max, UInt64.max - 1, Incarnation.highest + 1] as [UInt64])
    func implausibleIncarnationIsRefused(incarnation: UInt64) {
        let node = NodeReference(
            id: Identifier(1),
            name: "n",
            address: "h:1",
            incarnation: incarnation
        )
        let bytes = GetPredecessorReply(predecessor: node).encoded(in: space)
        let error = #expect(throws: WireError.self) {
            try GetPredecessorReply(decoding: bytes, space: space)
        }
        #expect(error?.code == .outOfBounds)
        #expect(error?.message.contains("GetPredecessorReply.predecessor.incarnation") == true)
    }

    @Test func listIsCutToItsLimitOnEncoding() throws {
        let node = NodeReference(id: Identifier(1), name: "n", address: "h:1", incarnation: 1)
        let reply = FindSuccessorReply(
            owner: node,
            successors: .init(repeating: node, count: 70),
            answering: node,
            path: .init(repeating: node, count: 600)
        )
        let decoded = try FindSuccessorReply(decoding: reply.encoded(in: space), space: space)
        #expect(decoded.successors.count == 64)
        #expect(decoded.path.count == 512)
        let request = FindSuccessorRequest(
            id: .zero,
            excluded: (0..<40).map { Identifier($0) }
        )
        let received = try FindSuccessorRequest(decoding: request.encoded(in: space), space: space)
        #expect(received.excluded == (8..<40).map { Identifier($0) })
    }

    @Test func pathIsDroppedWhenTheReplyWouldBeTooLong() throws {
        let node = NodeReference(
            id: Identifier(1),
            name: String(repeating: "n", count: 255),
            address: "h:1",
            incarnation: 1
        )
        let reply = FindSuccessorReply(
            owner: node,
            answering: node,
            hops: 400,
            path: .init(repeating: node, count: 400)
        )
        let decoded = try FindSuccessorReply(decoding: reply.encoded(in: space), space: space)
        #expect(decoded.path.isEmpty)
        #expect(decoded.hops == 400)
    }
}
