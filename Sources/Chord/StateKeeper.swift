// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRuntime
import Logging

/// Reads what a node remembers when it is made, and keeps it while it runs.
struct StateKeeper: Sendable {
    let directory: DataDirectory
    let file: StateFile
    let logger: Logger

    /// Changes come in bursts; the file is written no oftener than this.
    private static let pause = Duration.milliseconds(500)
    /// The time between two attempts to write where the disk does not let us.
    private static let retryPause = Duration.seconds(5)

    /// Takes the directory.
    ///
    /// - Throws: where it cannot be used, or another process holds it.
    init(
        _ path: String,
        node: String,
        parameters: RingParameters,
        logger: Logger
    ) throws(DataDirectoryFailure) {
        directory = try DataDirectory(path)
        file = StateFile(
            path: directory.stateFile,
            node: node,
            ring: StateFile.Ring(parameters)
        )
        var logger = logger
        logger[metadataKey: LogKeys.node] = "\(node)"
        logger[metadataKey: LogKeys.file] = "\(directory.stateFile)"
        self.logger = logger
    }

    /// What the file says, once it is known that it can be written.
    ///
    /// - Parameter hasContacts: whether the node was told of others to find its ring by. Then it can do
    ///   without the file; a node that cannot read whether it was a member must not begin a ring.
    /// - Throws: where it cannot be read or written, is damaged, or is another node's.
    func load(hasContacts: Bool) throws(DataDirectoryFailure) -> StateFile.Memory {
        let memory: StateFile.Memory
        do {
            memory = try file.memory() ?? StateFile.Memory()
        } catch let failure as DataDirectoryFailure {
            throw failure
        } catch let failure as SystemFailure {
            throw DataDirectoryFailure(directory.path, failure)
        } catch {
            guard hasContacts else {
                throw DataDirectoryFailure(
                    directory.path,
                    "\(file.path) is damaged (\(error)), so that this node does not know its ring: name "
                        + "members of it to join through, or remove the file to begin a new ring"
                )
            }
            logger.warning(
                """
                what this node remembered is damaged, and written anew; it finds its ring by the \
                addresses that it was given
                """,
                metadata: [LogKeys.error: "\(error)"]
            )
            // It may have been one: it does not begin a ring that others may have.
            memory = StateFile.Memory()
        }
        do throws(SystemFailure) {
            try file.write(memory)
        } catch {
            guard error.isFullDisk else { throw DataDirectoryFailure(directory.path, error) }
            warn(error)
        }
        return memory
    }

    /// Writes down what the node knows whenever something happens, until the events end.
    ///
    /// - Parameters:
    ///   - events: of the node, from before it joins: the last one may be that it has joined.
    ///   - written: what the file says.
    ///   - retryPause: the time between two attempts to write where the disk does not let us.
    func keep(
        _ written: StateFile.Memory,
        of shell: NodeShell,
        at events: AsyncStream<RingEvent>,
        retryingAfter retryPause: Duration = Self.retryPause
    ) async {
        var record = Record(written: written)
        for await _ in events {
            while await !write(&record, of: shell) {
                guard !Task.isCancelled, await shell.isRunning else { return }
                await shell.pause(retryPause)
            }
            await shell.pause(Self.pause)
        }
        // A task that was cancelled may not have seen the last of them.
        _ = await write(&record, of: shell)
    }

    /// What the file says, and whether the last attempt to change it failed.
    private struct Record {
        var written: StateFile.Memory
        var isFailing = false
    }

    /// - Returns: whether the file says what the node knows.
    private func write(_ record: inout Record, of shell: NodeShell) async -> Bool {
        var memory = record.written
        if await shell.hasJoined { memory.isMember = true }
        let known = await shell.acquaintances(atMost: StateFile.mostMembers).map {
            StateFile.Member(name: $0.name, address: $0.address, incarnation: $0.incarnation)
        }
        memory.members = StateFile.merged(known, after: memory.members)
        guard memory != record.written || record.isFailing else { return true }
        do throws(SystemFailure) {
            try file.write(memory)
        } catch {
            // Once, and again when it has been well meanwhile.
            if record.isFailing {
                logger.debug(
                    "still not written down",
                    metadata: [LogKeys.error: "\(error.reason)"]
                )
            } else {
                warn(error)
            }
            record.isFailing = true
            return false
        }
        if record.isFailing { logger.notice("what this node remembers is written down again") }
        record = Record(written: memory)
        return true
    }

    private func warn(_ failure: SystemFailure) {
        logger.warning(
            """
            what this node remembers cannot be written down: started again, it may find its ring by the \
            addresses that it is given only
            """,
            metadata: [LogKeys.error: "\(failure.reason)"]
        )
    }
}
