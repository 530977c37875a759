// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CNGHTTP2
// Users of this module also see the members of its errors.
@_exported public import ChordBase

/// Why a connection failed, or why a request could not be sent.
package struct HTTP2Error: CodedError {
    /// The kind of the error.
    package struct Code: ErrorCode {
        private enum Kind: String {
            case protocolViolation, badPreface, flooded, tooManyContinuations, goingAway
            case streamsExhausted, headersTooLarge, invalidArgument, outOfMemory, closed
            case libraryFailure
        }

        private let kind: Kind

        /// The peer broke a rule of the protocol; the connection is lost.
        package static let protocolViolation = Self(kind: .protocolViolation)
        /// The peer does not speak HTTP/2: its first bytes are not the client preface.
        package static let badPreface = Self(kind: .badPreface)
        /// The peer made us queue more acknowledgements, or reset more streams, than a limit allows.
        package static let flooded = Self(kind: .flooded)
        /// The peer split a header block into more CONTINUATION frames than the limit allows.
        package static let tooManyContinuations = Self(kind: .tooManyContinuations)
        /// A GOAWAY was received or sent: no new stream starts on this connection.
        package static let goingAway = Self(kind: .goingAway)
        /// All stream identifiers of the connection are used: dial a new connection.
        package static let streamsExhausted = Self(kind: .streamsExhausted)
        /// The header list is larger than nghttp2 sends.
        package static let headersTooLarge = Self(kind: .headersTooLarge)
        /// The call is not valid for this session, such as a request on a server.
        package static let invalidArgument = Self(kind: .invalidArgument)
        /// nghttp2 could not allocate memory.
        package static let outOfMemory = Self(kind: .outOfMemory)
        /// The session failed before and cannot be used any more.
        package static let closed = Self(kind: .closed)
        /// nghttp2 failed for another reason.
        package static let libraryFailure = Self(kind: .libraryFailure)

        /// The name of the code.
        package var description: String { kind.rawValue }
    }

    package let code: Code
    package let message: String
    package let cause: (any Error)?
    /// The code of the GOAWAY frame that the peer is sent.
    package let wireCode: HTTP2ErrorCode
    /// Whether the error was found while the peer's bytes were read, not in what nghttp2 did with them
    /// later, nor while sending.
    package var isFromReading = false

    package init(
        code: Code,
        message: String,
        cause: (any Error)? = nil,
        wireCode: HTTP2ErrorCode = .internalError
    ) {
        self.code = code
        self.message = message
        self.cause = cause
        self.wireCode = wireCode
    }
}

extension HTTP2Error {
    /// An error code of nghttp2, in our words.
    init(library result: Int, doing action: StaticString) {
        let reason = String(cString: nghttp2_strerror(CInt(truncatingIfNeeded: result)))
        let (code, wireCode) = Self.meaning(of: result)
        self.init(code: code, message: "\(action): \(reason)", wireCode: wireCode)
    }

    private static func meaning(of result: Int) -> (Code, HTTP2ErrorCode) {
        switch result {
        case Int(NGHTTP2_ERR_BAD_CLIENT_MAGIC.rawValue): (.badPreface, .protocolError)
        case Int(NGHTTP2_ERR_FLOODED.rawValue): (.flooded, .enhanceYourCalm)
        case Int(NGHTTP2_ERR_TOO_MANY_CONTINUATIONS.rawValue):
            (.tooManyContinuations, .enhanceYourCalm)
        case Int(NGHTTP2_ERR_NOMEM.rawValue): (.outOfMemory, .internalError)
        case Int(NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE.rawValue): (.streamsExhausted, .noError)
        case Int(NGHTTP2_ERR_START_STREAM_NOT_ALLOWED.rawValue): (.goingAway, .noError)
        case Int(NGHTTP2_ERR_SESSION_CLOSING.rawValue): (.closed, .noError)
        case Int(NGHTTP2_ERR_FRAME_SIZE_ERROR.rawValue): (.headersTooLarge, .noError)
        case Int(NGHTTP2_ERR_INVALID_ARGUMENT.rawValue), Int(NGHTTP2_ERR_PROTO.rawValue):
            (.invalidArgument, .internalError)
        default: (.libraryFailure, .internalError)
        }
    }
}
