// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordRPC
import ChordTestSupport

@testable import ChordTransport

/// The methods of the test service.
enum TestMethod {
    /// A method that is open to everybody, but for `Denied`, which is for admins.
    static func named(_ name: String, maximumMessageBytes: Int = 4 << 20) -> RPCMethod {
        RPCMethod(
            test: name,
            of: "chord.test.Test",
            callers: name == "Denied" ? .admins : .everybody,
            maximumMessageBytes: maximumMessageBytes
        )
    }

    static let echo = named("Echo")
}

/// What an observer is told, in order.
enum CallEvent: Sendable {
    case sent
    case accepted(Metadata)
    case finished(ClientResult)
}

/// Turns a call's events into a stream, and checks where it is called back.
final class RecordingObserver: ClientCallObserver {
    let events: AsyncStream<CallEvent>
    private let continuation: AsyncStream<CallEvent>.Continuation
    private let executor: any NodeExecutor

    init(_ executor: any NodeExecutor) {
        self.executor = executor
        (events, continuation) = AsyncStream.makeStream()
    }

    func callSent() { yield(.sent) }

    func callAccepted(_ metadata: Metadata) { yield(.accepted(metadata)) }

    func callFinished(_ result: ClientResult) {
        yield(.finished(result))
        continuation.finish()
    }

    private func yield(_ event: CallEvent) {
        precondition(executor.isCurrent, "called back off the executor")
        continuation.yield(event)
    }
}

extension ClientTransport {
    /// Makes a call and waits for its end.
    func call(
        _ method: RPCMethod,
        _ message: [UInt8] = [],
        at address: String,
        expecting expected: ExpectedPeer = ExpectedPeer(name: "n1"),
        within time: Duration = .seconds(20),
        metadata: Metadata = [],
        wantsNewConnection: Bool = false,
        waitingForReady: Bool = false,
        on executor: any NodeExecutor = testExecutors.all[0]
    ) async -> ClientResult {
        await handedOver { handOver in
            executor.execute {
                var call = ClientCall(
                    target: PeerTarget(address: address, expected: expected),
                    method: method,
                    message: message,
                    deadline: executor.now + time,
                    metadata: metadata,
                    wantsNewConnection: wantsNewConnection
                )
                call.waitsForReady = waitingForReady
                self.unary(call, on: executor, completion: handOver)
            }
        }
    }

    /// Starts a call whose events are watched.
    func observe(
        _ method: RPCMethod,
        _ message: [UInt8] = [],
        at address: String,
        expecting expected: ExpectedPeer = ExpectedPeer(name: "n1"),
        within time: Duration = .seconds(20),
        on executor: any NodeExecutor = testExecutors.all[0]
    ) async -> (RecordingObserver, any ClientCallHandle) {
        let observer = RecordingObserver(executor)
        let handle = await handedOver { handOver in
            executor.execute {
                let handle = self.start(
                    ClientCall(
                        target: PeerTarget(address: address, expected: expected),
                        method: method,
                        message: message,
                        deadline: executor.now + time
                    ),
                    on: executor,
                    observer: observer
                )
                handOver(handle)
            }
        }
        return (observer, handle)
    }
}
