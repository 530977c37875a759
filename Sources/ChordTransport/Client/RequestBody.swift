// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordRPC

/// A request's message with its prefix in front, without a copy that is kept.
enum RequestBody {
    static func withFrame<R>(
        of message: [UInt8],
        encoding: MessageEncoding?,
        _ body: (UnsafeRawBufferPointer) throws(HTTP2Error) -> R
    ) throws(HTTP2Error) -> R {
        let framed = MessageFraming.frame(message, encoding: encoding)
        var result: Result<R, HTTP2Error>?
        framed.withUnsafeBytes { bytes in
            do throws(HTTP2Error) {
                result = .success(try body(bytes))
            } catch {
                result = .failure(error)
            }
        }
        guard let result else { preconditionFailure("the body did not run") }
        return try result.get()
    }
}
