// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordTestSupport
import ChordWire
import Testing

/// What is refused in messages of `StoreService`, and what the error says.
@Suite(.tags(.unit)) struct StoreLimitsTests {
    private static let random = [UInt8](repeating: 7, count: 16)
    private static let epoch = WireWriter().number(1, 3)

    private static func replica(
        _ number: UInt64 = 1,
        node: String = "n1",
        kind: UInt64 = 1
    ) -> WireWriter {
        WireWriter().number(1, number).text(2, node).text(3, "h:1").bytes(4, random)
            .number(5, kind)
    }

    private static func descriptor(
        _ replicas: [WireWriter] = [replica()],
        range: [UInt8] = random,
        after: [UInt8] = [0, 1],
        next: UInt64 = 9,
        wanted: UInt64 = 3
    ) -> WireWriter {
        var writer = WireWriter().bytes(1, range).message(2, epoch).bytes(3, after)
            .bytes(4, [0, 2])
        for replica in replicas { writer = writer.message(5, replica) }
        return writer.number(6, next).number(7, wanted)
    }

    private static func redirect(_ descriptor: WireWriter, leader: UInt64 = 0) -> WireWriter {
        WireWriter().message(1, WireWriter().message(1, descriptor).number(2, leader))
    }

    private static let answer = WireWriter().bytes(1, random).message(2, epoch)

    private func refuse<Message: WireMessage>(
        _ type: Message.Type,
        _ writer: WireWriter,
        _ description: String,
        _ location: SourceLocation = #_sourceLocation
    ) throws {
        let space = try IdentifierSpace(width: 16)
        let error = #expect(throws: WireError.self, sourceLocation: location) {
            try Message(decoding: writer.bytes, space: space)
        }
        #expect(error?.description == description, sourceLocation: location)
    }

    @Test func keysAreBounded() throws {
        let space = try IdentifierSpace(width: 16)
        let longest = [UInt8](repeating: 0, count: 1024)
        let get = WireWriter().bytes(2, longest).bytes(3, longest)
        #expect(try GetRequest(decoding: get.bytes, space: space).keys == [longest])
        try refuse(
            GetRequest.self,
            get.bytes(3, longest + [0]),
            "tooLarge: GetRequest.keys[1]: 1025 bytes, at most 1024"
        )
        try refuse(
            PutRequest.self,
            WireWriter().bytes(3, longest + [0]).bytes(4, [1]),
            "tooLarge: PutRequest.partition: 1025 bytes, at most 1024"
        )
        try refuse(GetRequest.self, WireWriter(), "missing: GetRequest.keys: 0 keys, at least 1")
        let many = WireWriter().bytes(2, [1]).repeated(257) { $0.bytes(3, [1]) }
        try refuse(GetRequest.self, many, "tooMany: GetRequest.keys: 257 keys, at most 256")
    }

    @Test func partitionIsNeededWhereTheKeyDoesNotGiveIt() throws {
        try refuse(
            GetRequest.self,
            WireWriter().bytes(3, [1]).bytes(3, [2]),
            "missing: GetRequest.partition: empty, and a request with 2 keys needs one"
        )
        for kind in [PutRequest.self, DeleteRequest.self, TouchRequest.self]
            as [any WireMessage.Type]
        {
            try refuse(
                kind,
                WireWriter(),
                "missing: \(kind).partition: empty, and so is the key"
            )
        }
        for kind in [ListRequest.self, CountRequest.self] as [any WireMessage.Type] {
            try refuse(kind, WireWriter(), "missing: \(kind).partition: 0 bytes, at least 1")
        }
        try refuse(
            BatchRequest.self,
            WireWriter().message(4, WireWriter().number(1, 2)),
            "missing: BatchRequest.partition: 0 bytes, at least 1"
        )
    }

    @Test func valueIsBounded() throws {
        let space = try IdentifierSpace(width: 16)
        let longest = [UInt8](repeating: 1, count: 3 << 20)
        let put = WireWriter().bytes(4, [1])
        let request = try PutRequest(decoding: put.bytes(5, longest).bytes, space: space)
        #expect(request.value.count == 3 << 20)
        try refuse(
            PutRequest.self,
            put.bytes(5, longest + [1]),
            "tooLarge: PutRequest.value: 3145729 bytes, at most 3145728"
        )
        let half = [UInt8](repeating: 1, count: (3 << 20) / 2)
        func operation(_ key: UInt8, _ value: [UInt8]) -> WireWriter {
            WireWriter().number(1, 1).bytes(2, [key]).bytes(3, value)
        }
        let batch = WireWriter().bytes(3, [1]).message(4, operation(1, half))
        let full = batch.message(4, operation(2, half))
        #expect(try BatchRequest(decoding: full.bytes, space: space).operations.count == 2)
        try refuse(
            BatchRequest.self,
            batch.message(4, operation(2, half + [1])),
            "tooLarge: BatchRequest.operations: values of 3145729 bytes, at most 3145728"
        )
    }

    @Test func conditionOfALaterVersionIsRefused() throws {
        // Ignored, it would turn the write into one that is always done.
        let put = WireWriter().bytes(4, [1])
        for condition in [WireWriter(), WireWriter().number(9, 1)] {
            try refuse(
                PutRequest.self,
                put.message(7, condition),
                "malformed: PutRequest.condition.condition: of an unknown kind"
            )
        }
        try refuse(
            PutRequest.self,
            put.message(7, WireWriter().number(2, 0)),
            "outOfBounds: PutRequest.condition.version: 0, at least 1"
        )
        try refuse(
            PutRequest.self,
            put.message(7, WireWriter().number(1, 0)),
            "malformed: PutRequest.condition.absent: false, only true has a meaning"
        )
    }

    @Test func operationsOfABatchAreChecked() throws {
        func refuse(_ operations: [WireWriter], _ description: String) throws {
            var batch = WireWriter().bytes(3, [1])
            for operation in operations { batch = batch.message(4, operation) }
            try self.refuse(BatchRequest.self, batch, description)
        }
        let delete = WireWriter().number(1, 2).bytes(2, [1])
        let name = "BatchRequest.operations"
        try refuse([], "missing: \(name): 0 operations, at least 1")
        try refuse(
            [delete, delete.number(4, 5)],
            "contradictory: \(name)[1].ttl_ms: DELETE has none"
        )
        try refuse([delete, delete], "contradictory: \(name)[1].key: the key of operation 0 too")
        try refuse([delete.bytes(3, [1])], "contradictory: \(name)[0].value: DELETE has none")
        let touch = WireWriter().number(1, 3)
        let absent = WireWriter().number(1, 1)
        try refuse(
            [touch.message(5, absent)],
            "contradictory: \(name)[0].condition: TOUCH has none"
        )
        try refuse(
            [WireWriter().number(1, 4)],
            "missing: \(name)[0].condition: absent, and CHECK needs one"
        )
        try refuse([WireWriter().bytes(2, [1])], "missing: \(name)[0].kind: absent")
        try refuse(
            [WireWriter().number(1, 5)],
            "malformed: \(name)[0].kind: 5 is an unknown kind of operation"
        )
        let many = (0..<257).map {
            WireWriter().number(1, 2).bytes(2, [UInt8($0 >> 8), UInt8($0 & 255)])
        }
        try refuse(many, "tooMany: \(name): 257 operations, at most 256")
    }

    @Test func writeIdentityIsChecked() throws {
        let put = WireWriter().bytes(4, [1])
        func id(
            _ number: UInt64,
            _ lowest: UInt64,
            client: [UInt8] = Self.random
        ) -> WireWriter {
            put.message(2, WireWriter().bytes(1, client).number(2, number).number(3, lowest))
        }
        try refuse(
            PutRequest.self,
            id(1, 1, client: [1, 2]),
            "outOfBounds: PutRequest.id.client: 2 bytes, this identifier has 16"
        )
        try refuse(PutRequest.self, id(1, 1, client: []), "missing: PutRequest.id.client: empty")
        try refuse(PutRequest.self, id(0, 1), "outOfBounds: PutRequest.id.number: 0, at least 1")
        try refuse(
            PutRequest.self,
            id(3, 4),
            "contradictory: PutRequest.id.lowest_unanswered: 4, and the write's own number is 3"
        )
        try refuse(
            PutRequest.self,
            id((1 << 62) + 1, 1),
            "outOfBounds: PutRequest.id.number: 4611686018427387905, at most 4611686018427387904"
        )
    }

    @Test func routeAndLevelAreChecked() throws {
        let get = WireWriter().bytes(3, [1])
        try refuse(
            GetRequest.self,
            get.message(1, WireWriter().bytes(1, [1])),
            "outOfBounds: GetRequest.route.range: 1 bytes, this identifier has 16"
        )
        try refuse(
            GetRequest.self,
            get.message(1, WireWriter().message(4, WireWriter().number(1, 4))),
            "malformed: GetRequest.route.caller.role: 4 is an unknown role"
        )
        try refuse(
            GetRequest.self,
            get.message(1, WireWriter().message(4, WireWriter())),
            "missing: GetRequest.route.caller.role: absent"
        )
        try refuse(
            GetRequest.self,
            get.number(4, 4),
            "malformed: GetRequest.level: 4 is an unknown level"
        )
    }

    @Test func pagesAreBounded() throws {
        let list = WireWriter().bytes(2, [1])
        try refuse(
            ListRequest.self,
            list.number(5, 10_001),
            "outOfBounds: ListRequest.limit: 10001, at most 10000"
        )
        try refuse(
            ListRequest.self,
            list.bytes(6, .init(repeating: 0, count: 4097)),
            "tooLarge: ListRequest.token: 4097 bytes, at most 4096"
        )
        try refuse(
            StoreStatusRequest.self,
            WireWriter().number(1, 1001),
            "outOfBounds: StoreStatusRequest.limit: 1001, at most 1000"
        )
        let row = WireWriter().bytes(2, [1])
        try refuse(
            ListReply.self,
            WireWriter().message(2, Self.answer).message(4, row.message(3, WireWriter())),
            "contradictory: ListReply.rows[0].value: an absent key in a list"
        )
        let value = WireWriter().number(1, 1).number(3, 1)
        let full = WireWriter().message(2, Self.answer)
            .repeated(10_000) { $0.message(4, WireWriter().message(3, value)) }
        let space = try IdentifierSpace(width: 16)
        guard
            case .answer(_, let content) = try ListReply(decoding: full.bytes, space: space).outcome
        else {
            Issue.record("an answer became a redirect")
            return
        }
        #expect(content.rows.count == 10_000)
        try refuse(
            ListReply.self,
            full.message(4, row.message(3, value)),
            "tooMany: ListReply.rows: 10001 rows, at most 10000"
        )
    }

    @Test func replyIsAnAnswerOrARedirect() throws {
        for kind in [GetReply.self, WriteReply.self, ListReply.self, CountReply.self]
            as [any WireMessage.Type]
        {
            try refuse(kind, WireWriter(), "missing: \(kind).answer: absent")
        }
        try refuse(
            WriteReply.self,
            WireWriter().message(2, Self.answer).number(3, 1),
            "missing: WriteReply.results: empty"
        )
        try refuse(
            WriteReply.self,
            WireWriter().message(2, Self.answer).number(3, 1).message(4, WireWriter()),
            "contradictory: WriteReply.results[0]: a condition that did not hold in a write that was"
                + " applied"
        )
    }

    @Test func rangeDescriptorIsChecked() throws {
        func refuse(_ descriptor: WireWriter, leader: UInt64 = 0, _ description: String) throws {
            try self.refuse(
                GetReply.self,
                Self.redirect(descriptor, leader: leader),
                description
            )
        }
        let range = "GetReply.redirect.range"
        try refuse(Self.descriptor(range: []), "missing: \(range).range: empty")
        try refuse(
            Self.descriptor(after: [1]),
            "invalidIdentifier: \(range).after: 1 bytes, an identifier of 16 bits has 2"
        )
        try refuse(Self.descriptor([]), "missing: \(range).replicas: 0 replicas, at least 1")
        try refuse(
            Self.descriptor((1...17).map { Self.replica($0) }, next: 18),
            "tooMany: \(range).replicas: 17 replicas, at most 16"
        )
        try refuse(
            Self.descriptor([Self.replica(9)]),
            "contradictory: \(range).replicas[0].number: 9, and the next number is 9"
        )
        try refuse(
            Self.descriptor([Self.replica(2), Self.replica(2)]),
            "contradictory: \(range).replicas[1].number: 2 is there twice"
        )
        try refuse(
            Self.descriptor([Self.replica(node: "")]),
            "missing: \(range).replicas[0].node: empty"
        )
        try refuse(
            Self.descriptor([Self.replica(kind: 4)]),
            "malformed: \(range).replicas[0].kind: 4 is an unknown kind of replica"
        )
        try refuse(
            Self.descriptor(wanted: 2),
            "outOfBounds: \(range).wanted_voters: 2, a range has 1, 3, 5 or 7 voters"
        )
        try refuse(
            Self.descriptor(),
            leader: 3,
            "contradictory: GetReply.redirect.leader: 3 is no replica of the range"
        )
    }

    @Test func shortTimeToLiveDoesNotBecomeNone() throws {
        let space = try IdentifierSpace(width: 16)
        for (span, sent) in [
            (Duration.nanoseconds(1), Duration.milliseconds(1)),
            (.microseconds(1500), .milliseconds(2)),
            (.milliseconds(7), .milliseconds(7)),
        ] {
            let put = PutRequest(key: [1], value: [], timeToLive: span)
            let read = try PutRequest(decoding: put.encoded(in: space), space: space)
            #expect(read.timeToLive == sent)
        }
        let longest = PutRequest(key: [1], value: [], timeToLive: .seconds(Int64.max))
        let read = try PutRequest(decoding: longest.encoded(in: space), space: space)
        #expect(read.timeToLive == .milliseconds(1 << 62))
    }

    @Test func longTextsOfAStatusAreCut() throws {
        let space = try IdentifierSpace(width: 16)
        let reply = StoreStatusReply(
            store: nil,
            disk: nil,
            node: "n1",
            state: .failed,
            reason: String(repeating: "é", count: 300),
            starts: 1,
            totals: StoreStatusReply.Totals(),
            ranges: []
        )
        let read = try StoreStatusReply(decoding: reply.encoded(in: space), space: space)
        #expect(read.reason == String(repeating: "é", count: 256))
    }
}
