// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import ChordTestSupport
import ChordWire
import Testing

@testable import ChordRuntime

@Suite("The methods of a node", .tags(.unit))
struct MethodTableTests {
    /// All methods that a node serves, written out: a change of who may call what must be made twice.
    private static let table = """
        /chord.v1.ChordService/FindSuccessor | unary | node, client, admin | 8 KiB | ordinary
        /chord.v1.ChordService/GetSuccessorList | unary | node, client, admin | 4 KiB | maintenance
        /chord.v1.ChordService/GetPredecessor | unary | node, client, admin | 8 KiB | maintenance
        /chord.v1.ChordService/Notify | unary | node | 4 KiB | maintenance
        /chord.v1.ChordService/Leave | unary | node | 64 KiB | maintenance
        /chord.v1.ChordService/Found | unary | node | 64 KiB | maintenance
        /chord.v1.ChordService/Meet | unary | node | 4 KiB | maintenance
        /chord.v1.ChordService/Probe | unary | node | 4 KiB | ordinary
        /concord.ChordService/FindSuccessor | unary | node, client, admin | 4 KiB | ordinary
        /concord.ChordService/GetRing | unary | node, client, admin | 4 KiB | maintenance
        /concord.ChordService/Notify | unary | node | 4 KiB | maintenance
        /chord.v1.AdminService/Describe | unary | node, client, admin | 1 KiB | ordinary
        /chord.v1.AdminService/Watch | serverStreaming | node, client, admin | 1 KiB | ordinary
        /chord.v1.AdminService/Leave | unary | admin | 1 KiB | ordinary
        /chord.v1.AdminService/Merge | unary | admin | 1 KiB | ordinary
        /grpc.health.v1.Health/Check | unary | node, client, admin | 1 KiB | ordinary
        /grpc.health.v1.Health/Watch | serverStreaming | node, client, admin | 1 KiB | ordinary
        /grpc.reflection.v1.ServerReflection/ServerReflectionInfo | bidirectional \
        | node, client, admin | 8 KiB | ordinary
        /grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo | bidirectional \
        | node, client, admin | 8 KiB | ordinary
        """

    private static func services() -> [any NodeService] {
        var settings = InProcessRing.Settings()
        settings.change = { $0.dialects = [.concord] }
        return InProcessRing(settings).add("n0").services()
    }

    private static func row(_ method: RPCMethod) -> String {
        let limit = "\(method.maximumMessageBytes >> 10) KiB"
        return [
            method.path, method.kind.rawValue, "\(method.callers)", limit,
            method.priority.rawValue,
        ].joined(separator: " | ")
    }

    @Test func tableOfMethodsRolesAndLimits() {
        let methods = Router(Self.services()).methods
        #expect(methods.map(Self.row).joined(separator: "\n") == Self.table)
    }

    @Test func servicesOfANodeDoNotCollide() {
        #expect(NodeShell.objection(to: Self.services()) == nil)
    }

    @Test func everyMethodIsDeclaredInItsFile() throws {
        for method in Router(Self.services()).methods {
            let file = try #require(method.protoFile)
            let reflection = Reflection(services: [], files: [file])
            // file_containing_symbol: field 4.
            let symbol = Array("\(method.service).\(method.name)".utf8)
            let answer = try reflection.answer([0x22, UInt8(symbol.count)] + symbol)
            // error_response: field 7.
            #expect(answer[2 + 2 + symbol.count] != 0x3A, "\(method) in \(file)")
        }
    }

    @Test func longestRequestsFitTheirMethod() {
        let space = IdentifierSpace.standard
        let node = NodeReference(
            id: Identifier(UInt64.max),
            name: String(repeating: "n", count: WireLimits.nameBytes.upperBound),
            address: String(repeating: "a", count: 250) + ":65535",
            incarnation: WireLimits.incarnation.upperBound
        )
        let parameters = RingParameters(
            ring: String(repeating: "r", count: WireLimits.ringNameBytes.upperBound),
            hash: String(repeating: "h", count: WireLimits.hashNameBytes.upperBound),
            probe: Identifier(UInt64.max),
            space: space,
            rule: .name,
            successorCount: WireLimits.listNodes
        )
        var lookup = FindSuccessorRequest(id: node.id)
        lookup.joiner = node
        lookup.excluded = Array(repeating: node.id, count: WireLimits.excludedNodes)
        let requests: [(RPCMethod, [UInt8])] = [
            (ChordMethods.findSuccessor, lookup.encoded(in: space)),
            (
                ChordMethods.getSuccessorList,
                GetSuccessorListRequest(parameters: parameters).encoded(in: space)
            ),
            (
                ChordMethods.notify,
                NotifyRequest(candidate: node, parameters: parameters, changed: true)
                    .encoded(in: space)
            ),
            (
                ChordMethods.leave,
                LeaveRequest(
                    LeaveNotice(
                        state: RingState(
                            node: node,
                            predecessor: node,
                            successors: Array(repeating: node, count: WireLimits.listNodes)
                        ),
                        lost: Array(repeating: node, count: LeaveNotice.lostLimit)
                    )
                ).encoded(in: space)
            ),
        ]
        for (method, request) in requests {
            #expect(request.count <= method.maximumMessageBytes, "\(method): \(request.count)")
        }
    }
}
