// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

#if SQLite
internal import CZlib
internal import ChordBase
internal import NIOConcurrencyHelpers

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Requests that wait for a thread, in order.
///
/// `@unchecked Sendable`: the condition lock guards all state.
final class RequestQueue<Request: Sendable>: @unchecked Sendable {
    /// Its value says whether requests wait.
    private let condition = ConditionLock(value: false)
    private var requests: [Request] = []
    private var isClosed = false

    /// Requests that wait.
    var count: Int {
        condition.lock()
        defer { condition.unlock() }
        return requests.count
    }

    /// Adds a request.
    ///
    /// - Returns: false if the queue is closed.
    func add(_ request: Request) -> Bool {
        condition.lock()
        guard !isClosed else {
            condition.unlock()
            return false
        }
        requests.append(request)
        condition.unlock(withValue: true)
        return true
    }

    /// Takes all requests. Waits until there is one.
    func take() -> [Request] {
        condition.lock(whenValue: true)
        let taken = requests
        requests = []
        condition.unlock(withValue: false)
        return taken
    }

    /// Refuses requests from now on.
    ///
    /// - Returns: those that wait.
    func close() -> [Request] {
        condition.lock()
        isClosed = true
        let rest = requests
        requests = []
        condition.unlock(withValue: false)
        return rest
    }
}

/// Runs work on a new thread of its own.
///
/// - Throws: `ioFailed` if the system has no thread left.
func startThread(_ work: @escaping @Sendable () -> Void) throws(StoreError) {
    final class Box: Sendable {
        let work: @Sendable () -> Void

        init(_ work: @escaping @Sendable () -> Void) {
            self.work = work
        }
    }
    #if canImport(Darwin)
    var handle: pthread_t?
    #else
    var handle = pthread_t()
    #endif
    let box = Unmanaged.passRetained(Box(work))
    let code = pthread_create(
        &handle,
        nil,
        { argument in
            #if !canImport(Darwin)
            guard let argument else { return nil }
            #endif
            Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().work()
            return nil
        },
        box.toOpaque()
    )
    guard code == 0 else {
        box.release()
        throw StoreError(
            .ioFailed,
            "the system has no thread left: \(String(cString: strerror(code)))"
        )
    }
    #if canImport(Darwin)
    if let handle { pthread_detach(handle) }
    #else
    pthread_detach(handle)
    #endif
}
#endif
