// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordBase
import ChordCore
import ChordRPC
import ChordStore

/// A client in the simulation: one operation at a time, repeated at other nodes under the same number until it
/// is answered or the deadline has passed.
///
/// `@unchecked Sendable`: it is used only on the thread that drives the run.
final class StoreClientActor: @unchecked Sendable {
    private static let deadline: Int64 = 5_000_000_000
    static let keys: UInt64 = 12

    private unowned let world: StoreWorld
    private let number: Int
    private let name: String
    private var generator: SeededGenerator
    /// Whether writes are batches of two rows. Watchers look at one row of a partition only, so runs with watchers
    /// have no batches. A quarter of the other runs has them: the checker takes much longer for two rows than for one.
    private var usesBatches: Bool { world.watchers.isEmpty && world.seed % 4 == 0 }
    private var isStopped = true
    private(set) var isIdle = true
    private var writes: UInt64 = 0
    private var values: UInt64 = 0
    /// The leaders of the keys, as the last answers have named them.
    private var leaders: [Int: String] = [:]
    private var rangeTime = RangeTime.zero
    /// The versions of the keys, as the last answers have told them.
    private var versions: [Int: LogIndex] = [:]
    /// Counts operations: answers to earlier ones are void.
    private var current = 0

    init(number: Int, world: StoreWorld, seed: UInt64) {
        self.number = number
        self.world = world
        name = "client\(number)"
        generator = SeededGenerator(seed: seed)
    }

    func start() {
        isStopped = false
        if isIdle { next() }
    }

    func stop() {
        isStopped = true
    }

    // MARK: - Operations

    private func next() {
        isIdle = true
        guard !isStopped else { return }
        isIdle = false
        let pause = Int64(generator.below(100_000_000))
        world.scheduler.schedule(at: world.now + pause, for: nil) { [self] in begin() }
    }

    /// What a client wants.
    private enum Wish: Sendable {
        case get(byLease: Bool)
        case put(value: UInt64, WriteCondition, timeToLive: Duration? = nil)
        /// Puts one value in both rows of a partition. The condition is that of the first row.
        case batch(value: UInt64, WriteCondition)
        case touch(timeToLive: Duration?)
        case delete(both: Bool)
    }

    /// An operation and how far it is.
    private struct Attempt: Sendable {
        var key: Int
        var wish: Wish
        var began: Int64
        var write: WriteID?
        /// An attempt may have reached a leader.
        var mayHaveHappened = false
    }

    private func begin() {
        current += 1
        let key = Int(generator.below(Self.keys))
        var attempt = Attempt(key: key, wish: wish(for: key), began: world.now)
        let wish = attempt.wish
        if case .get = wish {
        } else {
            writes += 1
            attempt.write = WriteID(
                client: ClientID(RandomBits(high: 5, low: UInt64(number))),
                number: writes,
                lowestUnanswered: writes,
                preparedAt: rangeTime
            )
        }
        send(attempt)
    }

    private func wish(for key: Int) -> Wish {
        switch generator.below(20) {
        case 0..<7: return .get(byLease: generator.below(2) == 0)
        case 7..<12:
            let value = newValue()
            return usesBatches && value % 2 == 0
                ? .batch(value: value, .none) : .put(value: value, .none)
        case 12, 13: return .put(value: newValue(), .none, timeToLive: timeToLive())
        case 14, 15:
            let value = newValue()
            return usesBatches ? .batch(value: value, .absent) : .put(value: value, .absent)
        case 16:
            let version = versions[key].map { WriteCondition.version($0) }
            return .put(value: newValue(), version ?? .absent)
        case 17: return .touch(timeToLive: generator.below(3) == 0 ? nil : timeToLive())
        default: return .delete(both: usesBatches && writes % 2 == 0)
        }
    }

    private func timeToLive() -> Duration {
        .milliseconds(Int64(1 + generator.below(6000)))
    }

    private func newValue() -> UInt64 {
        values += 1
        return UInt64(number) << 32 | values
    }

    private func send(_ attempt: Attempt) {
        guard world.now < attempt.began + Self.deadline else { return giveUp(attempt) }
        let names = world.names
        let target = leaders[attempt.key] ?? names[Int(generator.below(UInt64(names.count)))]
        let operation = current
        let answered = Once()
        // A lost question or answer: the write may have happened.
        world.scheduler.schedule(at: world.now + 1_000_000_000, for: nil) { [self] in
            guard answered.claim(), operation == current else { return }
            leaders[attempt.key] = nil
            retry(attempt, mayHaveHappened: true)
        }
        answered.questions = world.network.send(from: name, to: target) {
            [world, name, usesBatches] in
            guard let receiver = world.nodes[target], let node = receiver.node,
                let executor = receiver.executor
            else { return }
            executor.execute {
                node.assumeIsolated { node in
                    Self.ask(node, attempt, usesBatches) { answer in
                        world.network.send(from: target, to: name) { [self] in
                            guard answered.claim(), operation == self.current else { return }
                            var attempt = attempt
                            // One of two equal questions may have been refused, and the other not.
                            if answered.questions > 1 { attempt.mayHaveHappened = true }
                            take(answer, attempt)
                        }
                    }
                }
            }
        }
    }

    private enum Answer: Sendable {
        case write(WriteResult)
        case read(Result<([Row?], RangeView), StoreRefusal>)
    }

    /// The second row of a key's partition, which batches write together with the first.
    private static let secondRow = Array("second".utf8)

    private static func ask(
        _ node: isolated StoreNode,
        _ attempt: Attempt,
        _ usesBatches: Bool,
        _ completion: @escaping @Sendable (Answer) -> Void
    ) {
        let key = StoreWorld.name(ofKey: attempt.key)
        let position = StoreWorld.position(ofKey: attempt.key)
        guard let id = attempt.write else {
            let names = usesBatches ? [key, secondRow] : [key]
            let run:
                @Sendable (RangeState, inout any RowEngineTransaction) throws(StoreError) -> [Row?] =
                    { state, transaction throws(StoreError) in
                        var rows: [Row?] = []
                        for name in names {
                            rows.append(
                                try state.row(
                                    at: position,
                                    partition: key,
                                    key: name,
                                    in: &transaction
                                )
                            )
                        }
                        return rows
                    }
            if case .get(byLease: true) = attempt.wish {
                node.readByLease(at: position, run) { completion(.read($0)) }
            } else {
                node.read(at: position, run) { completion(.read($0)) }
            }
            return
        }
        let command = WriteCommand(
            id: id,
            identity: "client",
            position: position,
            partition: key,
            operations: operations(of: attempt.wish, on: key)
        )
        node.write(command) { completion(.write($0)) }
    }

    private static func operations(of wish: Wish, on key: [UInt8]) -> [WriteOperation] {
        func put(
            _ value: UInt64,
            at key: [UInt8],
            if condition: WriteCondition = .none,
            timeToLive: Duration? = nil
        ) -> WriteOperation {
            WriteOperation(
                key: key,
                condition: condition,
                action: .put(value: Array("\(value)".utf8), timeToLive: timeToLive)
            )
        }
        switch wish {
        case .put(let value, let condition, let timeToLive):
            return [put(value, at: key, if: condition, timeToLive: timeToLive)]
        case .batch(let value, let condition):
            return [put(value, at: key, if: condition), put(value, at: secondRow)]
        case .touch(let timeToLive):
            return [WriteOperation(key: key, action: .touch(timeToLive: timeToLive))]
        case .get: return []
        case .delete(let both):
            return (both ? [key, secondRow] : [key]).map {
                WriteOperation(key: $0, action: .delete)
            }
        }
    }

    // MARK: - Answers

    private func take(_ answer: Answer, _ attempt: Attempt) {
        switch answer {
        case .read(.success(let (rows, view))):
            rangeTime = view.time
            versions[attempt.key] = rows.first??.version
            let seen = rows.map { row in
                guard let row else { return HistoryOperation.Observation.absent }
                return .row(
                    value: String(decoding: row.value, as: UTF8.self),
                    version: row.version.number
                )
            }
            end(attempt, .applied(version: nil), seen: seen)
        case .write(.done(let outcome, let view)):
            rangeTime = view.time
            let seen = outcome.operations.map { operation in
                guard let version = operation.previousVersion else {
                    return HistoryOperation.Observation.absent
                }
                return .row(value: nil, version: version.number)
            }
            var version: UInt64? = outcome.version.number
            // A touch leaves the version as it is.
            if case .touch = attempt.wish { version = nil }
            end(
                attempt,
                outcome.applied ? .applied(version: version) : .conditionFailed,
                seen: seen
            )
        case .read(.failure(let refusal)), .write(.failed(let refusal)):
            refused(refusal, attempt)
        }
    }

    private func refused(_ refusal: StoreRefusal, _ attempt: Attempt) {
        switch refusal {
        case .elsewhere(let hint):
            leaders[attempt.key] = hint.leader.flatMap { hint.descriptor.replica($0)?.node }
            retry(attempt, mayHaveHappened: false)
        case .unavailable(let error) where error.code == .diskFull: toldAtOnce(attempt)
        case .quotaReached: toldAtOnce(attempt)
        case .notHere, .noLeader, .busy:
            leaders[attempt.key] = nil
            retry(attempt, mayHaveHappened: false)
        case .unavailable, .mayHaveHappened:
            leaders[attempt.key] = nil
            retry(attempt, mayHaveHappened: true)
        case .refused(.outsideRange):
            // A split has moved the key.
            leaders[attempt.key] = nil
            retry(attempt, mayHaveHappened: false)
        case .refused(.mayHaveHappened):
            end(attempt, .unknown)
        case .refused:
            attempt.mayHaveHappened ? end(attempt, .unknown) : next()
        }
    }

    /// A caller is told at once what only time or people can mend.
    private func toldAtOnce(_ attempt: Attempt) {
        leaders[attempt.key] = nil
        attempt.mayHaveHappened ? end(attempt, .unknown) : next()
    }

    private func retry(_ attempt: Attempt, mayHaveHappened: Bool) {
        var attempt = attempt
        attempt.mayHaveHappened = attempt.mayHaveHappened || mayHaveHappened
        let pause = Int64(generator.below(100_000_000)) + 1_000_000
        let next = attempt
        world.scheduler.schedule(at: world.now + pause, for: nil) { [self] in send(next) }
    }

    private func giveUp(_ attempt: Attempt) {
        attempt.write != nil && attempt.mayHaveHappened ? end(attempt, .unknown) : next()
    }

    private static func condition(_ condition: WriteCondition) -> HistoryOperation.Condition {
        switch condition {
        case .none: .none
        case .absent: .absent
        case .version(let version): .version(version.number)
        }
    }

    /// When a key may be gone whose time to live an attempt has set: not before it has lived so long after the call,
    /// on the fastest clock that a node has.
    private func earliestEnd(of timeToLive: Duration, _ attempt: Attempt) -> Int64 {
        attempt.began + timeToLive.nanoseconds * 98 / 100
    }

    private func end(
        _ attempt: Attempt,
        _ outcome: HistoryOperation.Outcome,
        seen: [HistoryOperation.Observation] = []
    ) {
        let key = "k\(attempt.key)"
        func step(
            _ row: Int,
            _ action: HistoryOperation.Action,
            if condition: HistoryOperation.Condition = .none,
            timeToLive: Duration? = nil
        ) -> HistoryOperation.Step {
            HistoryOperation.Step(
                key: row == 0 ? key : "second",
                action,
                if: condition,
                seen: row < seen.count ? seen[row] : .nothing,
                mayBeGoneFrom: timeToLive.map { earliestEnd(of: $0, attempt) }
            )
        }
        let steps =
            switch attempt.wish {
            case .get: (usesBatches ? [0, 1] : [0]).map { step($0, .get) }
            case .delete(let both): (both ? [0, 1] : [0]).map { step($0, .delete) }
            case .put(let value, let condition, let timeToLive):
                [
                    step(
                        0,
                        .put("\(value)"),
                        if: Self.condition(condition),
                        timeToLive: timeToLive
                    )
                ]
            case .batch(let value, let condition):
                [
                    step(0, .put("\(value)"), if: Self.condition(condition)),
                    step(1, .put("\(value)")),
                ]
            case .touch(let timeToLive): [step(0, .touch, if: .present, timeToLive: timeToLive)]
            }
        world.history.append(
            HistoryOperation(
                number: world.history.count + 1,
                client: name,
                partition: key,
                steps: steps,
                outcome: outcome,
                called: attempt.began,
                returned: world.now
            )
        )
        next()
    }
}
