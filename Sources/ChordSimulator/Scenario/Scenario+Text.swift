// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordBase
import ChordCore

/// The error of a scenario's text.
package typealias ScenarioError = ModuleError<ScenarioErrorCode>

/// The kind of a `ScenarioError`.
package struct ScenarioErrorCode: ErrorCode {
    private enum Kind: String { case unreadable, incomplete }

    private let kind: Kind

    package static let unreadable = Self(kind: .unreadable)
    package static let incomplete = Self(kind: .incomplete)

    package var description: String { kind.rawValue }
}

// A scenario as text, with a line for each setting, founder and fault, as in the interaction tests:
//
//     ring width 16 list 3 delaying seed 17
//     network delay uniform 1ms 20ms loss 0.01 duplicate 0.005 silent
//     timing stabilize 1000ms jitter 0.25 prompt 5ms silence 1000ms lookup 250ms deadline 5000ms …
//     birth founded
//     failures admissible
//     member n1 at 5
//     at 1200ms crash n1
//     heal at 5000ms
//
// Only the lines `ring` and `heal` are required; the others have defaults. `#` starts a comment. In
// scenarios that are stored as tests, the expected outcome follows a line `----`.

extension Scenario {
    /// The scenario as text, which ``init(text:)`` reads.
    package var text: String {
        var lines = [
            "ring width \(width) list \(successorCount) \(queryMode.rawValue) seed \(seed)"
                + (placements > 1 ? " placements \(placements)" : ""),
            "network delay \(network.delay.text) loss \(network.loss) duplicate "
                + "\(network.duplication) \(network.refusesWhenDown ? "refusing" : "silent")"
                + (network.staysSlow ? " slow" : ""),
            "timing stabilize \(timing.stabilize.text) jitter \(timing.jitter) prompt "
                + "\(timing.promptDelay.text) silence \(timing.peerTimeout.text) lookup "
                + "\(timing.lookupTimeout.text) deadline \(timing.lookupDeadline.text) retry "
                + "\(timing.joinRetry.text) \(timing.joinRetryCap.text) skew \(timing.clockSkew)",
            "birth \(birth.rawValue)",
            "failures \(admitsOnly ? "admissible" : "any")",
        ]
        if lookupInterval != .zero { lines.append("lookups every \(lookupInterval.text)") }
        lines += founders.map { "member n\($0.number) at \($0.id.word3)" }
        lines += faults.map { "at \($0.time.text) \($0.fault.text)" }
        lines.append("heal at \(healTime.text)")
        return lines.joined(separator: "\n") + "\n"
    }

    /// Reads a scenario.
    ///
    /// - Throws: ``ScenarioError`` with code `unreadable`, naming the line, or `incomplete`.
    package init(text: String) throws(ScenarioError) {
        self.init(seed: 0, width: 0, successorCount: 0, queryMode: .delaying, founders: [])
        var hasHeal = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: true) {
            if line == "----" { break }
            if line.hasPrefix("#") { continue }
            var words = ScenarioWords(line)
            if words.isAtEnd { continue }
            switch try words.next() {
            case "ring": try readRing(&words)
            case "network": try readNetwork(&words)
            case "timing": try readTiming(&words)
            case "birth": birth = try words.value()
            case "failures": admitsOnly = try words.next() == "admissible"
            case "lookups":
                try words.expect("every")
                lookupInterval = try words.duration()
            case "member":
                let number = try words.node()
                try words.expect("at")
                founders.append(Founder(number: number, id: try words.identifier(width: width)))
            case "at":
                let time = try words.duration()
                faults.append(TimedFault(at: time, try Fault(&words, width: width)))
            case "heal":
                try words.expect("at")
                healTime = try words.duration()
                hasHeal = true
            default: throw words.unreadable
            }
            try words.end()
        }
        guard width > 0, hasHeal, !founders.isEmpty else {
            throw ScenarioError(
                .incomplete,
                "a scenario needs a line \"ring\", one \"member\" at least and a line \"heal\""
            )
        }
        let numbers = founders.map(\.number)
        guard Set(numbers).count == numbers.count, Set(founders.map(\.id)).count == numbers.count
        else { throw ScenarioError(.unreadable, "two members are the same") }
        faults = faults.enumerated().sorted {
            ($0.element.time, $0.offset) < ($1.element.time, $1.offset)
        }.map(\.element)
    }

    private mutating func readRing(_ words: inout ScenarioWords) throws(ScenarioError) {
        // Identifiers that were read before would have the wrong width.
        guard width == 0 else { throw words.unreadable }
        try words.expect("width")
        width = try words.value()
        try words.expect("list")
        successorCount = try words.value()
        guard (1...64).contains(width), (1...32).contains(successorCount) else {
            throw words.unreadable
        }
        queryMode = try words.value()
        try words.expect("seed")
        seed = try words.value()
        guard !words.isAtEnd else { return }
        try words.expect("placements")
        placements = try words.value()
        guard (1...RingParameters.largestPlacements).contains(placements) else {
            throw words.unreadable
        }
    }

    private mutating func readNetwork(_ words: inout ScenarioWords) throws(ScenarioError) {
        while !words.isAtEnd {
            switch try words.next() {
            case "delay": network.delay = try DelayDistribution(&words)
            case "loss": network.loss = try words.share()
            case "duplicate": network.duplication = try words.share()
            case "refusing": network.refusesWhenDown = true
            case "silent": network.refusesWhenDown = false
            case "slow": network.staysSlow = true
            default: throw words.unreadable
            }
        }
    }

    private mutating func readTiming(_ words: inout ScenarioWords) throws(ScenarioError) {
        while !words.isAtEnd {
            switch try words.next() {
            case "stabilize": timing.stabilize = try words.duration()
            case "jitter": timing.jitter = try words.share()
            case "prompt": timing.promptDelay = try words.duration()
            case "silence": timing.peerTimeout = try words.duration()
            case "lookup": timing.lookupTimeout = try words.duration()
            case "deadline": timing.lookupDeadline = try words.duration()
            case "retry":
                timing.joinRetry = try words.duration()
                timing.joinRetryCap = try words.duration()
            case "skew": timing.clockSkew = try words.share()
            default: throw words.unreadable
            }
        }
    }
}

extension DelayDistribution {
    var text: String {
        switch self {
        case .fixed(let delay): "fixed \(delay.text)"
        case .uniform(let from, let to): "uniform \(from.text) \(to.text)"
        case .exponential(let mean, let limit): "exponential \(mean.text) \(limit.text)"
        case .heavyTailed(let least, let limit): "heavy \(least.text) \(limit.text)"
        }
    }

    init(_ words: inout ScenarioWords) throws(ScenarioError) {
        switch try words.next() {
        case "fixed": self = .fixed(try words.duration())
        case "uniform":
            let from = try words.duration()
            let to = try words.duration()
            guard from <= to else { throw words.unreadable }
            self = .uniform(from: from, to: to)
        case "exponential":
            self = .exponential(mean: try words.duration(), limit: try words.duration())
        case "heavy": self = .heavyTailed(least: try words.duration(), limit: try words.duration())
        default: throw words.unreadable
        }
    }
}

extension Fault {
    var text: String {
        func list(_ nodes: [Int]) -> String { nodes.map { "n\($0)" }.joined(separator: ",") }
        return switch self {
        case .crash(let node): "crash n\(node)"
        case .restart(let node, let via): "restart n\(node) via n\(via)"
        case .bounce(let node, let down): "bounce n\(node) for \(down.text)"
        case .pause(let node, let length): "pause n\(node) for \(length.text)"
        case .join(let node, let id, let via): "join n\(node) at \(id.word3) via n\(via)"
        case .twin(let node, let original, let via): "twin n\(node) of n\(original) via n\(via)"
        case .intrude(let node, let id, let via): "intrude n\(node) at \(id.word3) via n\(via)"
        case .leave(let node): "leave n\(node)"
        case .partition(let left, let right): "partition \(list(left)) \(list(right))"
        case .partitionOneway(let left, let right): "partitionOneway \(list(left)) \(list(right))"
        case .firewall(let left, let right): "firewall \(list(left)) \(list(right))"
        case .repair(let left, let right): "repair \(list(left)) \(list(right))"
        case .repairAll: "repair all"
        case .hold(let from, let to): "hold n\(from) n\(to)"
        case .release(let from, let to): "release n\(from) n\(to)"
        case .lookup(let node, let id): "lookup \(id.word3) from n\(node)"
        }
    }

    init(_ words: inout ScenarioWords, width: Int) throws(ScenarioError) {
        switch try words.next() {
        case "crash": self = .crash(try words.node())
        case "restart":
            let node = try words.node()
            try words.expect("via")
            self = .restart(node, via: try words.node())
        case "bounce":
            let node = try words.node()
            try words.expect("for")
            self = .bounce(node, down: try words.duration())
        case "pause":
            let node = try words.node()
            try words.expect("for")
            self = .pause(node, for: try words.duration())
        case "join":
            let node = try words.node()
            try words.expect("at")
            let id = try words.identifier(width: width)
            try words.expect("via")
            self = .join(node, id: id, via: try words.node())
        case "twin":
            let node = try words.node()
            try words.expect("of")
            let original = try words.node()
            try words.expect("via")
            self = .twin(node, of: original, via: try words.node())
        case "intrude":
            let node = try words.node()
            try words.expect("at")
            let id = try words.identifier(width: width)
            try words.expect("via")
            self = .intrude(node, at: id, via: try words.node())
        case "leave": self = .leave(try words.node())
        case "partition": self = .partition(try words.nodes(), try words.nodes())
        case "partitionOneway": self = .partitionOneway(try words.nodes(), try words.nodes())
        case "firewall": self = .firewall(try words.nodes(), try words.nodes())
        case "repair":
            if words.rest == ["all"] {
                _ = try words.next()
                self = .repairAll
            } else {
                self = .repair(try words.nodes(), try words.nodes())
            }
        case "hold": self = .hold(from: try words.node(), to: try words.node())
        case "release": self = .release(from: try words.node(), to: try words.node())
        case "lookup":
            let id = try words.identifier(width: width)
            try words.expect("from")
            self = .lookup(at: try words.node(), id)
        default: throw words.unreadable
        }
    }
}
