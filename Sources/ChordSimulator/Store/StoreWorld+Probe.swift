// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
package import ChordCore
package import ChordStore

// Single operations and joins, for scenarios in which their order matters.

extension StoreWorld {
    /// Writes a key, asking one node after the other until a leader has answered.
    ///
    /// - Returns: the leader's answer, also where it refuses the write; nil if there was none in the time.
    package func put(
        _ value: String,
        at key: Int,
        as id: WriteID,
        atMost duration: Duration = .seconds(20)
    ) -> WriteResult? {
        let name = Self.name(ofKey: key)
        let command = WriteCommand(
            id: id,
            identity: "client",
            position: Self.position(ofKey: key),
            partition: name,
            operations: [
                WriteOperation(key: name, action: .put(value: Array(value.utf8), timeToLive: nil))
            ]
        )
        return ask(atMost: duration) { node, box in
            node.write(command) { result in
                switch result {
                case .done, .failed(.refused(.mayHaveHappened)): box.answer = result
                case .failed: break
                }
            }
        }
    }

    /// Reads a key, asking one node after the other until a leader has answered.
    package func get(
        _ key: Int,
        atMost duration: Duration = .seconds(20)
    ) -> (row: Row?, view: RangeView)? {
        let name = Self.name(ofKey: key)
        let position = Self.position(ofKey: key)
        return ask(atMost: duration) { node, box in
            node.read(at: position) { state, transaction throws(StoreError) in
                try state.row(at: position, partition: name, key: name, in: &transaction)
            } _: { result in
                if case .success(let (row, view)) = result { box.answer = (row, view) }
            }
        }
    }

    /// Raises the versions of the range with a key, asking one node after the other until a leader has answered.
    ///
    /// - Returns: the range after it; nil if there was no answer in the time.
    package func raiseVersions(
        above floor: LogIndex,
        at key: Int,
        atMost duration: Duration = .seconds(20)
    ) -> RangeView? {
        let position = Self.position(ofKey: key)
        return ask(atMost: duration) { node, box in
            node.raiseVersions(above: floor, at: position) { result in
                if case .done(_, let view) = result { box.answer = view }
            }
        }
    }

    private func ask<Answer>(
        atMost duration: Duration,
        _ question: @escaping @Sendable (isolated StoreNode, ProbeBox<Answer>) -> Void
    ) -> Answer? {
        let box = ProbeBox<Answer>()
        let end = now + duration.nanoseconds
        while now < end {
            // Time goes on also while no store is open.
            run(for: .milliseconds(1))
            for name in names {
                guard let node = nodes[name]?.node, let executor = nodes[name]?.executor else {
                    continue
                }
                executor.execute { node.assumeIsolated { question($0, box) } }
                if run(atMost: .milliseconds(200), until: { box.answer != nil }) {
                    return box.answer
                }
            }
        }
        return nil
    }

    /// The identifiers of the clients' keys, by their numbers.
    package static var keyNumbers: Range<Int> { 0..<Int(StoreClientActor.keys) }

    /// A member with an identifier comes, stays until the range is split there, and goes.
    package func passMember(at position: Identifier) {
        ring.formerPositions.append(position)
    }

    /// A new node joins the ring.
    ///
    /// - Parameter part: its place on the circle, in 65,536ths.
    /// - Returns: its name.
    @discardableResult
    package func join(at part: UInt64) -> String {
        lastNumber += 1
        let node = SimulatedStoreNode(
            number: lastNumber,
            position: Self.position(part),
            store: store,
            world: self
        )
        add(node)
        node.start()
        updateRing()
        return node.member.node
    }

    /// A node leaves the ring and goes on running, so that its replicas can move.
    package func leave(_ name: String) {
        outside.insert(name)
        updateRing()
    }

    /// No node is sure of the ring any more, so that no replica moves; or all are again.
    package func stopMoves() { ring.isUnsure = true }

    package func allowMoves() { ring.isUnsure = false }
}

/// An answer that comes later.
///
/// `@unchecked Sendable`: it is used only on the thread that drives the run.
private final class ProbeBox<Answer>: @unchecked Sendable {
    var answer: Answer?
}
