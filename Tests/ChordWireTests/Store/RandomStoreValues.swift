// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordWire

/// Random values of the store's messages. They are valid; edges of their bounds come often.
extension SeededGenerator {
    mutating func bytes(upTo limit: Int) -> [UInt8] {
        list(upTo: limit) { UInt8(truncatingIfNeeded: $0.next()) }
    }

    mutating func random128() -> UInt128 { UInt128(next()) << 64 | UInt128(next()) }

    mutating func counter(from lowest: UInt64 = 0) -> UInt64 {
        let highest = WireLimits.counter.upperBound
        return switch next() % 4 {
        case 0: lowest
        case 1: highest
        case 2: UInt64.random(in: lowest...min(lowest + 1000, highest), using: &self)
        default: UInt64.random(in: lowest...highest, using: &self)
        }
    }

    mutating func optional<Value>(_ make: (inout SeededGenerator) -> Value) -> Value? {
        next() % 2 == 0 ? nil : make(&self)
    }

    mutating func one<Value: CaseIterable>() -> Value {
        Value.allCases.randomElement(using: &self)!
    }

    mutating func milliseconds() -> Duration { .milliseconds(next() % (1 << 40)) }

    mutating func timeToLive() -> Duration? {
        optional { .milliseconds(1 + $0.next() % (1 << 40)) }
    }

    mutating func epoch() -> WireRangeEpoch {
        WireRangeEpoch(configuration: counter(), bounds: counter())
    }

    mutating func descriptor(_ space: IdentifierSpace) -> WireRangeDescriptor {
        let count = next() % 8 == 0 ? 16 : Int.random(in: 1...5, using: &self)
        let first = UInt64.random(in: 1...1000, using: &self)
        return WireRangeDescriptor(
            range: random128(),
            epoch: epoch(),
            bounds: range(space),
            replicas: (0..<count).map { index in
                WireReplica(
                    number: first + UInt64(index),
                    node: text(WireLimits.nameBytes),
                    address: text(WireLimits.addressBytes),
                    disk: random128(),
                    kind: one()
                )
            },
            nextReplica: counter(from: first + UInt64(count)),
            wantedVoters: WireLimits.wantedVoters.randomElement(using: &self)!
        )
    }

    mutating func hint(_ space: IdentifierSpace) -> WireRangeHint {
        let descriptor = descriptor(space)
        let leader = optional { descriptor.replicas.randomElement(using: &$0)!.number }
        return WireRangeHint(descriptor, leader: leader, term: counter())
    }

    mutating func route() -> WireRoute {
        WireRoute(
            range: optional { $0.random128() },
            epoch: optional { $0.epoch() },
            wantsRedirect: Bool.random(using: &self),
            caller: optional { generator in
                WireCaller(
                    role: generator.one(),
                    name: generator.text(1...255),
                    trustDomain: generator.text(1...255)
                )
            }
        )
    }

    mutating func writeID() -> WireWriteID? {
        optional { generator in
            let number = generator.counter(from: 1)
            return WireWriteID(
                client: generator.random128(),
                number: number,
                lowestUnanswered: UInt64.random(in: 1...number, using: &generator),
                preparedMilliseconds: generator.counter()
            )
        }
    }

    mutating func answer(_ space: IdentifierSpace) -> WireRangeAnswer {
        WireRangeAnswer(
            range: random128(),
            epoch: epoch(),
            version: counter(),
            timeMilliseconds: counter(),
            place: optional { $0.hint(space) }
        )
    }

    mutating func outcome<Content>(
        _ space: IdentifierSpace,
        _ content: (inout SeededGenerator) -> Content
    ) -> WireOutcome<Content> {
        next() % 4 == 0 ? .redirect(hint(space)) : .answer(answer(space), content(&self))
    }

    mutating func lag() -> WireReplicaLag? {
        optional { WireReplicaLag(entries: $0.counter(), silence: $0.milliseconds()) }
    }

    mutating func value() -> WireValue {
        WireValue(bytes(upTo: 40), version: counter(from: 1), timeToLive: timeToLive())
    }

    mutating func row() -> WireRow {
        WireRow(partition: bytes(upTo: 20), key: bytes(upTo: 20), value: value())
    }

    mutating func change() -> WireChange {
        let count = 1 + Int(next() % 3)
        return WireChange(
            version: counter(from: 1),
            keys: (0..<count).map { _ in
                let key = bytes(upTo: 20)
                switch next() % 3 {
                case 0:
                    let value = bytes(upTo: 40)
                    return WireChange.Key(key, .put(value: value, timeToLive: timeToLive()))
                case 1: return WireChange.Key(key, .delete)
                default: return WireChange.Key(key, .expire)
                }
            }
        )
    }

    mutating func condition() -> WireCondition? {
        optional { $0.next() % 2 == 0 ? .absent : .version($0.counter(from: 1)) }
    }

    mutating func operation(key: [UInt8]) -> WireOperation {
        switch next() % 4 {
        case 0:
            WireOperation(
                key: key,
                .put(value: bytes(upTo: 40), timeToLive: timeToLive()),
                if: condition()
            )
        case 1: WireOperation(key: key, .delete, if: condition())
        case 2: WireOperation(key: key, .touch(timeToLive: timeToLive()))
        default: WireOperation(key: key, .check, if: condition() ?? .absent)
        }
    }

    mutating func rangeStatus(_ space: IdentifierSpace) -> WireRangeStatus {
        WireRangeStatus(
            descriptor: descriptor(space),
            replica: counter(from: 1),
            leader: optional { $0.counter(from: 1) },
            term: counter(),
            commit: counter(),
            applied: counter(),
            rows: counter(),
            bytes: counter(),
            lag: WireReplicaLag(entries: counter(), silence: milliseconds()),
            isQuiet: Bool.random(using: &self),
            progress: list(upTo: 4) { generator in
                WireReplicaProgress(
                    number: generator.counter(from: 1),
                    acknowledged: generator.counter(),
                    silence: generator.milliseconds()
                )
            },
            issues: list(upTo: 3) { WireRangeIssue($0.one(), $0.text(1...512)) },
            move: optional { generator in
                WireRangeMove(
                    generator.one(),
                    node: generator.text(1...255),
                    sentBytes: generator.counter(),
                    totalBytes: generator.counter()
                )
            }
        )
    }
}
