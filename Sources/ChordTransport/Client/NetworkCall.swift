// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordIdentity
import ChordRPC

/// One call over the network, from `start` to its end.
///
/// Confined to its client's event loop, which makes `@unchecked Sendable` true and debug builds assert;
/// only `cancel` may be called elsewhere, and hops.
final class NetworkCall: ClientCallHandle, @unchecked Sendable {
    enum Phase {
        /// Waits for a connection, or for a stream of one.
        case waiting
        case open
        case finished
    }

    let request: ClientCall
    /// On the event loop's clock, which may differ from the caller's.
    let deadline: MonotonicTime
    /// The messages in both directions of a streaming call.
    let flow: ClientStreamFlow?
    private let client: EventLoopClient
    private let observer: any ClientCallObserver
    /// The observer's executor; nil if it is the event loop.
    private let caller: (any NodeExecutor)?

    private(set) var phase = Phase.waiting
    /// Keeps the call alive until it is finished.
    var peer: ClientPeer?
    var connection: ClientConnection?
    var stream: Int32 = 0
    /// The peer refused it unprocessed once, and it was started again.
    var isRetried = false
    /// The peer reset its stream; a stream that closes otherwise was reset by this side.
    var isResetByPeer = false
    private(set) var sentAt: MonotonicTime?
    /// The HTTP status, once the answer's headers have arrived.
    var httpStatus: Int?
    /// How the answer may be compressed.
    var encoding: MessageEncoding?
    var message: [UInt8]?
    var assembler = MessageAssembler()
    /// Bytes of it that its connection counts as held.
    var heldBytes = 0

    init(
        _ request: ClientCall,
        deadline: MonotonicTime,
        client: EventLoopClient,
        observer: any ClientCallObserver,
        caller: (any NodeExecutor)?,
        flow: ClientStreamFlow? = nil
    ) {
        self.request = request
        self.deadline = deadline
        self.client = client
        self.observer = observer
        self.caller = caller
        self.flow = flow
    }

    func cancel() {
        client.executor.runOrExecute { [self] in
            abandon(Status(.cancelled, "the caller cancelled", origin: .local), isLater: true)
        }
    }

    /// Ends the call from this side and tells the peer, if the call was sent.
    func abandon(_ status: Status, isLater: Bool = false) {
        assert(client.executor.isCurrent)
        guard phase != .finished else { return }
        let (peer, connection) = (peer, connection)
        // Finish first: what the peer and the connection then start must not find the call open.
        finish(ClientResult(status: status, peer: connection?.peerIdentity), isLater: isLater)
        if let connection {
            connection.abandoned(self, isOverdue: status.code == .deadlineExceeded)
        } else {
            peer?.abandoned(self)
        }
    }

    // MARK: The call's way

    func opened(_ stream: Int32, on connection: ClientConnection) {
        assert(client.executor.isCurrent)
        phase = .open
        isResetByPeer = false
        self.stream = stream
        self.connection = connection
    }

    /// The peer has not processed the stream: the call waits again.
    func returned() {
        assert(client.executor.isCurrent)
        guard phase != .finished else { return }
        phase = .waiting
        connection = nil
        stream = 0
        httpStatus = nil
        encoding = nil
        message = nil
        assembler = MessageAssembler()
    }

    func sent(at now: MonotonicTime) {
        assert(client.executor.isCurrent)
        guard phase != .finished, sentAt == nil else { return }
        sentAt = now
        guard let caller else { return observer.callSent() }
        caller.execute { [observer] in observer.callSent() }
    }

    func accepted(_ metadata: Metadata) {
        assert(client.executor.isCurrent)
        guard phase != .finished else { return }
        guard let caller else { return observer.callAccepted(metadata) }
        caller.execute { [observer] in observer.callAccepted(metadata) }
    }

    /// Tells the caller the result.
    ///
    /// - Parameter isLater: not now, because the caller is in the middle of a call to us.
    func finish(_ result: ClientResult, isLater: Bool = false) {
        assert(client.executor.isCurrent)
        guard phase != .finished else { return }
        var result = result
        result.connection = connection?.number
        phase = .finished
        peer = nil
        connection = nil
        if let caller {
            caller.execute { [observer, result] in observer.callFinished(result) }
        } else if isLater {
            client.executor.execute { [observer, result] in observer.callFinished(result) }
        } else {
            observer.callFinished(result)
        }
    }

    func fail(_ status: Status, peer: PeerIdentity? = nil, isLater: Bool = false) {
        finish(ClientResult(status: status, peer: peer), isLater: isLater)
    }
}
