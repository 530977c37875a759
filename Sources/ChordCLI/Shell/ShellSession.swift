// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordBase
import ChordCommandLine

/// A session of the shell: a port until the node is in a ring, then the node.
actor ShellSession {
    private let settings: ShellSettings
    private var port: Int
    private var member: ShellMember?
    /// Keys that were typed or seen, for completion.
    private let words: ShellWords
    private let show: @Sendable (String) -> Void
    /// Called when the node ends although nobody asked it to.
    private let ended: @Sendable ((any Error)?) -> Void

    init(
        _ settings: ShellSettings,
        words: ShellWords,
        show: @escaping @Sendable (String) -> Void,
        ended: @escaping @Sendable ((any Error)?) -> Void
    ) {
        self.settings = settings
        self.words = words
        self.show = show
        self.ended = ended
        port = settings.port
    }

    /// Does what a line asks for.
    ///
    /// - Returns: whether the shell goes on.
    func run(_ request: ShellRequest) async throws -> Bool {
        switch request {
        case .help: for line in ShellVerb.helpLines { show(line) }
        case .quit(let atOnce):
            try await quit(atOnce: atOnce)
            return false
        case .port(let number): try setPort(number)
        case .create: try await enter(through: nil)
        case .join(let contact): try await enter(through: contact)
        case .ping(let address): try await ping(address)
        case .get(let key): try await get(key)
        case .put(let key, let value): try await put(key, value)
        case .delete(let key): try await delete(key)
        case .putRandom(let count): try await putRandom(count)
        case .dump: try await dump(inRing().node.reference)
        case .dumpKey(let key): try await dumpOwner(of: key)
        case .dumpAddress(let address): try await dump(at: address)
        case .dumpAll: try await dumpAll()
        }
        return true
    }

    // MARK: The node

    private func setPort(_ number: Int) throws(CommandFailure) {
        guard member == nil else {
            throw CommandFailure(
                .usage,
                "the node is in a ring already, and listens on port \(port)",
                hint: "quit, and choose the port before create or join"
            )
        }
        port = number
        show("the node will listen on port \(number)")
    }

    private func enter(through contact: String?) async throws {
        guard member == nil else {
            throw CommandFailure(
                .usage,
                "the node is in a ring already",
                hint: "quit leaves it; then start the shell again"
            )
        }
        let started = try await ShellMember.start(
            try settings.node(port: port, contact: contact),
            client: settings.client()
        )
        member = started
        Task { [ended] in
            var reason: (any Error)?
            do { try await started.waitForEnd() } catch { reason = error }
            if forget(started) { ended(reason) }
        }
        let node = started.node
        let width = node.parameters.space.width
        let place = NodeDump.short(node.reference.id, width: width)
        show(
            "\(node.reference.name.printable) (\(place)) at \(node.reference.address) "
                + (contact == nil
                    ? "began ring \(node.parameters.ring.printable)"
                    : "is in ring \(node.parameters.ring.printable)")
        )
    }

    /// Notes that a node has ended.
    ///
    /// - Returns: whether it was in use.
    private func forget(_ ended: ShellMember) -> Bool {
        guard member?.node === ended.node else { return false }
        member = nil
        return true
    }

    /// - Throws: a `CommandFailure` while the node is in no ring.
    private func inRing() throws(CommandFailure) -> ShellMember {
        guard let member else {
            throw CommandFailure(
                .usage,
                "the node is in no ring yet",
                hint: "create begins one, join HOST:PORT joins one"
            )
        }
        return member
    }

    /// Leaves the ring without moving data: the end of the process, when it is asked to end at once.
    func stop() async {
        guard let member else { return }
        self.member = nil
        await member.stop()
    }

    private func quit(atOnce: Bool) async throws {
        guard let member else { return }
        let isAlone = member.node.successors.isEmpty
        if !isAlone, !atOnce {
            show("handing the data over to the other nodes")
            do throws(ChordError) {
                try await member.node.leave()
            } catch {
                throw error.code == .callFailed ? Self.kept(error) : error
            }
        }
        self.member = nil
        await member.stop()
        if isAlone {
            show(
                settings.dataDirectory.map {
                    "the ring ends with its last node; its data stay in \($0)"
                } ?? "the ring and its data end with their last node"
            )
        } else {
            show("left the ring")
        }
    }

    private static func kept(_ error: ChordError) -> any Error {
        CommandFailure(
            .failed,
            error.message,
            hint: "quit now ends the shell without handing its data over"
        )
    }

    // MARK: Keys

    private func get(_ key: String) async throws {
        let member = try inRing()
        guard let value = try await member.client.store.get(StoreKey(key)) else {
            throw CommandFailure(.absent, "there is no key \"\(key)\"")
        }
        words.add(key: key)
        show(NodeDump.text(value.bytes))
    }

    private func put(_ key: String, _ value: String) async throws {
        _ = try await inRing().client.store.put(StoreKey(key), Array(value.utf8))
        words.add(key: key)
        show("stored")
    }

    private func delete(_ key: String) async throws {
        let result = try await inRing().client.store.delete(StoreKey(key))
        words.remove(key: key)
        show(result.previousVersion == nil && !result.isRepeated ? "was absent already" : "deleted")
    }

    private func putRandom(_ count: Int) async throws {
        let store = try inRing().client.store
        var generator = SystemRandomNumberGenerator()
        func word(_ letters: Int) -> String {
            String(
                (0..<letters).map { _ in
                    "abcdefghijklmnopqrstuvwxyz".randomElement(using: &generator) ?? "a"
                }
            )
        }
        let rows = (0..<count).map { _ in (key: word(8), value: word(8)) }
        // Writes of one client are in progress together; more would only wait in line.
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for (place, row) in rows.enumerated() {
                if place >= 16 { try await tasks.next() }
                tasks.addTask { _ = try await store.put(StoreKey(row.key), Array(row.value.utf8)) }
            }
            try await tasks.waitForAll()
        }
        for row in rows.prefix(ShellWords.mostKeys) { words.add(key: row.key) }
        show("stored \(count.counted("random key"))")
    }

    // MARK: Nodes

    private func ping(_ address: String) async throws {
        let clock = ContinuousClock()
        let (node, time) = try await settings.asking(address) { client in
            // The first call opens the connection.
            _ = try await client.describe()
            let began = clock.now
            let description = try await client.describe()
            return (description.node, clock.now - began)
        }
        let milliseconds = time.milliseconds.formatted(digits: 2)
        show("\(node.name.printable) at \(node.address.printable) answers, \(milliseconds) ms")
        words.add(node: node)
    }

    private func dump(at address: String) async throws {
        let node = try await settings.asking(address) { try await $0.describe().node }
        try await dump(node)
    }

    private func dumpOwner(of key: String) async throws {
        let member = try inRing()
        let id = member.node.identifier(of: key)
        let width = member.node.parameters.space.width
        let result =
            settings.isClassic
            ? try await member.client.trace(id, asking: ShellSettings.classicSteps).result
            : try await member.client.lookup(id, wantsPath: true)
        let path = result.path.map(\.name.printable).joined(separator: " > ")
        show(
            "key \(key.printable) (\(NodeDump.short(id, width: width))), asked \(path), owner"
                + " \(result.owner.name.printable)"
        )
        try await dump(result.owner)
    }

    private func dumpAll() async throws {
        let walk = try await inRing().client.walk()
        for (place, found) in walk.members.enumerated() {
            if place > 0 { show("") }
            try await dump(found.node)
        }
        for problem in walk.problems { show("not ideal: \(problem.printable)") }
    }

    private func dump(_ node: NodeReference) async throws {
        let member = try inRing()
        words.add(node: node)
        let dump = try await settings.asking(node.address) { client in
            var dump = NodeDump(description: try await client.describe())
            let range = dump.description.range
            do {
                for try await row in client.store.scan() {
                    let position = member.node.identifier(of: row.key.partition ?? row.key.name)
                    if range?.contains(position) == true {
                        dump.rows.append(row)
                    } else {
                        dump.copies += 1
                    }
                }
            } catch {
                dump.missing = CommandFailure(explaining: error, in: .shell).message
            }
            dump.rows.sort { $0.key.name.lexicographicallyPrecedes($1.key.name) }
            return dump
        }
        for line in dump.lines(width: StandardStreams.columns) { show(line) }
        for row in dump.rows.prefix(ShellWords.mostKeys) {
            if let key = String(validating: row.key.name, as: UTF8.self) { words.add(key: key) }
        }
    }
}
