// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordRPC

/// One call with a timer for the peer's silence. The timer runs until the request is sent and then
/// until the peer accepts it. The call is confined to the executor that started it.
///
/// The timer is set once, for the earliest time at which either may be over, because most calls are answered before:
/// setting another when the request is sent costs each call more than looking at the time costs the few.
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
    /// Called once if the peer is silent for longer than usual.
    private var hedge: (@Sendable () -> Void)?
    /// When that is.
    private var hedgeDue: MonotonicTime?
    private var handle: (any ClientCallHandle)?
    private var watch: ScheduledWork?
    private var sentAt: MonotonicTime?
    /// How long the peer may be silent once the request is sent.
    private var allowance: Duration = .zero
    /// When the peer has been silent for too long.
    private var due: MonotonicTime?
    /// When the timer ends.
    private var look: MonotonicTime?
    private var isAccepted = false
    private var isFinished = false

    init(
        peers: PeerCalls,
        executor: any NodeExecutor,
        address: String,
        floor: Duration,
        connectLimit: Duration,
        patience: Duration? = nil,
        hedge: (@Sendable () -> Void)? = nil,
        completion: @escaping @Sendable (ClientResult) -> Void
    ) {
        self.patience = patience
        self.hedge = hedge
        self.peers = peers
        self.executor = executor
        self.address = address
        self.floor = floor
        self.connectLimit = connectLimit
        self.completion = completion
    }

    func start(_ call: ClientCall) {
        let now = executor.now
        let usual = peers.times.patience(for: address, floor: floor)
        allowance = patience ?? usual.allowance
        due = now + connectLimit
        var limit = min(connectLimit, allowance)
        if hedge != nil, usual.hedge < limit {
            hedgeDue = now + usual.hedge
            limit = usual.hedge
        }
        arm(after: limit)
        handle = peers.transport.start(call, on: executor, observer: self)
    }

    func cancel() {
        handle?.cancel()
    }

    func callSent() {
        guard !isFinished, !isAccepted else { return }
        let now = executor.now
        sentAt = now
        due = now + allowance
        // After a long time of connecting the timer may be set for a later time.
        if let look, look > now + allowance {
            watch?.cancel()
            arm(after: allowance)
        }
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
        hedge = nil
        watch?.cancel()
        watch = nil
        if let sentAt, patience == nil { peers.times.record(executor.now - sentAt, of: address) }
    }

    private func arm(after limit: Duration) {
        look = executor.now + limit
        watch = executor.schedule(after: limit) { [weak self] in self?.checkSilence() }
    }

    /// Ends the call if the peer has been silent for too long.
    private func checkSilence() {
        guard !isFinished, !isAccepted, let due else { return }
        let now = executor.now
        guard now >= due else {
            arm(after: due - now)
            if let hedgeDue, now >= hedgeDue { hedge.take()?() }
            return
        }
        let reason =
            sentAt == nil
            ? "no connection to \(address) could be made" : "\(address) was silent for \(allowance)"
        let handle = handle
        finish(ClientResult(status: Status(.unavailable, reason, origin: .silence)))
        handle?.cancel()
    }

    private func finish(_ result: ClientResult) {
        guard !isFinished else { return }
        isFinished = true
        hedge = nil
        watch?.cancel()
        watch = nil
        handle = nil
        var result = result
        result.mayHaveReachedPeer = sentAt != nil || isAccepted || result.connection != nil
        completion(result)
    }
}
