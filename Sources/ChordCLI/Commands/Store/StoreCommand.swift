// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Chord
import ChordCommandLine

/// `chord store`.
struct StoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store",
        abstract: "Inspect the ring's key-value store, change its settings, back it up.",
        subcommands: [
            StoreStatusCommand.self, StoreRangesCommand.self, StoreSetCommand.self,
            StoreExportCommand.self,
            StoreImportCommand.self,
            StoreVerifyCommand.self, StoreRecoverCommand.self,
        ]
    )
}

/// `chord store status`.
struct StoreStatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show each member's part of the store, and what is wrong.",
        discussion: """
            It asks every member of the ring. With --check the exit code is 75 if something is wrong: a member does \
            not serve, or a range has no leader or fewer copies than wanted.
            """
    )

    @Flag(help: "Exit with 75 if something is wrong.")
    var check = false

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup(title: "The ring")
    var ring: RingOptions

    func run() async throws {
        try await reportingFailures {
            try await ring.withClient { client in
                let (overview, width) = try await StoreOverview.read(client)
                let view = StoreStatusView(overview: overview, width: width)
                if json {
                    StandardStreams.output(view.json.lines)
                } else {
                    for line in view.lines(width: StandardStreams.columns) {
                        StandardStreams.output(line)
                    }
                }
                guard !check || overview.problems.isEmpty else {
                    throw ExitCode(CommandFailure.Kind.notIdeal.rawValue)
                }
            }
        }
    }
}

/// `chord store ranges`.
struct StoreRangesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ranges",
        abstract: "List the ranges of the store, with leaders and replicas.",
        discussion: """
            A range is an arc of the ring's identifiers whose keys lie on the same nodes. The size is that of keys and \
            values in one copy. The lag is the number of writes that the slowest copy lacks.
            """
    )

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup(title: "The ring")
    var ring: RingOptions

    func run() async throws {
        try await reportingFailures {
            try await ring.withClient { client in
                let (overview, width) = try await StoreOverview.read(client)
                let view = StoreStatusView(overview: overview, width: width)
                if json {
                    StandardStreams.output(view.rangesJSON.lines)
                } else {
                    for line in view.rangeLines(width: StandardStreams.columns) {
                        StandardStreams.output(line)
                    }
                }
            }
        }
    }
}

extension StoreOverview {
    /// Asks every member of a client's ring, several at the same time.
    ///
    /// - Returns: the answers, and the width of the ring's identifiers in bits.
    /// - Throws: `CommandFailure` if no member has a store; the client's errors if the ring does not answer.
    static func read(_ client: ChordClient) async throws -> (StoreOverview, width: Int) {
        let walk = try await client.walk()
        let nodes = walk.members.map(\.node)
        var answers: [Int: Answer] = [:]
        try await withThrowingTaskGroup(of: (Int, Answer).self) { tasks in
            for (index, node) in nodes.enumerated() {
                if index >= 16, let (done, answer) = try await tasks.next() {
                    answers[done] = answer
                }
                tasks.addTask { (index, try await answer(of: node, client)) }
            }
            for try await (index, answer) in tasks { answers[index] = answer }
        }
        let members = nodes.enumerated().map { index, node in
            Member(node: node, answer: answers[index] ?? .failed("not asked"))
        }
        let hasStore = members.contains {
            if case .noStore = $0.answer { false } else { true }
        }
        guard hasStore else {
            throw CommandFailure(
                .failed,
                "no member of the ring \(walk.parameters.ring) has a store",
                hint: "a store begins with its ring: its first nodes must run without --no-store"
            )
        }
        return (StoreOverview(members), walk.parameters.space.width)
    }

    private static func answer(
        of node: NodeReference,
        _ client: ChordClient
    ) async throws -> Answer {
        do throws(StoreClientError) {
            return .status(try await client.store.status(of: node))
        } catch {
            switch error.code {
            case .noStore: return .noStore
            // All members would answer the same.
            case .cancelled, .stopped, .refused: throw error
            default: return .failed(error.message)
            }
        }
    }
}
