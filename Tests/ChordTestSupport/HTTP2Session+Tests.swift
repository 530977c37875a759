// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordHTTP2
package import NIOCore

extension HTTP2Session {
    package func forEachHeader(
        _ block: HTTP2HeaderBlock,
        _ body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws -> Void
    ) rethrows {
        for index in 0..<Int(block.count) {
            let field = field(index, of: block)
            try body(field.name, field.value)
        }
    }

    @discardableResult
    package func send(_ bytes: ByteBuffer, on stream: Int32, endStream: Bool = false) -> Bool {
        bytes.withUnsafeReadableBytes { send($0, on: stream, endStream: endStream) }
    }
}

extension HTTP2Headers {
    package mutating func append(name: String, value: String) {
        var value = value
        value.withUTF8 { append(name: name, value: UnsafeRawBufferPointer($0)) }
    }
}
