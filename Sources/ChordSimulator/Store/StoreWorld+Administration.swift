// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordBase
import ChordCore
package import ChordStore
package import ChordWire

// What an administrator's program asks the nodes: `chord store verify` and `chord store recover`.

extension StoreWorld {
    /// Compares the replicas of all ranges by their checksums.
    ///
    /// - Returns: what differs, and what could not be compared; nothing if all is equal.
    package func checksumDefects() -> [String] {
        var defects: [String] = []
        for range in heldRanges(where: { $0.isLed }) {
            let comparison = compareReplicas(of: range)
            for replica in comparison.replicas where replica.outcome != .equal {
                defects.append(
                    "\(range.description.suffix(8)) on \(replica.node): \(replica.outcome)"
                )
            }
            if comparison.replicas.isEmpty {
                defects.append("\(range.description.suffix(8)) has no replicas")
            }
        }
        return defects
    }

    /// Compares the replicas of a range after one entry of its log.
    ///
    /// - Parameter buckets: the buckets whose rows are named.
    package func compareReplicas(
        of range: RangeID,
        naming buckets: [UInt8] = []
    ) -> ReplicaComparison {
        var margin: UInt64 = 8
        var answers: [(replica: WireReplica, answer: ReplicaComparison.Answer)] = []
        for _ in 0..<8 {
            var request = ChecksumRequest(
                range: range.bits.wire,
                step: .choose,
                margin: margin,
                buckets: buckets
            )
            margin *= 4
            let chosen = ask(names, { [request] node, answer in node.checksum(request, answer) })
            guard let leader = chosen.first(where: { $0.value.state == .prepared }) else { break }
            request.step = .prepare
            request.index = leader.value.index
            let others = chosen.filter { $0.value.state == .notLed }.keys.sorted()
            let prepared = ask(others, { [request] node, answer in node.checksum(request, answer) })
            if prepared.values.contains(where: { $0.state == .passed }) { continue }
            request.step = .collect
            let ready = others + [leader.key]
            let replies = ask(ready, { [request] node, answer in node.checksum(request, answer) })
            answers = ready.compactMap { name in
                guard let member = nodes[name]?.member else { return nil }
                let replica = WireReplica(
                    number: 1,
                    node: name,
                    address: member.address,
                    disk: member.disk.bits.wire
                )
                return (replica, replies[name].map { .reply($0) } ?? .none("no answer"))
            }
            if !replies.values.contains(where: { $0.state == .abandoned }) { break }
        }
        return ReplicaComparison(answers)
    }

    /// The ranges that some running node has, by what it says of them.
    package func heldRanges(
        where isWanted: (HeldRange) -> Bool
    ) -> [RangeID] {
        let box = NodeAnswers<[HeldRange]>()
        for name in names {
            guard let node = nodes[name]?.node, let executor = nodes[name]?.executor else {
                continue
            }
            executor.execute {
                node.assumeIsolated { node in box.answers[name] = node.heldRanges }
            }
        }
        run(for: .milliseconds(20))
        return Set(box.answers.values.flatMap { $0 }.filter(isWanted).map(\.range)).sorted()
    }

    /// Carries a recovery out to its end, one step after the other.
    ///
    /// - Parameter between: called after each step.
    package func carryOut(
        _ recovery: RecoveryRun,
        between: (RecoveryRun.Step) -> Void = { _ in }
    ) -> RecoveryRun.Step {
        var recovery = recovery
        var step = recovery.begin()
        while case .ask(let disks, let request) = step, !isStuck {
            step = recovery.answered(take(disks, request))
            between(step)
        }
        return step
    }

    /// Sends one step of a recovery to nodes, by their disks.
    package func take(_ disks: [DiskID], _ request: RecoverRequest) -> [DiskID: RecoverReply] {
        let receivers = names.filter { name in
            nodes[name].map { disks.contains($0.member.disk) } ?? false
        }
        let replies = ask(receivers) { node, answer in node.recover(request, answer) }
        var byDisk: [DiskID: RecoverReply] = [:]
        for (name, reply) in replies {
            guard let disk = nodes[name]?.member.disk else { continue }
            do throws(WireError) {
                byDisk[disk] = try RecoverReply(
                    decoding: reply.encoded(in: .standard),
                    space: .standard
                )
            } catch {
                ring.problems.append("an answer of \(name) cannot be read: \(error)")
            }
        }
        return byDisk
    }

    /// The disks of the nodes that run.
    package var runningDisks: Set<DiskID> {
        Set(nodes.values.filter(\.isRunning).map(\.member.disk))
    }

    package func disk(of name: String) -> DiskID? { nodes[name]?.member.disk }

    /// A node crashes, and does not come back for now.
    package func lose(_ name: String) {
        guard let node = nodes[name] else { return }
        remove(name)
        lost[name] = node
    }

    /// A lost node starts on its disk, and is no member of the ring.
    package func startOutside(_ name: String) {
        guard let node = lost.removeValue(forKey: name) else { return }
        add(node)
        outside.insert(name)
        node.start()
        updateRing()
    }

    /// Changes a durable row on a node's disk so that no checksum tells. The node restarts.
    package func alterRow(of name: String) {
        guard let node = nodes[name], node.isRunning else { return }
        node.crash()
        node.rowDisk.alterRow(Int(generator.below(UInt64(max(1, node.rowDisk.rowCount)))))
        node.start()
        updateRing()
    }

    /// Asks nodes at the same time, and waits for their answers.
    private func ask<Answer: Sendable>(
        _ names: [String],
        _ question:
            @escaping @Sendable (isolated StoreNode, @escaping @Sendable (Answer) -> Void) -> Void
    ) -> [String: Answer] {
        let box = NodeAnswers<Answer>()
        var open: [String] = []
        for name in names {
            guard let node = nodes[name]?.node, let executor = nodes[name]?.executor else {
                continue
            }
            open.append(name)
            executor.execute {
                node.assumeIsolated { node in question(node) { box.answers[name] = $0 } }
            }
        }
        _ = run(atMost: .seconds(30)) { open.allSatisfy { box.answers[$0] != nil } }
        return box.answers
    }
}

/// Answers that come later, by the names of their nodes.
///
/// `@unchecked Sendable`: it is used only on the thread that drives the run.
private final class NodeAnswers<Answer>: @unchecked Sendable {
    var answers: [String: Answer] = [:]
}
