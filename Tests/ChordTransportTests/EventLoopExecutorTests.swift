// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import ChordTestSupport
import Testing

@testable import ChordTransport

/// An event loop as a node's executor.
@Suite("Executors on event loops", .tags(.unit), .timeLimit(.minutes(5)))
struct EventLoopExecutorTests {
    private let executor = testExecutors.all[0]

    @Test func eventLoopHasOneExecutor() {
        for executor in testExecutors.all {
            #expect(testExecutors.executor(of: executor.eventLoop) === executor)
        }
        #expect(testExecutors.all.count == 2)
        #expect(testExecutors.all[0] !== testExecutors.all[1])
        let stranger = MultiThreadedEventLoopGroup.singleton.next()
        #expect(testExecutors.executor(of: stranger) == nil)
        let next = testExecutors.next()
        #expect(testExecutors.all.contains { $0 === next })
    }

    @Test func workRunsInOrderOnTheEventLoop() async {
        #expect(!executor.isCurrent)
        let seen = NIOLockedValueBox<[Int]>([])
        await withCheckedContinuation { continuation in
            for index in 0..<100 {
                executor.execute { [executor] in
                    seen.withLockedValue { $0.append(executor.isCurrent ? index : -1) }
                }
            }
            executor.execute { continuation.resume() }
        }
        #expect(seen.withLockedValue { $0 } == Array(0..<100))
    }

    @Test func workOnTheEventLoopRunsImmediately() async {
        let order = await withCheckedContinuation { continuation in
            executor.execute { [executor] in
                let order = NIOLockedValueBox<[String]>([])
                executor.runOrExecute { order.withLockedValue { $0.append("inside") } }
                order.withLockedValue { $0.append("after") }
                continuation.resume(returning: order.withLockedValue { $0 })
            }
        }
        #expect(order == ["inside", "after"])
    }

    @Test func scheduledWorkRunsAtItsTime() async {
        let start = executor.now
        let end = await withCheckedContinuation { continuation in
            _ = executor.schedule(after: .milliseconds(10)) { [executor] in
                continuation.resume(returning: executor.now)
            }
        }
        #expect(end - start >= .milliseconds(10))
    }

    @Test func cancelledWorkDoesNotRun() async {
        let hasRun = NIOLockedValueBox(false)
        // On the loop, where nothing can come between the two.
        let work = await withCheckedContinuation { continuation in
            executor.execute { [executor] in
                let work = executor.schedule(after: .milliseconds(5)) {
                    hasRun.withLockedValue { $0 = true }
                }
                work.cancel()
                continuation.resume(returning: work)
            }
        }
        await withCheckedContinuation { continuation in
            _ = executor.schedule(after: .milliseconds(10)) { continuation.resume() }
        }
        #expect(!hasRun.withLockedValue { $0 })
        work.cancel()
    }

    @Test func distantTimeDoesNotOverflow() {
        executor.schedule(after: .seconds(Int64.max)) {}.cancel()
        executor.schedule(after: .seconds(-5)) {}.cancel()
    }

    @Test func tasksStayOnTheEventLoop() async {
        let wasThere = await Task(executorPreference: executor) { [executor] in
            let before = executor.isCurrent
            await Task.yield()
            return before && executor.isCurrent
        }.value
        #expect(wasThere)
    }

    @Test func actorIsEnteredWithoutAHop() async {
        let counter = Counter(executor)
        await counter.increment()
        let count = await withCheckedContinuation { continuation in
            executor.execute {
                // No await: this runs on the actor's own executor already.
                continuation.resume(
                    returning: counter.assumeIsolated { counter in
                        counter.count += 1
                        return counter.count
                    }
                )
            }
        }
        #expect(count == 2)
    }

    @Test func executorsHaveDifferentRandomness() {
        let one = (0..<8).map { _ in testExecutors.all[0].random() }
        let other = (0..<8).map { _ in testExecutors.all[1].random() }
        #expect(one != other)
        #expect(Set(one).count == 8)
    }

    @Test func clocksAreMonotonicAndPlausible() {
        let first = executor.now
        #expect(executor.now >= first)
        // 2020 and 2100.
        #expect((1_577_836_800_000...4_102_444_800_000).contains(executor.wallClockMilliseconds))
    }
}

private actor Counter {
    private let executor: EventLoopExecutor
    var count = 0

    init(_ executor: EventLoopExecutor) {
        self.executor = executor
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    func increment() { count += 1 }
}
