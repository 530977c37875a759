// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordWire
import ChordTestSupport
import Testing

/// Concord's messages, whose bytes another encoder of its contract (Python's protobuf) gave: what we ask
/// and what we are answered, what we are asked and what we answer.
@Suite("Concord's bytes", .tags(.unit))
struct ConcordBytesTests {
    let dialect = ConcordDialect()
    let first = NodeReference(id: Identifier(0x0102), name: "n1", address: "h:1", incarnation: 0)
    let second = NodeReference(
        id: Identifier(.max - 1),
        name: "n2",
        address: "h:2",
        incarnation: 0
    )
    let parameters = RingParameters(
        ring: "r",
        hash: "sha256",
        probe: Identifier(0x0A0B),
        space: .standard,
        rule: .name,
        successorCount: 4
    )

    // A server as it stands by itself; in other messages its length comes first.
    private let firstBytes = "088202" + "12026e31" + "1a03683a31"
    private let secondBytes = "08feffffffffffffffff01" + "12026e32" + "1a03683a32"
    private var firstField: String { "0c" + firstBytes }
    private var secondField: String { "14" + secondBytes }

    private func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private func bytes(_ hex: String) -> [UInt8] {
        stride(from: 0, to: hex.utf8.count, by: 2).compactMap { offset in
            let start = hex.index(hex.startIndex, offsetBy: offset)
            return UInt8(hex[start..<hex.index(start, offsetBy: 2)], radix: 16)
        }
    }

    private func calls(_ statement: PeerOperation) -> [String] {
        dialect.calls(for: statement, in: parameters).map { "\($0.method) \(hex($0.message))" }
    }

    private func question(_ method: String, _ hex: String) throws -> DialectRequest {
        try bytes(hex).withUnsafeBytes { try dialect.question(method, $0, in: parameters) }
    }

    private func answer(_ answer: DialectResponse, to method: String) throws -> String {
        hex(try dialect.encode(answer, to: method, in: parameters))
    }

    private func state(_ hex: String, of node: NodeReference? = nil) throws -> RingState? {
        try dialect.state(of: node, from: [bytes(hex)], in: parameters)?.state
    }

    @Test("Concord's service and method names are used")
    func names() {
        #expect(dialect.service == "concord.ChordService")
    }

    @Test func findSuccessor() throws {
        #expect(calls(.owner(of: first.id)) == ["FindSuccessor 088202"])
        #expect(calls(.owner(of: second.id)) == ["FindSuccessor 08feffffffffffffffff01"])
        #expect(calls(.owner(of: .zero)) == ["FindSuccessor "])
        #expect(try dialect.owner(from: [bytes("0a" + firstField)], in: parameters) == first)

        #expect(try question("FindSuccessor", "088202") == .owner(of: first.id))
        #expect(try question("FindSuccessor", "") == .owner(of: .zero))
        #expect(try answer(.owner(first), to: "FindSuccessor") == "0a" + firstField)
    }

    @Test func getRing() throws {
        #expect(calls(.state) == ["GetRing "])
        let ring = "0a" + firstField + "12" + secondField + "12" + firstField
        #expect(
            try state(ring, of: first)
                == RingState(node: first, predecessor: first, successors: [second])
        )
        #expect(try dialect.listed(in: [bytes(ring)], in: parameters) == [second, first])

        #expect(try question("GetRing", "") == .state)
        let own = RingState(node: second, predecessor: first, successors: [second, first])
        #expect(try answer(.state(own), to: "GetRing") == ring)
    }

    @Test func notify() throws {
        #expect(calls(.notify(first, changed: false)) == ["Notify \(firstBytes)"])
        #expect(calls(.notify(second, changed: false)) == ["Notify \(secondBytes)"])
        #expect(calls(.notify(first, changed: true)) == [])

        #expect(try question("Notify", firstBytes) == .notify(first))
        #expect(try answer(.done, to: "Notify") == "")
    }

    @Test("Notify of a leaving node names its predecessor")
    func leave() {
        let state = RingState(node: second, predecessor: first, successors: [first])
        #expect(calls(.leave(LeaveNotice(state: state))) == ["Notify \(firstBytes)"])
        let alone = RingState(node: second, predecessor: second, successors: [second])
        #expect(calls(.leave(LeaveNotice(state: alone))) == [])
    }

    // MARK: Invalid messages

    @Test("An empty GetRing reply means \"not a member\"")
    func notReady() throws {
        #expect(try state("", of: first) == nil)
        #expect(try state("12" + firstField, of: second) == nil)
    }

    @Test("Lists are cut where they wrap around or contain the node itself")
    func lists() throws {
        let alone = "0a" + firstField + "12" + firstField + "12" + firstField
        #expect(
            try state(alone) == RingState(node: first, predecessor: first, successors: [first])
        )
        let round = "0a" + secondField + "12" + secondField + "12" + firstField + "12" + secondField
        #expect(
            try state(round, of: first)
                == RingState(node: first, predecessor: second, successors: [second])
        )
    }

    @Test("A list is cut at its first invalid entry")
    func brokenList() throws {
        // The second has an address without a port.
        let broken = "0a" + firstField + "12" + secondField + "12" + "05" + "1a03" + "687878"
        #expect(
            try state(broken, of: first)
                == RingState(node: first, predecessor: first, successors: [second])
        )
    }

    @Test(
        "An invalid server reference is refused",
        arguments: [
            "088202" + "12026e31", "088202" + "1a03683a31", "12026e31" + "1a03" + "683a30",
            "12026e31" + "1a03" + "68787a", "12026e31" + "1a03" + "3a3132",
            "1202ff31" + "1a03683a31", "ffff",
        ]
    )
    func servers(_ hex: String) {
        #expect(throws: WireError.self) { try question("Notify", hex) }
    }

    @Test("A FindSuccessor reply without server is refused")
    func noServer() {
        #expect(throws: WireError.self) {
            try dialect.owner(from: [[]], in: parameters)
        }
    }

    @Test("An identifier wider than the ring is refused")
    func width() throws {
        var narrow = parameters
        narrow.space = try IdentifierSpace(width: 8)
        #expect(throws: WireError.self) {
            try bytes("088202").withUnsafeBytes {
                try dialect.question("FindSuccessor", $0, in: narrow)
            }
        }
    }

    @Test("No request that would crash a Concord node is encoded")
    func harmless() throws {
        var strange = first
        strange.address = "nowhere"
        #expect(throws: WireError.self) { try answer(.owner(strange), to: "FindSuccessor") }
        #expect(calls(.notify(strange, changed: false)) == [])
        // A predecessor is always named, and no address that is none.
        let state = RingState(node: second, predecessor: strange, successors: [strange, first])
        #expect(
            try answer(.state(state), to: "GetRing")
                == "0a" + secondField + "12" + firstField
        )
        let lonely = RingState(node: second, predecessor: strange, successors: [strange])
        #expect(
            try answer(.state(lonely), to: "GetRing")
                == "0a" + secondField + "12" + secondField
        )
    }

    @Test("Ring parameters that Concord cannot use are named")
    func objections() throws {
        #expect(dialect.objection(to: parameters) == nil)
        var wide = parameters
        wide.space = try IdentifierSpace(width: 65)
        #expect(dialect.objection(to: wide)?.contains("65") == true)
        var byAddress = parameters
        byAddress.rule = .address
        #expect(dialect.objection(to: byAddress)?.contains("address") == true)
    }
}
