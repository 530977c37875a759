// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CNGHTTP2

/// What this module throws: a connection that cannot go on, or a request that cannot be made.
package struct HTTP2Error: Error, Sendable, CustomStringConvertible {
    /// What went wrong, in a form a program can compare.
    package struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Name: String {
            case protocolViolation, badPreface, flooded, tooManyContinuations, goingAway
            case streamsExhausted, headersTooLarge, invalidArgument, outOfMemory, closed
            case libraryFailure
        }
        private var name: Name

        /// The peer broke a rule of the protocol; the connection is lost.
        package static let protocolViolation = Code(name: .protocolViolation)
        /// The peer does not speak HTTP/2: its first bytes are not the client preface.
        package static let badPreface = Code(name: .badPreface)
        /// The peer made us queue more acknowledgements, or reset more streams, than a limit allows.
        package static let flooded = Code(name: .flooded)
        /// The peer spread a header block over more CONTINUATION frames than the limit allows.
        package static let tooManyContinuations = Code(name: .tooManyContinuations)
        /// A GOAWAY has been received or sent: no new stream starts here, one may elsewhere.
        package static let goingAway = Code(name: .goingAway)
        /// All stream identifiers of the connection are used up: dial a new one.
        package static let streamsExhausted = Code(name: .streamsExhausted)
        /// The header list given is larger than nghttp2 sends.
        package static let headersTooLarge = Code(name: .headersTooLarge)
        /// The call makes no sense for this session: a request on a server, for one.
        package static let invalidArgument = Code(name: .invalidArgument)
        /// Memory ran out inside nghttp2.
        package static let outOfMemory = Code(name: .outOfMemory)
        /// The session failed before; nothing more can be done with it.
        package static let closed = Code(name: .closed)
        /// nghttp2 refused in a way it should not.
        package static let libraryFailure = Code(name: .libraryFailure)

        package var description: String { name.rawValue }
    }

    package var code: Code
    package var message: String
    package var cause: (any Error)?
    /// What the peer is told: the code of the GOAWAY that goes with the error.
    package var wireCode: HTTP2ErrorCode
    /// Whether it was found while the peer's bytes were read, as opposed to in what nghttp2 makes of them
    /// later or on the way out.
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

    package var description: String {
        "\(code): \(message)" + (cause.map { " (cause: \($0))" } ?? "")
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
