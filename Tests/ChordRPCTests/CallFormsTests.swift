// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Testing

@testable import ChordRPC

/// Statuses, timeouts, prefixes and escapes: gRPC's forms.
@Suite("Formats of gRPC", .tags(.unit))
struct CallFormsTests {
    // MARK: Status

    @Test func statusCodesHaveTheNamesAndNumbersOfGRPC() {
        let names = [
            "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
            "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
            "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
            "UNAUTHENTICATED",
        ]
        for (number, name) in names.enumerated() {
            #expect(StatusCode(wire: number).description == name)
            #expect(Int(StatusCode(wire: number).rawValue) == number)
        }
    }

    @Test(arguments: [-1, 17, 255, Int.max, Int.min])
    func unknownNumberMeansUnknown(_ number: Int) {
        #expect(StatusCode(wire: number) == .unknown)
    }

    @Test(arguments: [
        (400, StatusCode.internalError), (431, .internalError), (401, .unauthenticated),
        (403, .permissionDenied), (404, .unimplemented), (429, .unavailable), (502, .unavailable),
        (503, .unavailable), (504, .unavailable), (200, .unknown), (0, .unknown), (500, .unknown),
    ])
    func httpStatusIsMappedToAStatusCode(_ http: Int, _ code: StatusCode) {
        #expect(Status(http: http).code == code)
    }

    @Test(
        arguments: [
            (0x7, StatusCode.unavailable), (0x8, .cancelled), (0xb, .resourceExhausted),
            (0xc, .permissionDenied), (0x0, .internalError), (0x1, .internalError),
            (0xd, .internalError),
            (UInt32.max, .internalError),
        ] as [(UInt32, StatusCode)]
    )
    func resetCodeIsMappedToAStatusCode(_ error: UInt32, _ code: StatusCode) {
        #expect(Status(streamReset: error).code == code)
    }

    @Test func statusDescriptionHasCodeAndMessage() {
        #expect(Status(.notFound, "no key").description == "NOT_FOUND: no key")
        #expect(Status(.aborted).description == "ABORTED")
        #expect(Status.ok.isOK && !Status(.unknown).isOK)
    }

    // MARK: Timeouts

    @Test(arguments: [
        ("1H", Duration.seconds(3600)), ("2M", .seconds(120)), ("3S", .seconds(3)),
        ("4m", .milliseconds(4)), ("5u", .microseconds(5)), ("6n", .nanoseconds(6)),
        ("99999999S", .seconds(99_999_999)), ("0n", .zero), ("00000001m", .milliseconds(1)),
    ])
    func timeoutIsParsed(_ text: String, _ duration: Duration) {
        #expect(Array(text.utf8).withUnsafeBytes { GRPCTimeout.parse($0) } == duration)
    }

    @Test(arguments: [
        "", "1", "S", "1s", "1 S", "-1S", "+1S", "123456789S", "1.5S", "1S ", "\u{661}S",
    ])
    func malformedTimeoutIsRefused(_ text: String) {
        #expect(Array(text.utf8).withUnsafeBytes { GRPCTimeout.parse($0) } == nil)
    }

    @Test(arguments: [
        (Duration.nanoseconds(1), "1n"), (.nanoseconds(399), "399n"), (.nanoseconds(4001), "4u"),
        (.nanoseconds(99_999_999), "99m"), (.nanoseconds(100_000_001), "100m"),
        (.nanoseconds(4_999_900_000), "4900m"), (.nanoseconds(4_900_000_001), "4900m"),
        (.seconds(5), "5S"), (.nanoseconds(1_999_900_000), "1990m"), (.seconds(100), "100S"),
        (.seconds(99_999_999), "99000000S"), (.seconds(200_000_000), "99999999S"),
        (.zero, "1n"), (.seconds(-7), "1n"), (.seconds(Int64.max), "99999999S"),
    ])
    func timeoutIsRoundedAndFormatted(_ duration: Duration, _ text: String) {
        #expect(GRPCTimeout.format(duration) == text)
    }

    @Test func formattedTimeoutIsNeverLongerThanTheOriginalAndAtMostAFortiethShorter() throws {
        var nanoseconds: Int64 = 1
        while nanoseconds < 99_000_000_000_000_000 {
            let duration = Duration.nanoseconds(nanoseconds)
            let text = GRPCTimeout.format(duration)
            let read = try #require(Array(text.utf8).withUnsafeBytes { GRPCTimeout.parse($0) })
            #expect(read <= duration)
            #expect(duration - read <= duration / 40)
            nanoseconds = nanoseconds * 3 + 1
        }
    }

    // MARK: Escapes

    @Test(arguments: [
        ("plain text", "plain text"), ("", ""), ("100 %", "100 %25"), ("a\nb", "a%0Ab"),
        ("\u{E9}\u{1F40C}", "%C3%A9%F0%9F%90%8C"), ("~ !", "~ !"), ("\u{7F}", "%7F"),
    ])
    func statusMessageSurvivesPercentEncoding(_ text: String, _ escaped: String) {
        #expect(PercentEncoding.encode(text) == escaped)
        #expect(Array(escaped.utf8).withUnsafeBytes { PercentEncoding.decode($0) } == text)
    }

    @Test(arguments: [
        ("%", "%"), ("%4", "%4"), ("%zz", "%zz"), ("%41%", "A%"), ("%c3%A9", "\u{E9}"),
        ("%FF", "\u{FFFD}"), ("%%41", "%A"),
    ])
    func malformedPercentEscapeIsKept(_ escaped: String, _ text: String) {
        #expect(Array(escaped.utf8).withUnsafeBytes { PercentEncoding.decode($0) } == text)
    }

    // MARK: Prefixes

    @Test(arguments: [0, 1, 255, 256, 65_536, 16_777_216])
    func messagePrefixSurvivesEncodingAndDecoding(_ count: Int) throws {
        var bytes: [UInt8] = [9, 0, 0, 0, 0, 0, 9]
        MessageFraming.writePrefix(count: count, into: &bytes, at: 1)
        #expect(bytes.first == 9 && bytes.last == 9)
        let prefix = try read(Array(bytes[1..<6]), limit: count)
        #expect(prefix == MessageFraming.Prefix(isCompressed: false, count: count))
    }

    @Test func frameIsPrefixAndMessage() {
        #expect(MessageFraming.frame([]) == [0, 0, 0, 0, 0])
        #expect(MessageFraming.frame([7, 8]) == [0, 0, 0, 0, 2, 7, 8])
    }

    @Test(arguments: [0, 1, 4])
    func incompletePrefixIsNotDecoded(_ count: Int) throws {
        #expect(try read([UInt8](repeating: 255, count: count), limit: 10) == nil)
    }

    @Test(
        arguments: [
            ([0, 0, 0, 0, 11], StatusCode.resourceExhausted),
            ([0, 255, 255, 255, 255], .resourceExhausted), ([1, 0, 0, 0, 1], .internalError),
            ([2, 0, 0, 0, 1], .internalError), ([255, 255, 255, 255, 255], .internalError),
        ] as [([UInt8], StatusCode)]
    )
    func invalidPrefixIsRefused(_ bytes: [UInt8], _ code: StatusCode) {
        let error = #expect(throws: Status.self) { try read(bytes, limit: 10) }
        #expect(error?.code == code)
    }

    private func read(_ bytes: [UInt8], limit: Int) throws -> MessageFraming.Prefix? {
        try bytes.withUnsafeBytes { try MessageFraming.readPrefix($0, limit: limit) }
    }

    // MARK: Metadata and time

    @Test func metadataKeepsOrderAndReturnsTheFirstValue() {
        var metadata = Metadata()
        #expect(metadata.isEmpty)
        metadata.append("a", "1")
        metadata.append("b", "2")
        metadata.append("a", "3")
        #expect(metadata.entries.map(\.name) == ["a", "b", "a"])
        #expect(metadata["a"] == Array("1".utf8))
        #expect(metadata["c"] == nil)
    }

    @Test(arguments: [
        ("x-key", true), ("a.b_c-9", true), ("key-bin", true), ("", false), ("grpc-status", false),
        ("X-Key", false), (":path", false), ("a b", false), ("\u{E9}", false),
    ])
    func metadataNameFollowsTheRules(_ name: String, _ isAllowed: Bool) {
        #expect(Metadata.isAllowed(name: name) == isAllowed)
    }

    @Test func methodPathHasServiceAndName() {
        let method = RPCMethod(calling: "Notify", of: "chord.v1.ChordService")
        #expect(method.path == "/chord.v1.ChordService/Notify")
        #expect("\(method)" == method.path)
    }

    @Test func timeArithmeticSaturates() {
        let late = MonotonicTime(nanoseconds: .max - 5)
        #expect(late + .seconds(1) == MonotonicTime(nanoseconds: .max))
        #expect(MonotonicTime(nanoseconds: .min) + .seconds(-1) == MonotonicTime(nanoseconds: .min))
        #expect(MonotonicTime(nanoseconds: 7) + .nanoseconds(3) == MonotonicTime(nanoseconds: 10))
        #expect(MonotonicTime(nanoseconds: 10) - MonotonicTime(nanoseconds: 3) == .nanoseconds(7))
        #expect(MonotonicTime(nanoseconds: 3) < late)
        #expect(Duration.seconds(Int64.max).clampedNanoseconds == .max)
        #expect(Duration.seconds(Int64.min).clampedNanoseconds == .min)
        #expect(Duration.milliseconds(-3).clampedNanoseconds == -3_000_000)
    }
}
