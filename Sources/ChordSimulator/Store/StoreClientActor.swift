// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import ChordStore

/// A client in the simulation: one operation at a time, repeated at other nodes under the same number until it
/// is answered or the deadline has passed.
///
/// `@unchecked Sendable`: it is used only on the thread that drives the run.
final class StoreClientActor: @unchecked Sendable {
    private static let deadline: Int64 = 5_000_000_000
    private static let keys: UInt64 = 4

    private unowned let world: StoreWorld
    private let number: Int
    private let name: String
    private var generator: SimulationGenerator
    private var isStopped = true
    private(set) var isIdle = true
    private var writes: UInt64 = 0
    private var values: UInt64 = 0
    /// The leader that the last answer came from.
    private var leader: String?
    private var rangeTime = RangeTime.zero
    /// Counts operations: answers to earlier ones are void.
    private var current = 0

    init(number: Int, world: StoreWorld, seed: UInt64) {
        self.number = number
        self.world = world
        name = "client\(number)"
        generator = SimulationGenerator(seed: seed)
    }

    func start() {
        isStopped = false
        next()
    }

    func stop() {
        isStopped = true
    }

    // MARK: - Operations

    private func next() {
        isIdle = true
        guard !isStopped else { return }
        isIdle = false
        let pause = Int64(generator.below(40_000_000))
        world.scheduler.schedule(at: world.now + pause, for: nil) { [self] in begin() }
    }

    private struct Attempt {
        var operation: StoreHistory.Operation
        var write: WriteID?
        var tries = 0
        /// An attempt may have reached a leader.
        var mayHaveHappened = false
    }

    private func begin() {
        current += 1
        let key = Int(generator.below(Self.keys))
        let kind: StoreHistory.Operation.Kind
        switch generator.below(10) {
        case 0..<4: kind = .get
        case 4..<8: kind = .put(value: newValue(), condition: .none)
        case 8: kind = .put(value: newValue(), condition: .absent)
        default: kind = .delete
        }
        var attempt = Attempt(
            operation: StoreHistory.Operation(
                client: number,
                key: key,
                kind: kind,
                began: world.now,
                ended: .max,
                outcome: .unknown
            )
        )
        if kind != .get {
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

    private func newValue() -> UInt64 {
        values += 1
        return UInt64(number) << 32 | values
    }

    private func send(_ attempt: Attempt) {
        guard world.now < attempt.operation.began + Self.deadline else { return giveUp(attempt) }
        var attempt = attempt
        attempt.tries += 1
        let names = world.names
        let target = leader ?? names[Int(generator.below(UInt64(names.count)))]
        let operation = current
        let answered = Once()
        let sent = attempt
        // A lost question or answer: the write may have happened.
        world.scheduler.schedule(at: world.now + 1_000_000_000, for: nil) { [self] in
            guard answered.claim(), operation == current else { return }
            leader = nil
            retry(sent, mayHaveHappened: true)
        }
        world.network.send(from: name, to: target) { [world, name] in
            guard let receiver = world.nodes[target], let node = receiver.node,
                let executor = receiver.executor
            else { return }
            executor.execute {
                node.assumeIsolated { node in
                    Self.ask(node, sent) { answer in
                        world.network.send(from: target, to: name) { [self] in
                            guard answered.claim(), operation == self.current else { return }
                            take(answer, sent)
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
        let key = Array("k\(attempt.operation.key)".utf8)
        let position = Identifier(UInt64(attempt.operation.key) << 60)
        guard let id = attempt.write else {
            node.read(at: position) { state, transaction throws(StoreError) in
                try transaction.get(
                    RowKey(
                        slot: state.slot,
                        position: state.space.bytes(of: position),
                        partition: key,
                        key: key
                    )
                )
            } _: { result in
                completion(.read(result))
            }
            return
        }
        let operation =
            switch attempt.operation.kind {
            case .put(let value, let condition):
                WriteOperation(
                    key: key,
                    condition: condition,
                    action: .put(value: Array("\(value)".utf8), timeToLive: nil)
                )
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
            let value = row.flatMap { UInt64(String(decoding: $0.value, as: UTF8.self)) }
            end(attempt, .read(value: value, version: row?.version))
        case .write(.done(let outcome, let view)):
            rangeTime = view.time
            end(attempt, .written(applied: outcome.applied, version: outcome.version))
        case .read(.failure(let refusal)), .write(.failed(let refusal)):
            refused(refusal, attempt)
        }
    }

    private func refused(_ refusal: StoreRefusal, _ attempt: Attempt) {
        switch refusal {
        case .elsewhere(let hint):
            leader = hint.leader.flatMap { hint.descriptor.replica($0)?.node }
            retry(attempt, mayHaveHappened: false)
        case .notHere, .noLeader, .busy:
            leader = nil
            retry(attempt, mayHaveHappened: false)
        case .unavailable, .mayHaveHappened:
            leader = nil
            retry(attempt, mayHaveHappened: true)
        case .refused(.mayHaveHappened):
            end(attempt, .unknown)
        case .refused:
            end(attempt, attempt.mayHaveHappened ? .unknown : .failed)
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
        end(attempt, attempt.write != nil && attempt.mayHaveHappened ? .unknown : .failed)
    }

    private func end(_ attempt: Attempt, _ outcome: StoreHistory.Operation.Outcome) {
        var operation = attempt.operation
        operation.ended = outcome == .unknown ? .max : world.now
        operation.outcome = outcome
        world.history.add(operation)
        next()
    }
}

/// Claimed by the first of two.
private final class Once: @unchecked Sendable {
    private var isClaimed = false

    func claim() -> Bool {
        defer { isClaimed = true }
        return !isClaimed
    }
}
