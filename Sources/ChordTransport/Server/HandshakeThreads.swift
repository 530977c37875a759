// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTLS
import NIOPosix

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The threads of a server's handshakes, one for each event loop.
///
/// Where threads share a core, the scheduler gives a handshake's thread a third of the time that an event loop gets: a
/// burst of handshakes leaves calls three quarters of a core, and takes all of what calls do not use.
struct HandshakeThreads: Sendable {
    private let pool: NIOThreadPool

    /// - Parameter count: the number of threads; none is made before ``start()``.
    init(count: Int) {
        pool = NIOThreadPool(numberOfThreads: count)
    }

    func start() { pool.start() }

    /// Ends the threads. Steps that wait are not taken any more.
    func stop() async { try? await pool.shutdownGracefully() }

    var worker: HandshakeWorker {
        HandshakeWorker { [pool] work in
            pool.submit { state in
                guard state == .active else { return }
                Self.lowerPriority()
                work()
            }
        }
    }

    /// The nice value of the threads, above that of the process's other threads: a weight of 335 beside 1024.
    private static let niceness: Int32 = 5

    #if canImport(Glibc)
    private static let byProcess = __priority_which_t(PRIO_PROCESS.rawValue)
    #elseif canImport(Musl)
    private static let byProcess = PRIO_PROCESS
    #endif

    #if os(Linux)
    private static let processNiceness = getpriority(byProcess, id_t(getpid()))

    /// Linux has a nice value for each thread. A system call takes less than a thousandth of a step.
    private static func lowerPriority() {
        _ = setpriority(byProcess, 0, processNiceness + niceness)
    }
    #else
    private static func lowerPriority() {}
    #endif
}
