// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Foundation

/// A call with streams of messages that grpcio is to make.
struct PythonStreamCall: Encodable, Sendable {
    /// Which side sends more than one message.
    enum Kind: String, Encodable, Sendable {
        case server
        case client
        case both
    }

    /// When grpcio cancels the call.
    enum Cancellation: String, Encodable, Sendable {
        case begin
        case first
    }

    var method: String
    var kind: Kind
    /// In base64; one of the filler's is a star and its length, since an argument has its limits.
    var requests: [String]
    /// Each request but the first waits for the answer to the one before it.
    var alternates = false
    var cancels: Cancellation?
    var compresses = false
    var metadata: [[String]] = []
    var timeout: Double?

    init(_ method: String, _ kind: Kind, _ requests: [[UInt8]]) {
        self.method = method
        self.kind = kind
        self.requests = requests.map { request in
            request.count > 1000 && request == filler(request.count)
                ? "*\(request.count)" : Data(request).base64EncodedString()
        }
    }

    func with(_ change: (inout PythonStreamCall) -> Void) -> PythonStreamCall {
        var changed = self
        change(&changed)
        return changed
    }
}

/// The outcome of such a call.
struct PythonStreamOutcome: Decodable, Sendable {
    var code: String
    var message: String
    var responses: [Data]
    var headers: [[String]]
    var trailers: [[String]]
}

extension Python {
    /// Makes streaming calls by grpcio, one after the other.
    func stream(
        _ address: String,
        as caller: TestAuthority.Issued,
        _ calls: [PythonStreamCall]
    ) async throws -> [PythonStreamOutcome] {
        try await outcomes(of: calls, by: "streams.py", at: address, as: caller)
    }
}
