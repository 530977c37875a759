// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import ChordWire
import Testing

/// Messages of `StoreService`. Another encoder of the same contract (protoc --encode) gave the bytes.
@Suite(.tags(.unit)) struct StoreGoldenBytesTests {
    typealias Sample = StoreSample

    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test func get() throws {
        try Sample.check(
            GetRequest(
                route: Sample.route,
                partition: bytes("p"),
                keys: [[0], []],
                level: .stale
            ),
            "0a" + Sample.routeBytes + "120170" + "1a0100" + "1a00" + "2003"
        )
        try Sample.check(GetRequest(keys: [bytes("k")]), "1a016b")
        try Sample.check(
            GetReply(
                .answer(
                    Sample.answer,
                    GetReply.Content(
                        values: [Sample.value, nil, WireValue([], version: 1)],
                        lag: Sample.lag
                    )
                )
            ),
            "12" + Sample.answerBytes + "1a" + Sample.lagBytes + "22" + Sample.valueBytes + "2200"
                + "2204" + "0801" + "1801"
        )
        try Sample.check(GetReply(.redirect(Sample.hint)), "0a" + Sample.hintBytes)
    }

    @Test func put() throws {
        try Sample.check(
            PutRequest(
                route: Sample.route,
                id: Sample.writeID,
                partition: bytes("p"),
                key: bytes("k"),
                value: bytes("v") + [0],
                timeToLive: .seconds(5),
                condition: .version(11),
                wantsPrevious: true
            ),
            "0a" + Sample.routeBytes + "12" + Sample.writeIDBytes + "1a0170" + "22016b"
                + "2a027600" + "308827" + "3a02" + "100b" + "4001"
        )
        try Sample.check(PutRequest(key: bytes("k"), value: []), "22016b")
    }

    @Test func deleteAndTouch() throws {
        try Sample.check(
            DeleteRequest(
                route: WireRoute(wantsRedirect: true),
                id: Sample.writeID,
                partition: bytes("p"),
                key: [],
                condition: .absent,
                wantsPrevious: true
            ),
            "0a02" + "1801" + "12" + Sample.writeIDBytes + "1a0170" + "2a02" + "0801" + "3001"
        )
        try Sample.check(
            TouchRequest(id: Sample.writeID, key: bytes("k"), timeToLive: .milliseconds(1)),
            "12" + Sample.writeIDBytes + "22016b" + "2801"
        )
    }

    @Test func batch() throws {
        try Sample.check(
            BatchRequest(
                id: Sample.writeID,
                partition: bytes("p"),
                operations: [
                    WireOperation(
                        key: bytes("a"),
                        .put(value: bytes("1"), timeToLive: .milliseconds(10)),
                        if: .absent
                    ),
                    WireOperation(key: bytes("b"), .delete, if: .version(3)),
                    WireOperation(key: bytes("c"), .touch(timeToLive: .milliseconds(20))),
                    WireOperation(key: bytes("d"), .check, if: .version(4)),
                ],
                wantsPrevious: true
            ),
            "12" + Sample.writeIDBytes + "1a0170"
                + "220e" + "0801" + "120161" + "1a0131" + "200a" + "2a02" + "0801"
                + "2209" + "0802" + "120162" + "2a02" + "1003"
                + "2207" + "0803" + "120163" + "2014"
                + "2209" + "0804" + "120164" + "2a02" + "1004" + "2801"
        )
    }

    @Test func writeReply() throws {
        func check(_ content: WriteReply.Content, _ golden: String) throws {
            try Sample.check(
                WriteReply(.answer(Sample.answer, content)),
                "12" + Sample.answerBytes + golden
            )
        }
        try check(
            WriteReply.Content(
                applied: true,
                results: [
                    WireOperationResult(
                        conditionHeld: true,
                        previousVersion: 11,
                        previousValue: []
                    ),
                    WireOperationResult(conditionHeld: true, previousVersion: nil),
                ]
            ),
            "1801" + "2206" + "0801" + "100b" + "1a00" + "2202" + "0801"
        )
        try check(
            WriteReply.Content(
                applied: false,
                results: [WireOperationResult(conditionHeld: false, previousVersion: 11)]
            ),
            "2202" + "100b"
        )
        try check(
            WriteReply.Content(applied: true, results: [], isReplayed: true),
            "1801" + "2801"
        )
        try Sample.check(WriteReply(.redirect(Sample.hint)), "0a" + Sample.hintBytes)
    }

    @Test func listAndCount() throws {
        try Sample.check(
            ListRequest(
                route: WireRoute(wantsRedirect: true),
                partition: bytes("p"),
                prefix: bytes("x"),
                level: .lease,
                limit: 10,
                token: bytes("t"),
                keysOnly: true
            ),
            "0a02" + "1801" + "120170" + "1a0178" + "2002" + "280a" + "320174" + "3801"
        )
        try Sample.check(
            ListReply(
                .answer(
                    Sample.answer,
                    ListReply.Content(
                        rows: [WireRow(key: bytes("x1"), value: Sample.value)],
                        lag: Sample.lag,
                        token: bytes("u")
                    )
                )
            ),
            "12" + Sample.answerBytes + "1a" + Sample.lagBytes + "2211" + "12027831" + "1a"
                + Sample.valueBytes + "2a0175"
        )
        try Sample.check(
            CountRequest(partition: bytes("p"), prefix: bytes("x"), token: bytes("t")),
            "120170" + "1a0178" + "2a0174"
        )
        try Sample.check(
            CountReply(.answer(Sample.answer, CountReply.Content(rows: 300, token: bytes("u")))),
            "12" + Sample.answerBytes + "20ac02" + "2a0175"
        )
        try Sample.check(ListReply(.redirect(Sample.hint)), "0a" + Sample.hintBytes)
        try Sample.check(CountReply(.redirect(Sample.hint)), "0a" + Sample.hintBytes)
    }

    @Test func scan() throws {
        try Sample.check(
            ScanRequest(range: Sample.range, limit: 10, token: bytes("t"), keysOnly: true),
            "0a10" + Sample.rangeBytes + "100a" + "1a0174" + "2001"
        )
        let row = WireRow(partition: bytes("p"), key: bytes("x1"), value: Sample.value)
        try Sample.check(
            ScanReply(answer: Sample.answer, rows: [row], token: bytes("u")),
            "0a" + Sample.answerBytes + "1214" + "0a0170" + "12027831" + "1a" + Sample.valueBytes
                + "1a0175"
        )
        try Sample.check(
            PageToken(
                range: Sample.range,
                version: 12,
                partition: bytes("p"),
                key: bytes("k")
            ),
            "0a10" + Sample.rangeBytes + "100c" + "1a0170" + "22016b"
        )
    }

    @Test func status() throws {
        try Sample.check(StoreStatusRequest(limit: 5, token: bytes("t")), "0805" + "120174")
        let range = WireRangeStatus(
            descriptor: Sample.descriptor,
            replica: 1,
            leader: 4,
            term: 7,
            commit: 12,
            applied: 11,
            rows: 100,
            bytes: 2000,
            lag: Sample.lag,
            isQuiet: true,
            progress: [
                WireReplicaProgress(number: 4, acknowledged: 10, silence: .milliseconds(30))
            ],
            issues: [WireRangeIssue(.catchingUp, "n2")],
            move: WireRangeMove(.transferLeadership, node: "n2", sentBytes: 1, totalBytes: 2)
        )
        try Sample.check(
            StoreStatusReply(
                store: Sample.store,
                disk: Sample.firstDisk,
                node: "n1",
                state: .full,
                reason: "no room",
                starts: 2,
                totals: StoreStatusReply.Totals(
                    replicas: 3,
                    leaders: 2,
                    rangesWithIssues: 1,
                    rows: 300,
                    bytes: 4000,
                    freeBytes: 70000
                ),
                ranges: [range],
                token: bytes("u")
            ),
            "0a10" + Sample.storeBytes + "1210" + "a0000000000000000000000000000001" + "1a026e31"
                + "2003" + "2a076e6f20726f6f6d" + "3002" + "3803" + "4002" + "4801" + "50ac02"
                + "58a01f" + "60f0a204" + "6a9c01" + "0a" + Sample.descriptorBytes + "1001" + "1804"
                + "2007" + "280c" + "300b" + "3864" + "40d00f" + "4a" + Sample.lagBytes + "5001"
                + "5a06" + "0804" + "100a" + "181e" + "6206" + "0803" + "12026e32" + "6a0a" + "0804"
                + "12026e32" + "1801" + "2002" + "720175"
        )
    }
}
