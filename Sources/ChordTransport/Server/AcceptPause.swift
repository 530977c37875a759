// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
import NIOCore

/// Pauses accepting connections while the system has no file descriptors for them.
///
/// The listening socket stays readable, so an event loop without a pause would do nothing else. New
/// connections wait in the kernel's queue.
final class AcceptPause: ChannelInboundHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel

    private let shared: ServerShared
    private let executor: EventLoopExecutor
    private var isPaused = false
    private var lastTold: MonotonicTime?

    init(shared: ServerShared, executor: EventLoopExecutor) {
        self.shared = shared
        self.executor = executor
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? IOError, SystemError.isShortage(error.errnoCode) else {
            return context.fireErrorCaught(error)
        }
        guard !isPaused else { return }
        isPaused = true
        shared.limits.count(.descriptors)
        tell(error)
        let channel = context.channel
        channel.setOption(.autoRead, value: false).assumeIsolated().whenComplete { _ in
            let pause = TimeAmount(clamping: self.shared.configuration.server.acceptPause)
            channel.eventLoop.assumeIsolated().scheduleTask(in: pause) {
                self.isPaused = false
                // Fails if the listener has been closed meanwhile, which does not matter.
                channel.setOption(.autoRead, value: true).whenFailure { _ in }
            }
        }
    }

    /// Logged once a minute while the shortage lasts.
    private func tell(_ error: IOError) {
        let now = executor.now
        if let lastTold, now - lastTold < .seconds(60) { return }
        lastTold = now
        shared.log.shortage(
            "cannot accept connections for now: \(SystemError.text(error.errnoCode))",
            limit: "RLIMIT_NOFILE \(ProcessLimits.descriptors)",
            help: "raise LimitNOFILE of the unit, or ulimit -n"
        )
    }
}
