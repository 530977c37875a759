// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordCommandLine

/// A node that joins a ring, waits until its neighbours know it, and leaves.
struct InteropTrial {
    let address: String
    let configuration: ChordConfiguration
    let timeout: Duration
    let client: ChordClient

    func run() async -> [InteropFinding] {
        let node: ChordNode
        do {
            node = try await ChordNode(configuration)
        } catch {
            return [finding("join", "a node that starts", "\(error)", false)]
        }
        return await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await node.run() }
            var findings = await arrive(node)
            // The cancelled node leaves.
            group.cancelAll()
            await group.waitForAll()
            if findings.count > 1 { findings.append(await depart()) }
            return findings
        }
    }

    private func arrive(_ node: ChordNode) async -> [InteropFinding] {
        let clock = ContinuousClock()
        let began = clock.now
        do {
            try await node.waitUntilJoined()
        } catch {
            return [finding("join", "a member", "\(error)", false)]
        }
        let joined = clock.now
        let unsettled = await poll { await missing(in: node) }
        return [
            finding("join", "a member", "after \(seconds(joined - began)) s", true),
            finding(
                "stabilise",
                "both neighbours know it",
                unsettled ?? "after \(seconds(clock.now - joined)) s",
                unsettled == nil
            ),
        ]
    }

    private func depart() async -> InteropFinding {
        let began = ContinuousClock.now
        let left = await poll {
            do {
                let report = try await client.check(
                    address,
                    ring: configuration.ring,
                    settling: .zero
                )
                return report.neighbours.contains(configuration.name)
                    ? "still named by \(address)" : nil
            } catch {
                return "\(error)"
            }
        }
        return finding(
            "leave",
            "the node no longer names it",
            left ?? "after \(seconds(ContinuousClock.now - began)) s",
            left == nil
        )
    }

    /// Repeats a check until nothing is missing or the time is over. Returns what is still missing.
    private func poll(_ missing: () async -> String?) async -> String? {
        let end = ContinuousClock.now + timeout
        while let reason = await missing() {
            guard ContinuousClock.now < end else { return reason }
            try? await ContinuousClock().sleep(for: .milliseconds(100))
        }
        return nil
    }

    /// Why the node's neighbours do not know the node yet.
    private func missing(in node: ChordNode) async -> String? {
        var settings = ChordClientConfiguration(
            nodes: [node.reference.address],
            certificates: configuration.certificates
        )
        settings.logger = configuration.logger
        do {
            let client = try ChordClient(settings)
            let walk: RingWalk
            do {
                walk = try await client.walk()
            } catch {
                await client.close()
                throw error
            }
            await client.close()
            guard let index = walk.members.firstIndex(where: { $0.node.id == node.reference.id })
            else { return "it is not in its own ring" }
            let count = walk.members.count
            guard count > 1 else { return "it is alone" }
            let (before, after) = (
                walk.members[(index + count - 1) % count], walk.members[(index + 1) % count]
            )
            if after.predecessor.id != node.reference.id {
                return "\(after.node.name) has \(after.predecessor.name) before it"
            }
            if before.successors.first?.id != node.reference.id {
                return "\(before.node.name) has \(before.successors.first?.name ?? "nobody") next"
            }
            return nil
        } catch {
            return "\(error)"
        }
    }

    private func seconds(_ duration: Duration) -> String {
        (duration.milliseconds / 1000).formatted(digits: 2)
    }

    private func finding(
        _ subject: String,
        _ expected: String,
        _ found: String,
        _ isGood: Bool
    ) -> InteropFinding {
        InteropFinding(subject, expected: expected, found: found, isGood ? .asExpected : .wrong)
    }
}
