// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ChordCommandLine
import ChordSimulator

/// `chord-sim experiment`.
struct ExperimentCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "experiment",
        abstract: "Repeat a measurement of the Chord papers and compare the figures.",
        discussion: """
            Each experiment prints a table of our figures and the published ones, the settings that they \
            depend on, and checks of the figures; if a check fails, the exit code is 1. The same \
            seed gives the same figures.

            EXPERIMENTS
            \(Experiment.allCases.map { "  \($0.rawValue.padding(toLength: 16))\($0.summary)" }.joined(separator: "\n"))
            """
    )

    @Argument(
        help: ArgumentHelp("The name of an experiment, or all, or list.", valueName: "name"),
        completion: .list(["list", "all"] + Experiment.allCases.map(\.rawValue))
    )
    var name: String

    @Option(help: "The seed of all random choices.")
    var seed: UInt64 = 1

    @Option(help: "The number of nodes of the largest ring. Default: that of the publication.")
    var nodes: Int?

    @Option(help: "The number of lookups, keys or snapshots. Fewer are faster, but less precise.")
    var samples: Int?

    @Option(
        help: "Write a plot to this SVG file; with all, plots to files in this folder.",
        completion: .file(extensions: ["svg"])
    )
    var plot: String?

    @Flag(help: "Print JSON, one line for each experiment.")
    var json = false

    @Flag(help: "Print Markdown.")
    var markdown = false

    @Flag(help: "Show progress on standard error, even if that is not a terminal.")
    var progress = false

    func validate() throws {
        guard !(json && markdown) else {
            throw ValidationError("Give --json or --markdown, not both.")
        }
        guard name == "list" || !experiments.isEmpty else {
            let names = Experiment.allCases.map(\.rawValue)
            let meant = Suggestion.nearest(to: name, among: names).map { "; did you mean \($0)?" }
            throw ValidationError(
                "Unknown experiment '\(name)'"
                    + (meant ?? "; known are \(names.joined(separator: ", "))")
            )
        }
        for experiment in experiments {
            let options = options(of: experiment)
            guard experiment.nodeLimits.contains(options.nodes) else {
                throw ValidationError(
                    "\(experiment.rawValue) is for \(Self.text(experiment.nodeLimits)) nodes."
                )
            }
            guard experiment.sampleLimits.contains(options.samples) else {
                throw ValidationError(
                    "--samples must be from \(Self.text(experiment.sampleLimits))."
                )
            }
        }
    }

    func run() throws {
        if name == "list" { return list() }
        var hold = true
        for experiment in experiments {
            let options = options(of: experiment)
            let report = experiment.run(options) { line in
                if progress || StandardStreams.errorIsTerminal {
                    StandardStreams.error("\(experiment.rawValue): \(line)")
                }
            }
            StandardStreams.output(text(of: report, options))
            try write(report)
            hold = hold && report.holds
        }
        guard hold else { throw ExitCode(CommandFailure.Kind.failed.rawValue) }
    }

    private var experiments: [Experiment] {
        name == "all" ? Experiment.allCases : Experiment(rawValue: name).map { [$0] } ?? []
    }

    private func options(of experiment: Experiment) -> ExperimentOptions {
        var options = experiment.standardOptions
        options.nodes = nodes ?? options.nodes
        options.samples = samples ?? options.samples
        options.seed = seed
        return options
    }

    private static func text(_ range: ClosedRange<Int>) -> String {
        "\(range.lowerBound) to \(range.upperBound)"
    }

    // MARK: Output

    private func list() {
        if json {
            let all = Experiment.allCases.map { experiment in
                JSON.object([
                    ("name", .string(experiment.rawValue)),
                    ("summary", .string(experiment.summary)),
                    ("nodes", .integer(experiment.standardOptions.nodes)),
                    ("samples", .integer(experiment.standardOptions.samples)),
                ])
            }
            return StandardStreams.output(JSON.array(all).lines)
        }
        var table = Table(columns: [
            .init(title: "experiment"), .init(title: "nodes", isNumeric: true, rank: 1),
            .init(title: "samples", isNumeric: true, rank: 2),
            .init(title: "what it measures", least: 24),
        ])
        table.rows = Experiment.allCases.map {
            [
                $0.rawValue, "\($0.standardOptions.nodes)", "\($0.standardOptions.samples)",
                $0.summary,
            ]
        }
        for line in table.lines(width: StandardStreams.columns) { StandardStreams.output(line) }
    }

    private func text(of report: ExperimentReport, _ options: ExperimentOptions) -> String {
        if json { return report.json(options).line }
        return markdown ? report.markdown : report.text(options)
    }

    private func write(_ report: ExperimentReport) throws {
        guard let plot else { return }
        let path = name == "all" ? "\(plot)/\(report.experiment.rawValue).svg" : plot
        do {
            try Files.write(report.plot.svg, to: path)
        } catch {
            let failure = CommandFailure(
                .configuration,
                "cannot write \(error)",
                hint: "the folder must exist"
            )
            failure.report()
            throw ExitCode(failure.kind.rawValue)
        }
    }
}
