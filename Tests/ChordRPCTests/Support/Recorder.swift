// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordRPC
import NIOConcurrencyHelpers

/// Remembers what a call's observer was told.
final class Recorder: ClientCallObserver {
    private let state = NIOLockedValueBox<(events: [String], result: ClientResult?)>(([], nil))

    var events: [String] { state.withLockedValue { $0.events } }
    var result: ClientResult? { state.withLockedValue { $0.result } }

    func callSent() { state.withLockedValue { $0.events.append("sent") } }

    func callAccepted(_ metadata: Metadata) {
        state.withLockedValue { $0.events.append("accepted") }
    }

    func callFinished(_ result: ClientResult) {
        state.withLockedValue {
            $0.events.append("finished")
            $0.result = result
        }
    }
}

/// Remembers what a responder's sink was told.
final class RecordingSink: ResponseSink {
    private let state = NIOLockedValueBox<(events: [String], call: DeferredCall?)>(([], nil))

    var events: [String] { state.withLockedValue { $0.events } }
    var call: DeferredCall? { state.withLockedValue { $0.call } }

    func callDeferred(stream: Int32, call: DeferredCall) {
        state.withLockedValue {
            $0.events.append("deferred \(stream)")
            $0.call = call
        }
    }

    func acceptCall(stream: Int32) {
        state.withLockedValue { $0.events.append("accepted \(stream)") }
    }

    func finishCall(stream: Int32, status: Status, message: [UInt8]?, trailers: Metadata) {
        let bytes = message.map { "\($0)" } ?? "nothing"
        state.withLockedValue { $0.events.append("finished \(stream) \(status) \(bytes)") }
    }
}

extension PeerIdentity {
    static func member(_ name: String, _ role: Role = .node) -> PeerIdentity {
        PeerIdentity(role: role, name: name, trustDomain: "chord.test", proof: .spiffe)
    }
}
