// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import ChordBase
internal import NIOConcurrencyHelpers

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The thread of a segmented log. It exists from `open` to `close`.
///
/// A core that is open is confined to the thread. The rest is guarded by the condition lock.
final class LogThread: @unchecked Sendable {
    enum Request: Sendable {
        case open(@Sendable (Result<RecoveredLog, StoreError>) -> Void)
        case submit(LogBatch, @Sendable (Result<Void, StoreError>) -> Void)
        /// Without a completion if nobody waits for the end: nothing is delivered then.
        case close((@Sendable () -> Void)?)
    }

    private let commitBytes: Int
    private let deliver: @Sendable (@escaping @Sendable () -> Void) -> Void
    private let makeCore: @Sendable () throws(StoreError) -> SegmentedLogCore

    /// Its value says whether requests wait.
    private let condition = ConditionLock(value: false)
    private var requests: [Request] = []
    private var isRunning = false
    private var bytesWaiting = 0
    private var published = LogStatistics()

    init(
        commitBytes: Int,
        deliver: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void,
        makeCore: @escaping @Sendable () throws(StoreError) -> SegmentedLogCore
    ) {
        self.commitBytes = commitBytes
        self.deliver = deliver
        self.makeCore = makeCore
    }

    var statistics: LogStatistics {
        condition.lock()
        defer { condition.unlock() }
        var statistics = published
        statistics.bytesWaiting = bytesWaiting
        return statistics
    }

    func add(_ request: Request) {
        condition.lock()
        if case .submit(let batch, _) = request { bytesWaiting += batch.size }
        requests.append(request)
        if isRunning {
            condition.unlock(withValue: true)
            return
        }
        // Requests of a log that is not open need no thread, but opening does.
        if case .open = request, let problem = startThread() {
            requests.removeAll()
            condition.unlock(withValue: false)
            answer([request], with: problem)
        } else if case .open = request {
            isRunning = true
            condition.unlock(withValue: true)
        } else {
            let rest = takeRequests()
            condition.unlock(withValue: false)
            answer(rest, with: Self.notOpen)
        }
    }

    /// Ends the thread of a log that nobody holds any more. Without effect after `close`, when the executor that
    /// completions are delivered on may be gone.
    func abandon() {
        condition.lock()
        let isRunning = isRunning
        condition.unlock()
        if isRunning { add(.close(nil)) }
    }

    private static var notOpen: StoreError {
        StoreError(.closed, "the log is not open")
    }

    /// All requests that wait. The lock must be held.
    private func takeRequests() -> [Request] {
        defer { requests.removeAll() }
        for case .submit(let batch, _) in requests { bytesWaiting -= batch.size }
        return requests
    }

    /// Answers requests that cannot be carried out.
    private func answer(_ requests: [Request], with error: StoreError) {
        let requests = requests.filter { request in
            if case .close(nil) = request { false } else { true }
        }
        guard !requests.isEmpty else { return }
        deliver {
            for request in requests {
                switch request {
                case .open(let completion): completion(.failure(error))
                case .submit(_, let completion): completion(.failure(error))
                case .close(let completion): completion?()
                }
            }
        }
    }

    /// - Returns: why there is no thread.
    private func startThread() -> StoreError? {
        #if canImport(Darwin)
        var handle: pthread_t?
        #else
        var handle = pthread_t()
        #endif
        let owned = Unmanaged.passRetained(self)
        let code = pthread_create(
            &handle,
            nil,
            { argument in
                #if !canImport(Darwin)
                guard let argument else { return nil }
                #endif
                // Nobody waits for the end of the thread.
                pthread_detach(pthread_self())
                Unmanaged<LogThread>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            },
            owned.toOpaque()
        )
        guard code != 0 else { return nil }
        owned.release()
        return StoreError(
            .ioFailed,
            "the system gives the log no thread: \(String(cString: strerror(code)))"
        )
    }

    // MARK: On the thread

    private func run() {
        var core: SegmentedLogCore?
        while let requests = nextRequests(core) {
            carryOut(requests, &core)
        }
    }

    /// Waits for requests; nil when the log was closed.
    private func nextRequests(_ core: SegmentedLogCore?) -> [Request]? {
        condition.lock()
        if requests.isEmpty {
            if core == nil {
                isRunning = false
                condition.unlock(withValue: false)
                return nil
            }
            condition.unlock()
            // There is time for it, and the batches that were durable have been delivered.
            core?.markSynced()
            condition.lock(whenValue: true)
        }
        var taken: [Request] = []
        var bytes = 0
        while taken.count < requests.count, taken.isEmpty || bytes < commitBytes {
            let request = requests[taken.count]
            if case .submit(let batch, _) = request { bytes += batch.size }
            taken.append(request)
        }
        requests.removeFirst(taken.count)
        condition.unlock(withValue: !requests.isEmpty)
        return taken
    }

    private func carryOut(_ requests: [Request], _ core: inout SegmentedLogCore?) {
        var batches: [LogBatch] = []
        var completions: [@Sendable (Result<Void, StoreError>) -> Void] = []
        for request in requests {
            if case .submit(let batch, let completion) = request {
                batches.append(batch)
                completions.append(completion)
                continue
            }
            commit(batches, completions, core)
            batches.removeAll()
            completions.removeAll()
            switch request {
            case .open(let completion): open(completion, &core)
            case .close(let completion):
                core?.close()
                core = nil
                if let completion { deliver { completion() } }
            case .submit: break
            }
        }
        commit(batches, completions, core)
    }

    private func open(
        _ completion: @escaping @Sendable (Result<RecoveredLog, StoreError>) -> Void,
        _ core: inout SegmentedLogCore?
    ) {
        let result: Result<RecoveredLog, StoreError>
        if core != nil {
            result = .failure(StoreError(.inUse, "the log is open already"))
        } else {
            do throws(StoreError) {
                let opened = try makeCore()
                core = opened
                result = .success(opened.recovered)
                publish(opened, finished: 0)
            } catch {
                result = .failure(error)
            }
        }
        deliver { completion(result) }
    }

    private func commit(
        _ batches: [LogBatch],
        _ completions: [@Sendable (Result<Void, StoreError>) -> Void],
        _ core: SegmentedLogCore?
    ) {
        guard !batches.isEmpty else { return }
        let outcomes =
            core?.commit(batches)
            ?? Array(repeating: Self.notOpen, count: batches.count)
        publish(core, finished: batches.reduce(0) { $0 + $1.size })
        deliver {
            for (completion, error) in zip(completions, outcomes) {
                completion(error.map { .failure($0) } ?? .success(()))
            }
        }
    }

    private func publish(_ core: SegmentedLogCore?, finished bytes: Int) {
        condition.lock()
        if let core { published = core.statistics }
        bytesWaiting -= bytes
        condition.unlock()
    }
}
