// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import ChordTestSupport
import Testing

/// `chord-sim experiment` as a user runs it.
@Suite(.tags(.simulation), .ownThreads, .timeLimit(.minutes(3)))
struct ExperimentCommandTests {
    private static let names = [
        "path-length", "load", "mass-failure", "churn", "latency", "wrong-pointers",
        "liars", "one-hop",
    ]
    private static let small = ["experiment", "path-length", "--nodes", "32"]

    private func run(_ arguments: [String]) async throws -> ChordProcess.Outcome {
        try await ChordProcess.run(arguments, program: ChordProcess.simulator)
    }

    private struct Report: Decodable {
        struct Row: Decodable {
            let nodes: Int
            let mean: Double
            let publishedMean: Double
        }
        struct Check: Decodable {
            let statement: String
            let holds: Bool
        }
        let experiment: String
        let seed: String
        let settings: [String: String]
        let rows: [Row]
        let checks: [Check]
    }

    @Test("The list names every experiment")
    func list() async throws {
        let outcome = try await run(["experiment", "list"])
        #expect(outcome.code == 0, "\(outcome.errors)")
        for name in Self.names { #expect(outcome.output.contains(name)) }
    }

    @Test("An unknown experiment is refused with the known names")
    func badName() async throws {
        let outcome = try await run(["experiment", "path"])
        #expect(outcome.code == 64)
        #expect(outcome.errors.contains("chord-sim: unknown experiment 'path'"))
        for name in Self.names { #expect(outcome.errors.contains(name)) }
    }

    @Test("An invalid size is refused with the valid range")
    func badSize() async throws {
        let outcome = try await run(["experiment", "churn", "--nodes", "5"])
        #expect(outcome.code == 64)
        #expect(outcome.errors.contains("chord-sim: churn is for 50 to 1000 nodes\n"))
    }

    @Test("The table has no output on standard error")
    func table() async throws {
        let outcome = try await run(Self.small + ["--seed", "9"])
        #expect(outcome.code == 0, "\(outcome.errors)")
        #expect(outcome.errors.isEmpty)
        #expect(outcome.output.contains("path-length, seed 9"))
        #expect(outcome.output.contains("published"))
        #expect(outcome.output.contains("holds: every lookup names the owner"))
        let other = try await run(Self.small + ["--seed", "10"])
        #expect(other.outputLines.dropFirst() != outcome.outputLines.dropFirst())
    }

    @Test("JSON decodes, and --progress writes to standard error")
    func json() async throws {
        let outcome = try await run(Self.small + ["--json", "--progress"])
        #expect(outcome.code == 0, "\(outcome.errors)")
        #expect(outcome.errorLines == [8, 16, 32].map { "path-length: \($0) of 32 nodes" })
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let report = try decoder.decode(Report.self, from: Data(outcome.output.utf8))
        #expect(report.experiment == "path-length")
        #expect(report.seed == "1")
        #expect(report.settings["successor list"] != nil)
        #expect(outcome.output.contains("\"published_mean\": "))
        #expect(report.rows.map(\.nodes) == [8, 16, 32])
        #expect(report.rows.map(\.publishedMean) == [1.5, 2, 2.5])
        #expect(report.rows.allSatisfy { $0.mean <= $0.publishedMean + 0.5 })
        #expect(report.checks.allSatisfy { $0.holds })
    }

    @Test("Markdown and a plot are written")
    func markdownAndPlot() async throws {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "experiment-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "plot.svg").path
        let outcome = try await run(Self.small + ["--markdown", "--plot", file])
        #expect(outcome.code == 0, "\(outcome.errors)")
        #expect(outcome.output.contains("## Path length"))
        #expect(outcome.output.contains("| --: |"))
        let svg = try String(contentsOfFile: file, encoding: .utf8)
        #expect(svg.hasPrefix("<?xml") && svg.hasSuffix("</svg>\n"))
        let nowhere = folder.appending(path: "missing/plot.svg").path
        let refused = try await run(Self.small + ["--plot", nowhere])
        #expect(refused.code == 78)
        #expect(refused.errors.contains("cannot write \(nowhere)"))
        #expect(refused.errors.contains("hint: the folder must exist"))
    }
}
