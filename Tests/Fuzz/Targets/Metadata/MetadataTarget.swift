// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordRPC
import FuzzSupport

@testable import ChordTransport

/// Header fields of a call: metadata, base64, timeout, content type.
enum MetadataTarget: FuzzTarget {
    static let name = "metadata"

    static var seeds: [[UInt8]] {
        let fields: [(String, String)] = [
            ("trace-bin", "AAEC"), ("trace-bin", "AAECAw"), ("x-bin", "AAECAw=="),
            ("x-bin", "AA, AQ==,Ag"), ("x-bin", "A"), ("x-bin", "a+/z"), ("-bin", ""),
            ("note", "plain text"), ("grpc-timeout", "99999999H"), ("grpc-timeout", "250m"),
            ("grpc-timeout", "1n"), ("grpc-timeout", "5S"), ("grpc-timeout", "100u"),
            ("grpc-timeout", "7M"), ("content-type", "application/grpc"),
            ("content-type", "application/grpc+proto"), ("content-type", "application/grpc;a=b"),
            ("te", "trailers"), (":path", "/a/b"), ("grpc-status", "14"), ("user-agent", "x/1"),
        ]
        let encoded = fields.map { field($0.0) + field($0.1) }
        return encoded + [encoded.prefix(8).flatMap { $0 }]
    }

    private static func field(_ text: String) -> [UInt8] {
        [UInt8(text.utf8.count)] + text.utf8
    }

    static func run(_ input: UnsafeRawBufferPointer) throws {
        var input = FuzzInput(input)
        var metadata = Metadata()
        while !input.isEmpty {
            let name = input.field()
            let value = input.field()
            _ = ContentType.isGRPC(value)
            _ = value.decimal.map { Status(http: $0) }
            _ = value.decimal.map { StatusCode(wire: $0) }
            try tryTimeout(value)
            if MetadataHeaders.isReserved(name) { continue }
            let isDecoded = MetadataHeaders.append(name: name, value: value, to: &metadata)
            try require(isDecoded || name.suffix(4).elementsEqual("-bin".utf8), "plain and refused")
        }
        for entry in metadata.entries where entry.name.hasSuffix("-bin") {
            let text = Base64.encode(entry.value)
            let again = text.withUnsafeBytes { Base64.decode($0) }
            try require(again == entry.value, "\(text) does not come back")
        }
    }

    private static func tryTimeout(_ value: UnsafeRawBufferPointer) throws {
        guard let duration = GRPCTimeout.parse(value) else { return }
        try require(duration >= .zero, "a timeout below zero")
        let text = GRPCTimeout.format(duration)
        let again = Array(text.utf8).withUnsafeBytes { GRPCTimeout.parse($0) }
        guard let again else { throw FuzzFinding("\(text) cannot be read") }
        // Rounded down by at most a fortieth; what the form cannot express is cut.
        let longest = Duration.seconds(99_999_999)
        let least = min(duration, longest) - min(duration, longest) / 40
        try require(
            again >= least && again <= max(duration, .nanoseconds(1)),
            "\(duration) became \(again)"
        )
    }
}

#if FUZZING
@_cdecl("FuzzMetadata_main")
func start(_ count: CInt, _ arguments: FuzzArguments) -> CInt {
    MetadataTarget.start(count, arguments) { MetadataTarget.fuzz($0, $1) }
}
#endif
