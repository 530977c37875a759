// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
import Foundation
import NIOConcurrencyHelpers
import ChordTestSupport
import Testing

@testable import ChordSimulator

/// What would make a run depend on anything but its seed is noticed.
@Suite(.tags(.unit), .ownThreads) struct EscapeTests {
    private actor Pinned {
        let executor: SimulatedExecutor
        var count = 0

        init(_ executor: SimulatedExecutor) {
            self.executor = executor
        }

        nonisolated var unownedExecutor: UnownedSerialExecutor {
            executor.asUnownedSerialExecutor()
        }

        func increment() {
            count += 1
        }
    }

    private static func executor(_ scheduler: SimulationScheduler) -> SimulatedExecutor {
        SimulatedExecutor(number: 1, seed: 1, scheduler: scheduler)
    }

    /// Drives the scheduler until something has escaped, which on other threads comes when it comes. Nobody
    /// can end a test that never waits, so that it gives up by itself.
    private func driveUntilEscape(_ scheduler: SimulationScheduler, _ body: () -> Void) {
        let end = ContinuousClock.now + .seconds(240)
        scheduler.drive {
            body()
            while scheduler.detector.count == 0, ContinuousClock.now < end {
                _ = scheduler.run(until: scheduler.now + 1_000_000) { true }
            }
        }
    }

    /// As from a detached task; the threads of those may all be busy with other tests here.
    @Test(.timeLimit(.minutes(5))) func workFromAnotherThreadIsDetected() {
        let scheduler = SimulationScheduler(seed: 1)
        let executor = Self.executor(scheduler)
        driveUntilEscape(scheduler) {
            Thread.detachNewThread {
                _ = Task(executorPreference: executor) {}
            }
        }
        #expect(scheduler.detector.count >= 1)
        #expect(scheduler.detector.escapes.first?.contains("another thread") == true)
    }

    @Test(.timeLimit(.minutes(5))) func sleepOnTheRealClockIsDetected() {
        let scheduler = SimulationScheduler(seed: 1)
        let executor = Self.executor(scheduler)
        driveUntilEscape(scheduler) {
            _ = Task(executorPreference: executor) {
                // Again and again: a sleep that is over before its task has come to wait for it brings
                // nobody back, which happens where this thread has to stand aside for a millisecond.
                while true { try? await Task.sleep(for: .milliseconds(1)) }
            }
        }
        #expect(scheduler.detector.count >= 1)
    }

    @Test func workWhileTheRunIsStoppedIsDetected() {
        let scheduler = SimulationScheduler(seed: 1)
        let executor = Self.executor(scheduler)
        executor.execute {}
        _ = executor.schedule(after: .zero) {}
        _ = executor.random()
        #expect(scheduler.detector.count == 3)
        #expect(scheduler.detector.escapes.allSatisfy { $0.contains("stood still") })
    }

    @Test func workOnTheExecutorIsAllowed() {
        let scheduler = SimulationScheduler(seed: 1)
        let executor = Self.executor(scheduler)
        let pinned = Pinned(executor)
        let ended = NIOLockedValueBox(false)
        scheduler.drive {
            _ = Task(executorPreference: executor) {
                await pinned.increment()
                await pinned.increment()
                ended.withLockedValue { $0 = true }
            }
            _ = scheduler.run(until: 1_000_000) { true }
        }
        #expect(ended.withLockedValue { $0 })
        #expect(scheduler.detector.count == 0)
    }

    @Test func runWithAnEscapeFails() throws {
        let world = NodeWorld(try Scenario(text: FaultVerbTests.text(nodes: 3, list: 2, [])))
        world.scheduler.drive {
            world.start()
            #expect(world.run(until: 1_000_000_000, workLimit: 100_000))
            world.scheduler.detector.report("a test")
            #expect(!world.run(until: 2_000_000_000, workLimit: 100_000))
            world.shutDown()
        }
        #expect(world.violation?.kind == .escape)
    }
}

@Suite(.tags(.unit)) struct SchedulerTests {
    private final class Recorder: Sendable {
        let lines = NIOLockedValueBox<[String]>([])
        var all: [String] { lines.withLockedValue { $0 } }
        func add(_ line: String) { lines.withLockedValue { $0.append(line) } }
    }

    private func order(seed: UInt64) -> [String] {
        let scheduler = SimulationScheduler(seed: seed)
        let recorder = Recorder()
        scheduler.drive {
            let executors = (1...3).map {
                SimulatedExecutor(number: $0, seed: 1, scheduler: scheduler)
            }
            for step in 1...4 {
                for executor in executors {
                    executor.execute { recorder.add("n\(executor.number) \(step)") }
                }
            }
            _ = scheduler.run(until: 1) { true }
        }
        return recorder.all
    }

    @Test func nodesKeepTheirOrderAndAreInterleavedAtRandom() {
        let first = order(seed: 1)
        #expect(first.count == 12)
        for number in 1...3 {
            let own = first.filter { $0.hasPrefix("n\(number)") }
            #expect(own == (1...4).map { "n\(number) \($0)" })
        }
        #expect(first == order(seed: 1))
        #expect((2...6).contains { order(seed: $0) != first })
    }

    @Test func skewedClockAgreesWithItsTimers() {
        let scheduler = SimulationScheduler(seed: 1)
        let recorder = Recorder()
        scheduler.drive {
            for skew: Int64 in [-200_000, -1, 0, 7, 200_000] {
                let executor = SimulatedExecutor(
                    number: 1,
                    seed: 1,
                    skew: skew,
                    scheduler: scheduler
                )
                let begin = executor.now
                _ = executor.schedule(after: .seconds(10)) {
                    let error = executor.now - begin - .seconds(10)
                    // Never early, and late by less than the clock can show.
                    recorder.add(error >= .zero && error < .nanoseconds(3) ? "right" : "\(error)")
                }
            }
            _ = scheduler.run(until: 20_000_000_000) { true }
        }
        #expect(recorder.all == Array(repeating: "right", count: 5))
    }

    @Test func slowClockFiresLate() {
        let scheduler = SimulationScheduler(seed: 1)
        let recorder = Recorder()
        scheduler.drive {
            for skew: Int64 in [-100_000, 100_000] {
                let executor = SimulatedExecutor(
                    number: 1,
                    seed: 1,
                    skew: skew,
                    scheduler: scheduler
                )
                _ = executor.schedule(after: .seconds(1)) { recorder.add("\(scheduler.now)") }
            }
            _ = scheduler.run(until: 20_000_000_000) { true }
        }
        #expect(recorder.all == ["900000000", "1100000000"])
    }

    @Test func pausedNodeContinuesWithItsQueuedWork() {
        let scheduler = SimulationScheduler(seed: 1)
        let recorder = Recorder()
        scheduler.drive {
            let executor = SimulatedExecutor(number: 1, seed: 1, scheduler: scheduler)
            executor.pause()
            executor.execute { recorder.add("work") }
            _ = executor.schedule(after: .nanoseconds(5)) { recorder.add("timer") }
            _ = scheduler.run(until: 100) { true }
            #expect(recorder.all.isEmpty)
            executor.resume()
            _ = scheduler.run(until: 100) { true }
        }
        #expect(recorder.all == ["work", "timer"])
    }

    @Test func deadNodeHasNoTimers() {
        let scheduler = SimulationScheduler(seed: 1)
        let recorder = Recorder()
        scheduler.drive {
            let executor = SimulatedExecutor(number: 1, seed: 1, scheduler: scheduler)
            _ = executor.schedule(after: .nanoseconds(5)) { recorder.add("before") }
            let cancelled = executor.schedule(after: .nanoseconds(1)) { recorder.add("cancelled") }
            cancelled.cancel()
            _ = scheduler.run(until: 2) { true }
            executor.die()
            _ = executor.schedule(after: .nanoseconds(5)) { recorder.add("after") }
            _ = scheduler.run(until: 100) { true }
        }
        #expect(recorder.all.isEmpty)
    }
}
