// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Hand-made frames that no correct session sends.
enum Frames {
    static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
    static let settings = frame(type: 4)

    static func frame(
        type: UInt8,
        flags: UInt8 = 0,
        stream: UInt32 = 0,
        payload: [UInt8] = []
    ) -> [UInt8] {
        let length = UInt32(payload.count)
        let head = [
            UInt8(length >> 16), UInt8(length >> 8 & 255), UInt8(length & 255), type, flags,
        ]
        return head + number(stream) + payload
    }

    static func number(_ value: UInt32) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian) { Array($0) }
    }

    /// Header fields as literals without indexing (RFC 7541, section 6.2.2).
    static func fields(_ list: [(String, String)]) -> [UInt8] {
        list.flatMap { [0] + string($0.0) + string($0.1) }
    }

    private static func string(_ text: String) -> [UInt8] {
        var rest = text.utf8.count
        var encoded: [UInt8] = []
        if rest < 127 {
            encoded.append(UInt8(rest))
        } else {
            encoded.append(127)
            rest -= 127
            while rest >= 128 {
                encoded.append(UInt8(rest & 127) | 128)
                rest >>= 7
            }
            encoded.append(UInt8(rest))
        }
        return encoded + text.utf8
    }

    static let requestFields = fields([
        (":method", "POST"), (":scheme", "https"), (":path", "/a"), (":authority", "b"),
    ])

    static func request(
        stream: UInt32,
        endStream: Bool = true,
        endHeaders: Bool = true,
        more: [UInt8] = []
    ) -> [UInt8] {
        frame(
            type: 1,
            flags: (endStream ? 1 : 0) | (endHeaders ? 4 : 0),
            stream: stream,
            payload: requestFields + more
        )
    }

    static func reset(stream: UInt32, code: UInt32 = 8) -> [UInt8] {
        frame(type: 3, stream: stream, payload: number(code))
    }

    static func window(stream: UInt32, _ increment: UInt32) -> [UInt8] {
        frame(type: 8, stream: stream, payload: number(increment))
    }

    /// SETTINGS that change the window that streams begin with.
    static func initialWindow(_ size: UInt32) -> [UInt8] {
        frame(type: 4, payload: [0, 4] + number(size))
    }

    static func continuation(stream: UInt32, endHeaders: Bool = false) -> [UInt8] {
        frame(type: 9, flags: endHeaders ? 4 : 0, stream: stream, payload: fields([("a", "b")]))
    }

    static func ping(_ flags: UInt8 = 0) -> [UInt8] {
        frame(type: 6, flags: flags, payload: [UInt8](repeating: 7, count: 8))
    }
}
