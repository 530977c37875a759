// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// The system's limits for this process.
package enum ProcessLimits {
    /// Files that the process may have open (the soft limit of RLIMIT_NOFILE).
    package static var descriptors: Int {
        var limit = rlimit()
        #if canImport(Glibc)
        let result = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        #else
        let result = getrlimit(RLIMIT_NOFILE, &limit)
        #endif
        return result == 0 ? Int(clamping: limit.rlim_cur) : 1024
    }

    /// Connections that a server takes where the process may have so many files open.
    ///
    /// A quarter, and 16 more, are left to calls of our own, to files and to the event loops: a server whose
    /// callers have taken every one could neither dial its neighbours nor read its certificates.
    package static func connections(withDescriptors descriptors: Int) -> Int {
        max(4, descriptors - descriptors / 4 - 16)
    }

    /// Whether the system lets this process have so many threads more, now.
    ///
    /// Event loops end the process where they get none. So as many are made as will be needed, and ended.
    ///
    /// - Throws: `outOfResources`, with the system's reason.
    package static func checkThreads(_ count: Int) throws(TransportError) {
        let gate = ThreadGate()
        defer { gate.openAndJoin() }
        for made in 0..<count {
            let code = gate.addThread()
            guard code == 0 else {
                throw TransportError(
                    .outOfResources,
                    "the system gives this process \(made) more threads, and \(count) are needed:"
                        + " \(SystemError.text(code)); see ulimit -u, ulimit -v, and TasksMax of its unit"
                )
            }
        }
    }
}

/// Threads that wait until they may end.
private final class ThreadGate {
    private var handles: [pthread_t] = []
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)

    init() {
        pthread_mutex_init(mutex, nil)
        pthread_mutex_lock(mutex)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    /// - Returns: The system's error number, or zero.
    func addThread() -> CInt {
        #if canImport(Glibc)
        var handle = pthread_t()
        #else
        var handle: pthread_t?
        #endif
        let code = pthread_create(
            &handle,
            nil,
            { argument in
                #if canImport(Glibc)
                guard let argument else { return nil }
                #endif
                let mutex = argument.assumingMemoryBound(to: pthread_mutex_t.self)
                pthread_mutex_lock(mutex)
                pthread_mutex_unlock(mutex)
                return nil
            },
            mutex
        )
        guard code == 0 else { return code }
        #if canImport(Glibc)
        handles.append(handle)
        #else
        if let handle { handles.append(handle) }
        #endif
        return 0
    }

    func openAndJoin() {
        pthread_mutex_unlock(mutex)
        for handle in handles { pthread_join(handle, nil) }
    }
}
