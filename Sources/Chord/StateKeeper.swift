// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRuntime
import Logging

/// Reads a node's state file when it starts, and keeps it while it runs. Nothing that is wrong with the
/// file keeps a node from running.
struct StateKeeper: Sendable {
    let file: StateFile
    let shell: NodeShell
    let logger: Logger

    /// Changes come in bursts; the file is written no oftener than this.
    private static let pause = Duration.milliseconds(500)

    /// The members of the file.
    func load() -> [StateFile.Member] {
        do throws(StateFile.Damage) {
            return try file.members()
        } catch {
            logger.warning(
                """
                the state file is not used, and will be written anew; members are found by the addresses \
                that this node was given
                """,
                metadata: [LogKeys.file: "\(file.path)", LogKeys.error: "\(error)"]
            )
            return []
        }
    }

    /// Writes the members down whenever something happens, until the events end or the task is cancelled.
    ///
    /// - Parameter events: of the node, from before it joins: the last one may be that it has joined.
    func keep(_ loaded: [StateFile.Member], at events: AsyncStream<RingEvent>) async {
        var written = loaded
        for await _ in events {
            let known = await shell.acquaintances(atMost: StateFile.mostMembers).map {
                StateFile.Member(name: $0.name, address: $0.address, incarnation: $0.incarnation)
            }
            let members = StateFile.merged(known, after: written)
            guard members != written else { continue }
            if write(members) { written = members }
            await shell.pause(Self.pause)
        }
    }

    private func write(_ members: [StateFile.Member]) -> Bool {
        do {
            try file.write(members)
            return true
        } catch {
            logger.error(
                """
                the state file cannot be written; after a restart of all nodes this one finds the others \
                by its configured addresses only
                """,
                metadata: [LogKeys.file: "\(file.path)", LogKeys.error: "\(error)"]
            )
            return false
        }
    }
}
