// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import NIOCore
import ChordTestSupport
import Testing

@testable import ChordHTTP2

/// Repeated header lists are recognised, without a visible difference for readers.
@Suite(.tags(.unit)) struct RepeatedRequestTests {
    typealias Field = (name: String, value: String)

    /// A client, and a server that notes each request's fields and the number of their list.
    final class Listener {
        let client: HTTP2Session
        let server: HTTP2Session
        var lists: [[String]] = []
        var numbers: [UInt32] = []

        init(_ limits: HTTP2Limits = HTTP2Limits()) throws {
            client = try HTTP2Session(role: .client, limits: HTTP2Limits())
            server = try HTTP2Session(role: .server, limits: limits)
        }

        /// Makes requests with these header lists, all of which arrive in one read.
        func receive(_ requests: [[Field]]) throws {
            for fields in requests {
                let stream = try client.submitRequest(
                    HTTP2Headers(HTTP2Headers.Prepared(fields)),
                    endStream: true
                )
                #expect(stream > 0)
            }
            try carry(client, server) { self.note($0) }
            try carry(server, client) { _ in }
        }

        private func carry(
            _ from: HTTP2Session,
            _ to: HTTP2Session,
            _ each: (HTTP2Event) -> Void
        ) throws {
            let bytes = try from.output()
            from.removeEvents()
            try bytes.withUnsafeBytes { try to.receive($0) }
            while let event = to.nextEvent() { each(event) }
            to.removeEvents()
        }

        private func note(_ event: HTTP2Event) {
            guard case .headers(let stream, let block, .request, _) = event else { return }
            var list: [String] = []
            server.forEachHeader(block) { name, value in
                list.append(
                    "\(String(decoding: name, as: UTF8.self))=\(String(decoding: value, as: UTF8.self))"
                )
            }
            for index in 0..<Int(block.count) {
                let known = server.knownField(index, of: block)
                #expect(known.value.elementsEqual(server.field(index, of: block).value))
                #expect(known.name == HTTP2FieldName(server.field(index, of: block).name))
            }
            #expect(
                server.value(of: ":path", in: block).map { String(decoding: $0, as: UTF8.self) }
                    == list.first { $0.hasPrefix(":path=") }.map { String($0.dropFirst(6)) }
            )
            lists.append(list)
            numbers.append(block.repetition)
            server.answer(stream, [])
        }
    }

    static func call(_ path: String = "/s/M", _ more: [Field] = []) -> [Field] {
        [
            (":method", "POST"), (":scheme", "https"), (":path", path), (":authority", "h:1"),
            ("te", "trailers"), ("content-type", "application/grpc"),
        ] + more
    }

    static func text(_ fields: [Field]) -> [String] { fields.map { "\($0.name)=\($0.value)" } }

    @Test func headerListIsRecognisedFromItsFourthUse() throws {
        let listener = try Listener()
        for _ in 0..<6 { try listener.receive([Self.call()]) }
        #expect(listener.numbers == [0, 0, 0, 1, 1, 1])
        #expect(listener.lists.allSatisfy { $0 == Self.text(Self.call()) })
    }

    @Test func repeatedListsOfOneReadAreRecognised() throws {
        let listener = try Listener()
        try listener.receive(Array(repeating: Self.call(), count: 40))
        #expect(listener.numbers == [0, 0, 0] + Array(repeating: 1, count: 37))
        #expect(listener.lists.allSatisfy { $0 == Self.text(Self.call()) })
    }

    @Test("A list that contains the repeated one is a different list", arguments: [true, false])
    func partsAreOthers(isShorter: Bool) throws {
        let listener = try Listener()
        let longer = Self.call("/s/M", [("x-key", "1")])
        let (own, other) = isShorter ? (longer, Self.call()) : (Self.call(), longer)
        for _ in 0..<4 { try listener.receive([own]) }
        try listener.receive([other, own, other, own])
        #expect(listener.numbers == [0, 0, 0, 1, 0, 1, 0, 1])
        #expect(listener.lists.suffix(4) == [other, own, other, own].map(Self.text)[...])
    }

    @Test func newListReplacesAnUnusedOne() throws {
        let listener = try Listener()
        for _ in 0..<4 { try listener.receive([Self.call("/s/A")]) }
        for _ in 0..<24 { try listener.receive([Self.call("/s/B")]) }
        #expect(listener.numbers.last == 2)
        #expect(listener.lists.last == Self.text(Self.call("/s/B")))
        try listener.receive([Self.call("/s/A")])
        #expect(listener.numbers.last == 0)
        #expect(listener.lists.last == Self.text(Self.call("/s/A")))
    }

    @Test("Fields of a single stream are checked every time")
    func announcedLengths() throws {
        let listener = try Listener()
        let fields = Self.call("/s/M", [("content-length", "0")])
        for _ in 0..<6 { try listener.receive([fields]) }
        #expect(listener.numbers.allSatisfy { $0 == 0 })
        #expect(listener.lists.count == 6)
    }

    @Test func repeatedListsCountTowardsTheLimitOfARead() throws {
        var limits = HTTP2Limits()
        limits.maxHeaderBytesPerRead = 1000
        let listener = try Listener(limits)
        for _ in 0..<4 { try listener.receive([Self.call()]) }
        #expect(listener.numbers.last == 1)
        let size = Self.call().reduce(0) { $0 + $1.name.count + $1.value.count + 32 }
        try listener.receive(Array(repeating: Self.call(), count: 20))
        #expect(listener.lists.count == 4 + 1000 / size)
        #expect(listener.server.counters.headerListsRefused > 0)
    }

    @Test func idleConnectionForgetsTheList() throws {
        let listener = try Listener()
        for _ in 0..<4 { try listener.receive([Self.call()]) }
        listener.server.releaseMemory()
        for _ in 0..<5 { try listener.receive([Self.call()]) }
        #expect(listener.numbers == [0, 0, 0, 1, 0, 2, 2, 2, 2])
        #expect(listener.lists.allSatisfy { $0 == Self.text(Self.call()) })
    }

    /// Any order of lists is read as sent, and lists with the same number are equal.
    @Test(arguments: 0..<40)
    func anySequenceOfListsIsReadAsSent(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let listener = try Listener()
        let kinds = [
            Self.call("/s/A"), Self.call("/s/B"), Self.call("/s/A", [("x-key", "value")]),
            Self.call("/s/A", [("grpc-timeout", "100m")]),
            Self.call("/s/A", [("grpc-timeout", "101m")]),
            Self.call("/s/A", [("x-key", String(repeating: "v", count: 3000))]),
        ]
        var sent: [[String]] = []
        for _ in 0..<30 {
            var requests: [[Field]] = []
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let kind = kinds.randomElement(using: &generator)!
                let count = Int.random(in: 1...6, using: &generator)
                requests += Array(repeating: kind, count: count)
            }
            sent += requests.map(Self.text)
            try listener.receive(requests)
            if Int.random(in: 0..<8, using: &generator) == 0 { listener.server.releaseMemory() }
        }
        #expect(listener.lists == sent)
        #expect(listener.numbers.contains { $0 != 0 })
        var alike: [UInt32: [String]] = [:]
        for (number, list) in zip(listener.numbers, listener.lists) where number != 0 {
            #expect(alike[number] == nil || alike[number] == list)
            alike[number] = list
        }
    }
}

extension HTTP2Session {
    fileprivate func output() throws -> [UInt8] {
        var buffer = ByteBuffer()
        try takeOutput(into: &buffer)
        return Array(buffer.readableBytesView)
    }
}
