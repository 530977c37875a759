// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

@testable import ChordStore

/// Runs a script: blocks of commands, a line `----`, and what they must print, ended by an empty line.
///
/// `group 1 2 3` comes first. Messages are delivered after each command unless the script says `pause`. The
/// commands are the cases of ``run(_:)``.
struct RaftScriptRunner {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    private var group = ScriptGroup()
    private var isPaused = false
    private var leaseReads: [UInt64: LeaseRead] = [:]

    /// The script with each block's output as it is now.
    static func rewritten(_ script: String) throws -> String {
        var runner = RaftScriptRunner()
        var lines: [String] = []
        var output: [String] = []
        var isOutput = false
        for line in script.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        {
            if line.isEmpty {
                isOutput = false
            } else if line == "----" {
                isOutput = true
                lines.append(line)
                lines += output
                output = []
                continue
            } else if isOutput {
                continue
            } else if !line.hasPrefix("#") {
                output += try runner.run(line)
            }
            lines.append(line)
        }
        guard output.isEmpty else { throw Failure(description: "no ---- after the last command") }
        while lines.last == "" { lines.removeLast() }
        return lines.joined(separator: "\n") + "\n"
    }

    private mutating func run(_ line: String) throws -> [String] {
        group.trace = []
        group.isTracing = true
        var words = line.split(separator: " ").map(String.init)
        let isSilent = words.first == "quickly"
        if isSilent { words.removeFirst() }
        group.isTracing = !isSilent
        guard let command = words.first else { return [] }
        do {
            try run(command, Array(words.dropFirst()))
        } catch let failure as Failure {
            throw Failure(description: "\(failure.description): \(line)")
        }
        if !isPaused { try group.drain() }
        return group.trace
    }

    private func number(_ words: [String], _ place: Int = 0) throws -> UInt64 {
        guard words.indices.contains(place), let number = UInt64(words[place]) else {
            throw Failure(description: "a number is missing")
        }
        return number
    }

    private func numbers(_ words: some Sequence<String>) throws -> [UInt64] {
        try words.map { try number([$0]) }
    }

    /// `1 2 learners 3`.
    private func configuration(_ words: [String]) throws -> RaftConfiguration {
        let place = words.firstIndex(of: "learners") ?? words.endIndex
        return try RaftConfiguration(
            voters: try numbers(words[..<place]).map { ReplicaNumber($0) },
            learners: try numbers(words[place...].dropFirst()).map { ReplicaNumber($0) }
        )
    }

    private mutating func run(_ command: String, _ words: [String]) throws {
        switch command {
        // Settings, before `group`.
        case "lease": group.settings.leaseDuration = .milliseconds(try number(words))
        case "quiet-after": group.settings.quietAfter = .milliseconds(try number(words))
        case "uncommitted": group.settings.uncommittedBytes = Int(try number(words))
        case "window": group.settings.windowMessages = Int(try number(words))
        case "message-bytes": group.settings.messageBytes = Int(try number(words))
        case "show-heartbeats": group.showsHeartbeats = true

        // Replicas.
        case "group":
            let configuration = try configuration(words)
            for member in configuration.members {
                try group.add(member.number, .birth(of: configuration))
            }
        case "node": try group.add(try number(words), .none)
        case "log": try setLog(words)
        case "crash": for node in try numbers(words) { group.crash(node) }
        case "restart":
            for node in try numbers(words) {
                group.crash(node)
                try group.start(node)
            }
        case "copy":
            let node = try number(words)
            let disk = group.nodes[node]?.disk
            group.nodes[node]?.copy = disk
        case "restore":
            let node = try number(words)
            group.crash(node)
            if let copy = group.nodes[node]?.copy { group.nodes[node]?.disk = copy }
            try group.start(node)
        case "slow-disk": for node in try numbers(words) { group.nodes[node]?.isDiskSlow = true }
        case "write":
            for node in try numbers(words) { try group.write(node) }
        case "compact": for node in try numbers(words) { try group.compact(node) }
        case "install": try group.install(try number(words))
        case "show":
            group.isTracing = true
            for node in words.isEmpty ? group.numbers : try numbers(words) {
                group.note(group.show(node))
            }

        // Time: a replica's next deadline, or milliseconds that pass for it.
        case "timeout":
            for node in try numbers(words) {
                guard let deadline = group.nodes[node]?.machine?.nextDeadline else {
                    group.note("  \(node) has no deadline")
                    continue
                }
                group.nodes[node]?.clock = deadline
                try group.perform(node) { _ in }
            }
        case "pass":
            let time = Duration.milliseconds(try number(words))
            for node in try numbers(words.dropFirst()) {
                group.nodes[node]?.clock += time
                try group.perform(node) { _ in }
            }

        // What replicas are asked.
        case "propose":
            let payload = Array(words.dropFirst().joined(separator: " ").utf8)
            try group.perform(try number(words)) { _ = try $0.propose(payload) }
        case "read":
            let id = try number(words, 1)
            try group.perform(try number(words)) { try $0.read(id) }
        case "change":
            let target = try configuration(Array(words.dropFirst(2)))
            try group.perform(try number(words)) { _ = try $0.changeConfiguration(to: target) }
        case "transfer":
            let target = ReplicaNumber(try number(words, 2))
            try group.perform(try number(words)) { try $0.transferLeadership(to: target) }
        case "wake": try group.perform(try number(words)) { $0.wake() }
        case "silent":
            let silent = Set(try numbers(words.dropFirst()).map { ReplicaNumber($0) })
            try group.perform(try number(words)) { $0.setMembers(silent: silent) }
        case "unwatched":
            let unwatched = Set(try numbers(words.dropFirst()).map { ReplicaNumber($0) })
            try group.perform(try number(words)) {
                $0.setMembers(silent: [], unwatched: unwatched)
            }
        case "lease-begin", "lease-end": try lease(command, try number(words))

        // Messages.
        case "pause": isPaused = true
        case "resume": isPaused = false
        case "deliver", "drop", "shelve", "repeat": try message(command, words)
        case "release":
            group.queue += group.shelf
            group.shelf = []
        case "queue": for item in group.queue { group.note(ScriptGroup.text(of: item.message)) }
        case "cut", "join":
            // cut 1 from 2 3: messages in both directions
            let node = try number(words)
            for other in try numbers(words.dropFirst(2)) {
                for link in [(node, other), (other, node)] {
                    let link = ScriptGroup.Link(from: link.0, to: link.1)
                    if command == "cut" { group.cut.insert(link) } else { group.cut.remove(link) }
                }
            }
            if command == "cut" {
                group.queue.removeAll { [cut = group.cut] item in
                    let message = item.message
                    return cut.contains(.init(from: message.from.number, to: message.to.number))
                }
            }
        default: throw Failure(description: "cannot read")
        }
    }

    /// `log 3 term 6 : 1 1 4 4`: the terms of the entries after the birth; nothing but that is committed.
    private mutating func setLog(_ words: [String]) throws {
        let node = try number(words)
        let term = Term(try number(words, 2))
        var entries: [LogEntry] = []
        for (place, entryTerm) in try numbers(words.dropFirst(4)).enumerated() {
            entries.append(
                LogEntry(
                    term: Term(entryTerm),
                    index: LogIndex(UInt64(place) + 2),
                    payload: Array("of \(entryTerm)".utf8)
                )
            )
        }
        group.nodes[node]?.disk.entries = entries
        group.nodes[node]?.disk.hardState = HardState(term: term, commit: LogIndex(1))
        group.crash(node)
        try group.start(node)
    }

    private mutating func lease(_ command: String, _ node: UInt64) throws {
        guard let machine = group.nodes[node]?.machine, let clock = group.nodes[node]?.clock else {
            return
        }
        if command == "lease-begin" {
            leaseReads[node] = machine.leaseRead
            group.note(
                "  \(node) " + (machine.leaseRead.map { "reads at \($0.index)" } ?? "has no lease")
            )
        } else {
            let holds = leaseReads[node].map { machine.leaseHolds(at: clock, for: $0) }
            group.note("  \(node) " + (holds == true ? "answers" : "throws the read away"))
        }
    }

    /// `deliver 1 -> 2`, `deliver` (all), `drop 1 -> 2`, `shelve 1 -> 2` (comes after `release`),
    /// `repeat 1 -> 2` (delivered, and once more after `release`): the oldest message that goes this way.
    private mutating func message(_ command: String, _ words: [String]) throws {
        if words.isEmpty {
            try group.drain()
            return
        }
        let (from, to) = (try number(words), try number(words, 2))
        guard let place = group.index(from: from, to: to) else {
            throw Failure(description: "no such message")
        }
        switch command {
        case "drop": group.queue.remove(at: place)
        case "shelve": group.shelf.append(group.queue.remove(at: place))
        case "repeat":
            group.shelf.append(group.queue[place])
            try group.deliver(at: place)
        default: try group.deliver(at: place)
        }
    }
}
