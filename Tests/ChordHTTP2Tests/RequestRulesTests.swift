// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Testing

@testable import ChordHTTP2

/// Section 8 of RFC 9113, as far as a request's header list can break it. The suite of frames checks the
/// same from outside, as resets.
@Suite(.tags(.unit)) struct RequestRulesTests {
    typealias Field = (name: String, value: String)

    static let call: [Field] = [
        (":method", "POST"), (":scheme", "https"), (":path", "/s/M"), (":authority", "h:1"),
        ("content-type", "application/grpc"), ("te", "trailers"),
    ]

    private static func admits(
        _ fields: [Field],
        isTrailers: Bool = false,
        endStream: Bool = false
    ) -> Bool {
        var rules = RequestRules(isTrailers: isTrailers)
        for field in fields {
            let (name, value) = (Array(field.name.utf8), Array(field.value.utf8))
            let isAdmitted = name.withUnsafeBytes { name in
                value.withUnsafeBytes { rules.admits(HTTP2FieldName(name), name, $0) }
            }
            if !isAdmitted { return false }
        }
        return rules.isComplete(endStream: endStream)
    }

    private static func call(without name: String, plus fields: [Field] = []) -> [Field] {
        // Pseudo-header fields go first.
        let all = call.filter { $0.name != name } + fields
        return all.filter { $0.name.hasPrefix(":") } + all.filter { !$0.name.hasPrefix(":") }
    }

    @Test func validCallIsAccepted() {
        #expect(Self.admits(Self.call))
        #expect(Self.admits(Self.call + [("x-key", "value \t~\u{e9}"), ("x-empty", "")]))
        #expect(Self.admits(Self.call + [("content-length", "17"), ("te", "Trailers")]))
        #expect(Self.admits(Self.call(without: ":authority", plus: [("host", "h:1")])))
        #expect(Self.admits(Self.call(without: ":scheme", plus: [(":scheme", "coap+tcp")])))
        #expect(Self.admits([(":method", "CONNECT"), (":authority", "h:1")]))
        #expect(
            Self.admits([
                (":method", "OPTIONS"), (":scheme", "http"), (":path", "*"), (":authority", "h"),
            ])
        )
    }

    @Test(arguments: [":method", ":scheme", ":path", ":authority"])
    func eachPseudoHeaderFieldIsRequiredOnceAndFirst(name: String) {
        let own = Self.call.first { $0.name == name }!
        #expect(!Self.admits(Self.call(without: name)))
        #expect(!Self.admits(Self.call(without: name, plus: [own, own])))
        #expect(!Self.admits(Self.call(without: name, plus: [(name, "")])))
        #expect(!Self.admits(Self.call(without: name) + [own]))
        #expect(!Self.admits(Self.call(without: name, plus: [(name, own.value + " x")])))
        #expect(!Self.admits(Self.call(without: name, plus: [(name, own.value + "\r\n")])))
        #expect(!Self.admits([own], isTrailers: true, endStream: true))
    }

    static let malformed: [Field] = [
        (":status", "200"), (":protocol", "x"), (":", "x"), ("", "x"), ("X-Upper", "x"),
        ("white space", "x"), ("colon:", "x"), ("umlaut\u{fc}", "x"), ("null", "a\0b"),
        ("newline", "a\nb"), ("return", "a\rb"), ("delete", "\u{7f}"), ("te", "gzip"), ("te", ""),
        ("connection", "close"), ("keep-alive", "1"), ("proxy-connection", "x"),
        ("transfer-encoding", "chunked"), ("upgrade", "h2c"), ("host", ""), ("host", "a b"),
        ("content-length", ""), ("content-length", "-1"), ("content-length", "1a"),
        ("content-length", "99999999999999999999"), ("content-type", "a\0"),
        ("user-agent", "\u{1}"), ("grpc-timeout", "1\nS"),
    ]

    @Test(arguments: malformed)
    func malformedFieldIsRefused(field: Field) {
        #expect(!Self.admits(Self.call + [field]))
    }

    @Test func singleValuedFieldMayNotRepeat() {
        for field: Field in [("content-length", "1"), ("host", "h")] {
            #expect(Self.admits(Self.call + [field]))
            #expect(!Self.admits(Self.call + [field, field]))
        }
    }

    @Test func pathMustFitItsScheme() {
        for path in ["s/M", "*", "?", "/a b", "/\u{7f}"] {
            #expect(!Self.admits(Self.call(without: ":path", plus: [(":path", path)])), "\(path)")
        }
        #expect(!Self.admits(Self.call(without: ":scheme", plus: [(":scheme", "1a")])))
        #expect(!Self.admits([(":method", "CONNECT"), (":authority", "h"), (":path", "/")]))
        #expect(!Self.admits([(":method", "CONNECT")]))
    }

    @Test func trailersMustEndTheStream() {
        let trailers: [Field] = [("x-sum", "1")]
        #expect(Self.admits(trailers, isTrailers: true, endStream: true))
        #expect(!Self.admits(trailers, isTrailers: true, endStream: false))
    }

    @Test func contentLengthIsParsed() {
        func length(_ fields: [Field]) -> Int64? {
            var rules = RequestRules(isTrailers: false)
            for field in fields {
                let (name, value) = (Array(field.name.utf8), Array(field.value.utf8))
                name.withUnsafeBytes { name in
                    value.withUnsafeBytes { _ = rules.admits(HTTP2FieldName(name), name, $0) }
                }
            }
            return rules.boundsBody ? rules.contentLength : nil
        }
        #expect(length(Self.call) == nil)
        #expect(length(Self.call + [("content-length", "170")]) == 170)
        let connect: [Field] = [
            (":method", "CONNECT"), (":authority", "h"), ("content-length", "5"),
        ]
        #expect(length(connect) == nil)
    }
}
