// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordWire
import Testing

/// Values of the store's messages for tests, and their bytes as another encoder (protoc --encode) gave them:
/// for a nested message its length, then its fields.
enum StoreSample {
    static let range: UInt128 = 0x00112233_44556677_8899AABB_CCDDEEFF
    static let firstDisk: UInt128 = 0xA0 << 120 | 1
    static let secondDisk: UInt128 = 0xB0 << 120 | 2
    static let store: UInt128 = 0x50 << 120 | 3
    static let client: UInt128 = 0xC0 << 120 | 4
    static let snapshot: UInt128 = 0x90 << 120 | 5
    static let rangeBytes = "00112233445566778899aabbccddeeff"
    private static let firstDiskBytes = "a0000000000000000000000000000001"
    private static let secondDiskBytes = "b0000000000000000000000000000002"
    static let storeBytes = "50000000000000000000000000000003"
    static let snapshotBytes = "90000000000000000000000000000005"

    static let epoch = WireRangeEpoch(configuration: 3, bounds: 2)
    static let epochBytes = "0408031002"

    static let descriptor = WireRangeDescriptor(
        range: range,
        epoch: epoch,
        bounds: IdentifierRange(after: Identifier(0x0102), through: Identifier(0xFFFE)),
        replicas: [
            WireReplica(number: 1, node: "n1", address: "h:1", disk: firstDisk),
            WireReplica(number: 4, node: "n2", address: "h:2", disk: secondDisk, kind: .learner),
        ],
        nextReplica: 5,
        wantedVoters: 3
    )
    static let descriptorBytes =
        "66" + "0a10" + rangeBytes + "12" + epochBytes + "1a020102" + "2202fffe"
        + "2a1f" + "0801" + "12026e31" + "1a03683a31" + "2210" + firstDiskBytes + "2801"
        + "2a1f" + "0804" + "12026e32" + "1a03683a32" + "2210" + secondDiskBytes + "2802"
        + "3005" + "3803"

    static let hint = WireRangeHint(descriptor, leader: 1, term: 7)
    static let hintBytes = "6c" + "0a" + descriptorBytes + "1001" + "1807"

    static let route = WireRoute(
        range: range,
        epoch: epoch,
        wantsRedirect: true,
        caller: WireCaller(role: .client, name: "c1", trustDomain: "t")
    )
    static let routeBytes =
        "25" + "0a10" + rangeBytes + "12" + epochBytes + "1801" + "2209" + "0802" + "12026331"
        + "1a0174"

    static let writeID = WireWriteID(
        client: client,
        number: 9,
        lowestUnanswered: 8,
        preparedMilliseconds: 300
    )
    static let writeIDBytes =
        "19" + "0a10" + "c0000000000000000000000000000004" + "1009" + "1808" + "20ac02"

    static let answer = WireRangeAnswer(
        range: range,
        epoch: epoch,
        version: 12,
        timeMilliseconds: 400
    )
    /// Without `place`, which only callers that keep ranges get.
    static let answerBytes =
        "1d" + "0a10" + rangeBytes + "12" + epochBytes + "180c" + "209003"

    static let lag = WireReplicaLag(entries: 2, silence: .milliseconds(150))
    static let lagBytes = "05" + "0802" + "109601"

    static let value = WireValue(
        [0, UInt8(ascii: "v")],
        version: 11,
        timeToLive: .milliseconds(5000)
    )
    static let valueBytes = "0b" + "0801" + "12020076" + "180b" + "208827"

    static let header = WirePeerHeader(
        store: store,
        fromDisk: firstDisk,
        toDisk: secondDisk,
        starts: 2
    )
    static let headerBytes =
        "3a" + "0801" + "1210" + storeBytes + "1a10" + firstDiskBytes + "2210" + secondDiskBytes
        + "2802"

    /// Checks that a message has these bytes, and that they mean this message.
    static func check<Message: WireMessage & Equatable>(
        _ message: Message,
        _ golden: String,
        _ location: SourceLocation = #_sourceLocation
    ) throws {
        let space = try IdentifierSpace(width: 16)
        let bytes = message.encoded(in: space)
        let text = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        #expect(text == golden, sourceLocation: location)
        #expect(try Message(decoding: bytes, space: space) == message, sourceLocation: location)
    }
}
