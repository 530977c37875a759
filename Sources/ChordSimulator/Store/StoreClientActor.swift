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
        case touch(timeToLive: Duration?)
        case delete
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
        case 7..<12: return .put(value: newValue(), .none)
        case 12, 13: return .put(value: newValue(), .none, timeToLive: timeToLive())
        case 14, 15: return .put(value: newValue(), .absent)
        case 16:
            let version = versions[key].map { WriteCondition.version($0) }
            return .put(value: newValue(), version ?? .absent)
        case 17: return .touch(timeToLive: generator.below(3) == 0 ? nil : timeToLive())
        default: return .delete
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
        answered.questions = world.network.send(from: name, to: target) { [world, name] in
            guard let receiver = world.nodes[target], let node = receiver.node,
                let executor = receiver.executor
            else { return }
            executor.execute {
                node.assumeIsolated { node in
                    Self.ask(node, attempt) { answer in
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
        case read(Result<(Row?, RangeView), StoreRefusal>)
    }

    private static func ask(
        _ node: isolated StoreNode,
        _ attempt: Attempt,
        _ completion: @escaping @Sendable (Answer) -> Void
    ) {
        let key = StoreWorld.name(ofKey: attempt.key)
        let position = StoreWorld.position(ofKey: attempt.key)
        guard let id = attempt.write else {
            let run:
                @Sendable (RangeState, inout any RowEngineTransaction) throws(StoreError) -> Row? =
                    { state, transaction throws(StoreError) in
                        try state.row(at: position, partition: key, key: key, in: &transaction)
                    }
            if case .get(byLease: true) = attempt.wish {
                node.readByLease(at: position, run) { completion(.read($0)) }
            } else {
                node.read(at: position, run) { completion(.read($0)) }
            }
            return
        }
        let operation =
            switch attempt.wish {
            case .put(let value, let condition, let timeToLive):
                WriteOperation(
                    key: key,
                    condition: condition,
                    action: .put(value: Array("\(value)".utf8), timeToLive: timeToLive)
                )
            case .touch(let timeToLive):
                WriteOperation(key: key, action: .touch(timeToLive: timeToLive))
            case .delete, .get: WriteOperation(key: key, action: .delete)
            }
        let command = WriteCommand(
            id: id,
            identity: "client",
            position: position,
            partition: key,
            operations: [operation]
        )
        node.write(command) { completion(.write($0)) }
    }

    // MARK: - Answers

    private func take(_ answer: Answer, _ attempt: Attempt) {
        switch answer {
        case .read(.success(let (row, view))):
            rangeTime = view.time
            versions[attempt.key] = row?.version
            let seen = row.map { row in
                HistoryOperation.Observation.row(
                    value: String(decoding: row.value, as: UTF8.self),
                    version: row.version.number
                )
            }
            end(attempt, .applied(version: nil), seen: seen ?? .absent)
        case .write(.done(let outcome, let view)):
            rangeTime = view.time
            let seen = outcome.operations.first?.previousVersion.map { version in
                HistoryOperation.Observation.row(value: nil, version: version.number)
            }
            var version: UInt64? = outcome.version.number
            // A touch leaves the version as it is.
            if case .touch = attempt.wish { version = nil }
            end(
                attempt,
                outcome.applied ? .applied(version: version) : .conditionFailed,
                seen: seen ?? .absent
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
        case .unavailable(let error) where error.code == .diskFull:
            // A caller is told at once.
            leaders[attempt.key] = nil
            attempt.mayHaveHappened ? end(attempt, .unknown) : next()
        case .notHere, .noLeader, .busy, .quotaReached:
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
        seen: HistoryOperation.Observation = .nothing
    ) {
        let key = "k\(attempt.key)"
        let step =
            switch attempt.wish {
            case .get: HistoryOperation.Step(key: key, .get, seen: seen)
            case .delete: HistoryOperation.Step(key: key, .delete, seen: seen)
            case .put(let value, let condition, let timeToLive):
                HistoryOperation.Step(
                    key: key,
                    .put("\(value)"),
                    if: Self.condition(condition),
                    seen: seen,
                    mayBeGoneFrom: timeToLive.map { earliestEnd(of: $0, attempt) }
                )
            case .touch(let timeToLive):
                HistoryOperation.Step(
                    key: key,
                    .touch,
                    if: .present,
                    seen: seen,
                    mayBeGoneFrom: timeToLive.map { earliestEnd(of: $0, attempt) }
                )
            }
        world.history.append(
            HistoryOperation(
                number: world.history.count + 1,
                client: name,
                partition: key,
                steps: [step],
                outcome: outcome,
                called: attempt.began,
                returned: world.now
            )
        )
        next()
    }
}
