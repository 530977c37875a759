// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import ChordTestSupport
import ChordWire
import Testing

@testable import ChordStore

@Suite("The methods of the store", .tags(.unit))
struct StoreMethodTableTests {
    /// All methods, written out: a change of who may call what must be made twice.
    private static let table = """
        /chord.v1.StoreService/Get | unary | node, client, admin | 320 KiB | ordinary
        /chord.v1.StoreService/Put | unary | node, client, admin | 3088 KiB | ordinary
        /chord.v1.StoreService/Delete | unary | node, client, admin | 16 KiB | ordinary
        /chord.v1.StoreService/Touch | unary | node, client, admin | 16 KiB | ordinary
        /chord.v1.StoreService/Batch | unary | node, client, admin | 3584 KiB | ordinary
        /chord.v1.StoreService/List | unary | node, client, admin | 16 KiB | ordinary
        /chord.v1.StoreService/Count | unary | node, client, admin | 16 KiB | ordinary
        /chord.v1.StoreService/Watch | serverStreaming | node, client, admin | 16 KiB | ordinary
        /chord.v1.StoreService/Scan | unary | admin | 16 KiB | ordinary
        /chord.v1.StoreService/Status | unary | node, client, admin | 16 KiB | ordinary
        /chord.v1.StoreService/SetReplicas | unary | node, admin | 16 KiB | ordinary
        /chord.v1.StoreService/RaiseVersions | unary | node, admin | 16 KiB | ordinary
        /chord.v1.StoreService/Export | unary | node, admin | 16 KiB | ordinary
        /chord.v1.StorePeerService/Raft | unary | node | 4096 KiB | maintenance
        /chord.v1.StorePeerService/Hint | unary | node | 640 KiB | ordinary
        /chord.v1.StorePeerService/Locate | unary | node | 16 KiB | ordinary
        /chord.v1.StorePeerService/Describe | unary | node | 16 KiB | ordinary
        /chord.v1.StorePeerService/OfferSnapshot | unary | node | 16 KiB | ordinary
        /chord.v1.StorePeerService/SendChunk | unary | node | 1040 KiB | ordinary
        /chord.v1.StorePeerService/FinishSnapshot | unary | node | 16 KiB | ordinary
        /chord.v1.StoreAdminService/Checksum | unary | admin | 16 KiB | ordinary
        /chord.v1.StoreAdminService/Recover | unary | admin | 16 KiB | ordinary
        """

    private static let methods = StoreMethods.all + StorePeerMethods.all + StoreAdminMethods.all

    private static func row(_ method: RPCMethod) -> String {
        [
            method.path, method.kind.rawValue, "\(method.callers)",
            "\(method.maximumMessageBytes >> 10) KiB", method.priority.rawValue,
        ].joined(separator: " | ")
    }

    @Test func tableOfMethodsRolesAndLimits() {
        #expect(Self.methods.map(Self.row).joined(separator: "\n") == Self.table)
    }

    @Test func everyMethodIsDeclaredInItsFile() throws {
        for method in Self.methods {
            let file = try #require(method.protoFile)
            let reflection = Reflection(services: [], files: [file])
            // file_containing_symbol: field 4.
            let symbol = Array("\(method.service).\(method.name)".utf8)
            let answer = try reflection.answer([0x22, UInt8(symbol.count)] + symbol)
            // error_response: field 7.
            #expect(answer[2 + 2 + symbol.count] != 0x3A, "\(method) in \(file)")
        }
    }

    // The longest values of each field, so that every request is as long as it can be.
    private static let space = IdentifierSpace.standard
    private static let number = WireLimits.counter.upperBound
    private static let epoch = WireRangeEpoch(configuration: number, bounds: number)
    private static let longestName = String(repeating: "n", count: 255)
    private static let longestKey = [UInt8](repeating: 1, count: 1024)
    private static let longestToken = [UInt8](repeating: 1, count: 4096)
    private static let route = WireRoute(
        range: .max,
        epoch: epoch,
        wantsRedirect: true,
        caller: WireCaller(role: .admin, name: longestName, trustDomain: longestName)
    )
    private static let id = WireWriteID(
        client: .max,
        number: number,
        lowestUnanswered: number,
        preparedMilliseconds: number
    )
    private static let descriptor = WireRangeDescriptor(
        range: .max,
        epoch: epoch,
        bounds: IdentifierRange(after: space.largest, through: space.largest),
        replicas: (0..<16).map { index in
            WireReplica(
                number: number - 16 + index,
                node: longestName,
                address: String(repeating: "a", count: 262),
                disk: .max,
                kind: .learner
            )
        },
        nextReplica: number,
        wantedVoters: 7
    )
    private static let hint = WireRangeHint(descriptor, leader: number - 1, term: number)
    private static let header = WirePeerHeader(
        store: .max,
        fromDisk: .max,
        toDisk: .max,
        starts: number
    )
    private static let configuration = WireRaftConfiguration(
        voters: (0..<16).map { number - $0 },
        outgoing: (0..<16).map { number - $0 },
        learners: (0..<16).map { number - $0 }
    )

    private static func operation(_ index: Int, valueBytes: Int) -> WireOperation {
        WireOperation(
            key: longestKey.dropLast(2) + [UInt8(index >> 8), UInt8(index & 255)],
            .put(
                value: [UInt8](repeating: 2, count: valueBytes),
                timeToLive: .milliseconds(Int64(number))
            ),
            if: .version(number)
        )
    }

    private static let longestRequests: [(RPCMethod, [UInt8])] = [
        (
            StoreMethods.get,
            GetRequest(
                route: route,
                partition: longestKey,
                keys: Array(repeating: longestKey, count: 256),
                level: .stale
            ).encoded(in: space)
        ),
        (
            StoreMethods.put,
            PutRequest(
                route: route,
                id: id,
                partition: longestKey,
                key: longestKey,
                value: [UInt8](repeating: 2, count: WireLimits.valueBytes.upperBound),
                timeToLive: .milliseconds(Int64(number)),
                condition: .version(number),
                wantsPrevious: true
            ).encoded(in: space)
        ),
        (
            StoreMethods.delete,
            DeleteRequest(
                route: route,
                id: id,
                partition: longestKey,
                key: longestKey,
                condition: .version(number),
                wantsPrevious: true
            ).encoded(in: space)
        ),
        (
            StoreMethods.touch,
            TouchRequest(
                route: route,
                id: id,
                partition: longestKey,
                key: longestKey,
                timeToLive: .milliseconds(Int64(number))
            ).encoded(in: space)
        ),
        (
            StoreMethods.batch,
            BatchRequest(
                route: route,
                id: id,
                partition: longestKey,
                operations: (0..<256).map {
                    operation($0, valueBytes: WireLimits.valuesBytes / 256)
                },
                wantsPrevious: true
            ).encoded(in: space)
        ),
        (
            StoreMethods.list,
            ListRequest(
                route: route,
                partition: longestKey,
                prefix: longestKey,
                level: .stale,
                limit: WireLimits.pageRows,
                token: longestToken,
                keysOnly: true
            ).encoded(in: space)
        ),
        (
            StoreMethods.count,
            CountRequest(
                route: route,
                partition: longestKey,
                prefix: longestKey,
                level: .stale,
                token: longestToken
            ).encoded(in: space)
        ),
        (
            StorePeerMethods.hint,
            HintRequest(header: header, hints: Array(repeating: hint, count: 64))
                .encoded(in: space)
        ),
        (
            StorePeerMethods.offerSnapshot,
            SnapshotOffer(
                header: header,
                snapshot: .max,
                descriptor: descriptor,
                from: number,
                to: number,
                term: number,
                position: WireLogPosition(index: number, term: number),
                configuration: configuration,
                format: .max,
                bytes: number,
                rows: number,
                isForVoter: true
            ).encoded(in: space)
        ),
        (
            StorePeerMethods.sendChunk,
            SnapshotChunk(
                header: header,
                snapshot: .max,
                offset: number,
                bytes: [UInt8](repeating: 3, count: WireLimits.chunkBytes.upperBound),
                checksum: .max
            ).encoded(in: space)
        ),
    ]

    @Test func longestRequestsFitTheirMethod() {
        for (method, request) in Self.longestRequests {
            #expect(request.count <= method.maximumMessageBytes, "\(method): \(request.count)")
        }
    }

    /// An entry that holds the longest batch, with the range's descriptor besides.
    @Test func longestEntryFitsARaftCall() throws {
        let append = WireRaftAppend(
            previous: WireLogPosition(index: 1, term: 1),
            entries: [
                WireRaftEntry(
                    term: Self.number,
                    kind: .normal,
                    payload: [UInt8](repeating: 4, count: WireLimits.entryBytes.upperBound)
                )
            ],
            commit: Self.number,
            acknowledged: Self.number
        )
        let message = WireRaftMessage(
            range: .max,
            from: Self.number,
            to: Self.number,
            term: Self.number,
            .append(append),
            descriptor: Self.descriptor
        )
        let bound = RaftRequest.headerSizeBound + message.sizeBound
        let request = RaftRequest(header: Self.header, messages: [message])
        let bytes = request.encoded(in: Self.space)
        #expect(bytes.count <= bound)
        #expect(bound <= StorePeerMethods.raft.maximumMessageBytes)
        #expect(WireLimits.entryBytes.upperBound >= StoreMethods.batch.maximumMessageBytes)
        #expect(try RaftRequest(decoding: bytes, space: Self.space) == request)
    }

    @Test func answersFitWhatAClientAccepts() {
        let replies = [
            GetReply(.redirect(Self.hint)).encoded(in: Self.space),
            WriteReply(.redirect(Self.hint)).encoded(in: Self.space),
            CountReply(.redirect(Self.hint)).encoded(in: Self.space),
            LocateReply.here(Self.hint).encoded(in: Self.space),
            DescribeRangeReply(hint: Self.hint).encoded(in: Self.space),
            SnapshotOfferReply.overlaps(Self.descriptor).encoded(in: Self.space),
        ]
        for reply in replies { #expect(reply.count <= StoreMessageBytes.short) }
    }
}
