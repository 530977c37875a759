// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordRPC

/// One call with a timer for the peer's silence. The timer runs until the request is sent and then
/// until the peer accepts it. The call is confined to the executor that started it.
///
/// `@unchecked Sendable`: every method runs on `executor`, which runs one thing at a time.
final class WatchedCall: ClientCallObserver, @unchecked Sendable {
    private let executor: any NodeExecutor
    private let peers: PeerCalls
    private let address: String
    private let floor: Duration
    private let connectLimit: Duration
    /// The timeout for a peer whose first sign is the answer itself, which says nothing about the
    /// round-trip time. Nil if the peer accepts calls early.
    private let patience: Duration?
    private let completion: @Sendable (ClientResult) -> Void
    private var handle: (any ClientCallHandle)?
    private var watch: ScheduledWork?
    private var sentAt: MonotonicTime?
    private var isAccepted = false
    private var isFinished = false

    init(
        peers: PeerCalls,
        executor: any NodeExecutor,
        address: String,
        floor: Duration,
        connectLimit: Duration,
        patience: Duration? = nil,
        completion: @escaping @Sendable (ClientResult) -> Void
    ) {
        self.patience = patience
        self.peers = peers
        self.executor = executor
        self.address = address
        self.floor = floor
        self.connectLimit = connectLimit
        self.completion = completion
    }

    func start(_ call: ClientCall) {
        arm(after: connectLimit, "no connection to \(address) could be made")
        handle = peers.transport.start(call, on: executor, observer: self)
    }

    func cancel() {
        handle?.cancel()
    }

    func callSent() {
        guard !isFinished, !isAccepted else { return }
        sentAt = executor.now
        let allowance = patience ?? peers.times.allowance(for: address, floor: floor)
        arm(after: allowance, "\(address) was silent for \(allowance)")
    }

    func callAccepted(_ metadata: Metadata) {
        accepted()
    }

    func callFinished(_ result: ClientResult) {
        if result.status.origin == .peer { accepted() }
        finish(result)
    }

    private func accepted() {
        guard !isAccepted, !isFinished else { return }
        isAccepted = true
        watch?.cancel()
        watch = nil
        if let sentAt, patience == nil { peers.times.record(executor.now - sentAt, of: address) }
    }

    private func arm(after limit: Duration, _ reason: String) {
        watch?.cancel()
        watch = executor.schedule(after: limit) { [weak self] in
            guard let self, !self.isFinished, !self.isAccepted else { return }
            let handle = self.handle
            self.finish(
                ClientResult(status: Status(.unavailable, reason, origin: .silence))
            )
            handle?.cancel()
        }
    }

    private func finish(_ result: ClientResult) {
        guard !isFinished else { return }
        isFinished = true
        watch?.cancel()
        watch = nil
        handle = nil
        var result = result
        result.mayHaveReachedPeer = sentAt != nil || isAccepted || result.connection != nil
        completion(result)
    }
}
