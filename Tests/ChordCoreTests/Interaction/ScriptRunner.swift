// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

@testable import ChordCore

/// Runs a script: blocks of commands, a line `----`, and what they must print, ended by an empty line.
///
/// `ring width W list R [delaying]` comes first. Messages are delivered after each command unless the
/// script says `pause`. The commands are the cases of ``run(_:)``.
struct ScriptRunner {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    private var ring: Ring?
    private var isPaused = false
    private var shelf: [Ring.Message] = []

    /// The script with each block's output as it is now.
    static func rewritten(_ script: String) throws -> String {
        var runner = ScriptRunner()
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
        let words = line.split(separator: " ").map(String.init)
        if words.first == "ring" {
            guard words.count >= 5, let width = Int(words[2]), let count = Int(words[4]) else {
                throw Failure(description: "cannot read: \(line)")
            }
            var placements = 1
            if let index = words.firstIndex(of: "placements"), index + 1 < words.count {
                placements = Int(words[index + 1]) ?? 1
            }
            ring = try Ring(width: width, successorCount: count, placements: placements)
            if words.contains("delaying") { ring?.configuration.queryMode = .delaying }
            return []
        }
        guard var ring else { throw Failure(description: "the script does not begin with ring") }
        defer { self.ring = ring }
        ring.isTracing = true
        ring.trace = []
        try run(words, on: &ring)
        let isStep = ["deliver", "settle", "hold", "show", "queue", "shelve"].contains(words[0])
        if !isPaused, !isStep {
            guard ring.drain() else { throw Failure(description: "no end of messages: \(line)") }
        }
        return ring.trace
    }

    private mutating func run(_ words: [String], on ring: inout Ring) throws {
        let unreadable = Failure(description: "cannot read: \(words.joined(separator: " "))")
        func word(after key: String) throws -> String {
            guard let found = optional(after: key) else { throw unreadable }
            return found
        }
        func optional(after key: String) -> String? {
            guard let index = words.firstIndex(of: key), index + 1 < words.count else { return nil }
            return words[index + 1]
        }
        func list(after key: String) -> [String] {
            optional(after: key)?.split(separator: ",").map(String.init) ?? []
        }
        func identifier(after key: String) throws -> Identifier {
            guard let value = UInt64(try word(after: key)) else { throw unreadable }
            return Identifier(value)
        }
        func nodes() throws -> [String] {
            if words.count > 1, words[1] != "all" { return Array(words.dropFirst()) }
            return ring.addresses
        }
        switch words[0] {
        case "mode":
            ring.configuration.queryMode = words[1] == "delaying" ? .delaying : .answering
        case "places":
            // places n1 10,40,55: where the ring's rule puts n1
            guard words.count == 3 else { throw unreadable }
            ring.places[words[1]] = words[2].split(separator: ",").compactMap { UInt64($0) }
                .map { Identifier($0) }
        case "create":
            ring.create(
                try word(after: "create"),
                id: try identifier(after: "at"),
                ring: optional(after: "ring")
            )
        case "join":
            ring.join(
                try word(after: "join"),
                name: optional(after: "named"),
                id: try identifier(after: "at"),
                via: list(after: "via"),
                past: past(list(after: "was"), optional(after: "stood"), on: ring),
                limit: optional(after: "for").flatMap { Int($0) }.map { .seconds($0) },
                life: optional(after: "life").flatMap { UInt64($0) } ?? 1
            )
        case "found":
            ring.found(
                try word(after: "found"),
                id: try identifier(after: "at"),
                with: list(after: "with"),
                limit: optional(after: "for").flatMap { Int($0) }.map { .seconds($0) }
            )
        case "stranger":
            // stranger n9 noContact speaks no TLS: what is answered where no node lives
            guard words.count > 3, let code = JoinError.Code(rawValue: words[2]) else {
                throw unreadable
            }
            let message = words.dropFirst(3).joined(separator: " ")
            ring.strangers[words[1]] = .failed(code, message)
        case "silent": ring.silent.insert(try word(after: "silent"))
        case "speaking": ring.silent.remove(try word(after: "speaking"))
        case "outside":
            // outside n1 at 10: a node that is up and does not join
            ring.add(try word(after: "outside"), id: try identifier(after: "at"))
        case "restart":
            ring.restart(try word(after: "restart"), via: try word(after: "via"))
        case "drop":
            for address in try nodes() { ring.drop(address) }
        case "leave":
            ring.leave(try word(after: "leave"))
        case "tick":
            for address in try nodes() {
                ring.tick(address)
                if !isPaused, !ring.drain() { throw Failure(description: "no end of messages") }
            }
        case "suspect":
            // suspect n2 at n1
            guard let node = ring.nodes[try word(after: "suspect")] else { throw unreadable }
            ring.perform(on: try word(after: "at")) { $0.suspect(node.reference.id) }
        case "merge":
            // merge n1 with n2: an operator tells n1 that n2 is of another ring
            guard let node = ring.nodes[try word(after: "with")] else { throw unreadable }
            ring.perform(on: try word(after: "merge")) { $0.merge(with: node.reference) }
        case "notify":
            guard let node = ring.nodes[try word(after: "notify")] else { throw unreadable }
            ring.send(
                from: node.reference.address,
                to: try word(after: "->"),
                .notify(node.reference)
            )
        case "pause": isPaused = true
        case "resume": isPaused = false
        case "deliver" where words.contains("->"):
            // deliver n1 -> n2: the oldest message that goes this way
            guard let index = ring.index(from: words[1], to: words[3]) else { throw unreadable }
            ring.deliver(at: index)
        case "shelve":
            // shelve n1 -> n2: the oldest message that goes this way comes later, after `return`
            guard let index = ring.index(from: words[1], to: words[3]) else { throw unreadable }
            shelf.append(ring.queue.remove(at: index))
        case "return":
            ring.queue += shelf
            shelf = []
        case "build":
            // build n1@10 n2@20: an ideal ring of these, without a word about how it came about
            try build(words.dropFirst(), on: &ring)
        case "deliver":
            for _ in 0..<(Int(words.count > 1 ? words[1] : "1") ?? 1) where !ring.deliverNext() {
                ring.trace.append("nothing to deliver")
            }
        case "hold":
            ring.held.insert(
                Ring.Link(from: try word(after: "hold"), to: try word(after: "->"))
            )
        case "release":
            ring.held.remove(
                Ring.Link(from: try word(after: "release"), to: try word(after: "->"))
            )
        case "queue":
            ring.trace += ring.queue.map { ring.text(of: $0) }
        case "forge":
            try forge(words, on: &ring)
        case "lookup":
            let found = ring.lookUp(
                try identifier(after: "lookup"),
                from: try word(after: "from"),
                joiner: optional(after: "as").flatMap { ring.nodes[$0]?.reference },
                hopBudget: optional(after: "budget").flatMap { Int($0) }
            )
            ring.trace.append(ring.text(of: found))
        case "settle":
            ring.isTracing = false
            guard let rounds = ring.settle() else { throw Failure(description: "does not settle") }
            let flaws = ring.flaws()
            ring.trace.append(
                "after \(rounds) rounds: " + (flaws.isEmpty ? "ideal" : "\(flaws)")
            )
            ring.trace += ring.addresses.map { ring.show($0) }
        case "show":
            ring.trace += try nodes().map { ring.show($0) }
        default:
            throw unreadable
        }
    }

    /// A former life: members by address, or nobody.
    private func past(
        _ words: [String],
        _ place: String?,
        on ring: Ring
    ) -> JoinMachine.Past {
        let members = words.compactMap { ring.nodes[$0]?.reference }
        return JoinMachine.Past(
            members: members,
            wasMember: !words.isEmpty,
            placeIndex: place.flatMap { Int($0) }
        )
    }

    private func build(_ nodes: some Sequence<String>, on ring: inout Ring) throws {
        ring.isTracing = false
        var first: String?
        for node in nodes {
            let parts = node.split(separator: "@").map(String.init)
            guard parts.count == 2, let id = UInt64(parts[1]) else {
                throw Failure(description: "cannot read: \(node)")
            }
            if let first {
                ring.join(parts[0], id: Identifier(id), via: [first])
            } else {
                ring.create(parts[0], id: Identifier(id))
                first = parts[0]
            }
            guard ring.settle() != nil else { throw Failure(description: "does not settle") }
        }
        guard ring.flaws().isEmpty else { throw Failure(description: "\(ring.flaws())") }
        ring.isTracing = true
    }

    /// `forge n2 -> n1 pred n4 succ n3 n3 n1`: what n2 has answered becomes this; with `stale`, only its
    /// token does not fit any more.
    private func forge(_ words: [String], on ring: inout Ring) throws {
        let unreadable = Failure(description: "cannot read: \(words.joined(separator: " "))")
        guard words.count > 4,
            let index = ring.queue.firstIndex(where: {
                guard case .answer = $0.payload else { return false }
                return $0.from == words[1] && $0.to == words[3]
            }), case .answer(let token, let answer) = ring.queue[index].payload,
            case .state(var state) = answer
        else { throw unreadable }
        if words[4] == "stale" {
            ring.queue[index].payload = .answer(Token(number: 1_000_000), answer)
            return
        }
        func node(_ address: String) throws -> NodeReference {
            guard let node = ring.nodes[address] else { throw unreadable }
            return node.reference
        }
        if words[4] == "from" { state.node = try node(words[5]) }
        if let place = words.firstIndex(of: "pred") {
            state.predecessor = try node(words[place + 1])
        }
        if let place = words.firstIndex(of: "succ") {
            state.successors = try words[(place + 1)...].map(node)
        }
        ring.queue[index].payload = .answer(token, .state(state))
    }
}
