// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordRuntime
import Logging

/// Reads a node's state when the node is made, and keeps the file up to date while it runs.
struct StateKeeper: Sendable {
    let directory: DataDirectory
    let file: StateFile
    let logger: Logger

    /// Changes come in bursts. This is the shortest time between two writes.
    private static let pause = Duration.milliseconds(500)
    /// The time between two attempts to write after a disk error.
    private static let retryPause = Duration.seconds(5)

    /// Locks the directory.
    ///
    /// - Throws: the reason why it cannot be used, or that another process uses it.
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

    /// The stored state. The file is also checked to be writable.
    ///
    /// - Parameter hasContacts: whether the node has contacts or founders. Then it can find its
    ///   ring without the file. Without them, a node that cannot read whether it was a member must
    ///   not begin a ring.
    /// - Throws: the reason, if the file cannot be read or written, is damaged, or belongs to
    ///   another node.
    func load(hasContacts: Bool) throws(DataDirectoryFailure) -> StateFile.Memory {
        let memory: StateFile.Memory
        do {
            memory = try file.memory() ?? StateFile.Memory()
        } catch let failure as DataDirectoryFailure {
            throw failure
        } catch let failure as FileError {
            throw DataDirectoryFailure(directory.path, failure)
        } catch {
            guard hasContacts else {
                throw DataDirectoryFailure(
                    directory.path,
                    "\(file.path) is damaged (\(error)), so this node does not know its ring: set contacts,"
                        + " or remove the file to begin a new ring"
                )
            }
            logger.warning(
                """
                the state file is damaged and will be written again; this node finds its ring by the \
                configured addresses
                """,
                metadata: [LogKeys.error: "\(error)"]
            )
            // The node may have been a member, so it must not begin a ring that others may still
            // have.
            memory = StateFile.Memory()
        }
        do throws(FileError) {
            try file.write(memory)
        } catch {
            guard error.isFullDisk else { throw DataDirectoryFailure(directory.path, error) }
            warn(error)
        }
        return memory
    }

    /// Whether the configuration names as many places as the ring had that this node was a member of.
    ///
    /// - Parameter configured: nil if it names none.
    /// - Throws: where it names another number: this node's data is that of a place of the ring as it was.
    func check(_ configured: Int?, against remembered: Int) throws(DataDirectoryFailure) {
        guard let configured, configured != remembered else { return }
        throw DataDirectoryFailure(
            directory.path,
            "\(file.path) is of a ring that gives each node \(remembered.places), and this node is "
                + "configured for \(configured.places): a ring keeps its number of places; leave the setting "
                + "out, or begin a new ring in another data directory"
        )
    }

    /// Writes the state after each event, until the events end.
    ///
    /// - Parameters:
    ///   - events: the node's events, from before it joins: the last event may be that it has
    ///     joined.
    ///   - written: the present content of the file.
    ///   - retryPause: the time between two attempts to write after a disk error.
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
        // A cancelled task may not have seen the last event.
        _ = await write(&record, of: shell)
    }

    /// The content of the file, and whether the last write failed.
    private struct Record {
        var written: StateFile.Memory
        var isFailing = false
    }

    /// - Returns: whether the file is up to date.
    private func write(_ record: inout Record, of shell: NodeShell) async -> Bool {
        var memory = record.written
        if await shell.hasJoined {
            memory.isMember = true
            memory.place = shell.view.node.placeIndex
            memory.placements = shell.view.parameters.placements
        }
        let known = await shell.acquaintances(atMost: StateFile.mostMembers).map {
            StateFile.Member(
                name: $0.name,
                address: $0.address,
                incarnation: $0.incarnation,
                place: $0.placeIndex == 0 ? nil : $0.placeIndex
            )
        }
        memory.members = StateFile.merged(known, after: memory.members)
        guard memory != record.written || record.isFailing else { return true }
        do throws(FileError) {
            try file.write(memory)
        } catch {
            // One warning per failure; another one only after a successful write.
            if record.isFailing {
                logger.debug(
                    "the state file still cannot be written",
                    metadata: [LogKeys.error: "\(error.reason)"]
                )
            } else {
                warn(error)
            }
            record.isFailing = true
            return false
        }
        if record.isFailing { logger.notice("the state file can be written again") }
        record = Record(written: memory)
        return true
    }

    private func warn(_ failure: FileError) {
        logger.warning(
            """
            the state file cannot be written: after a restart this node may find its ring only by the \
            configured addresses
            """,
            metadata: [LogKeys.error: "\(failure.reason)"]
        )
    }
}

extension Int {
    fileprivate var places: String { self == 1 ? "1 place" : "\(self) places" }
}
