// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Chord
import ChordCommandLine

/// `chord store import`.
struct StoreImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Write the rows of an exported file into a store.",
        discussion: """
            The store can be another one than the exported: with another ring, another hash function, other replicas. The \
            whole file is checked before a row is written. Keys of the store that the file lacks stay. Each row gets a \
            version above all versions of the exported store, so a condition on a version from there never holds by \
            accident. It needs a certificate of role admin, and all nodes of a release that has this command.

            A time to live goes on from the moment of the export; rows whose time is over are left out. --keep-ttl lets \
            it begin at the import. If the command fails on the way, run it again.
            """
    )

    @Argument(help: ArgumentHelp("A file of chord store export.", valueName: "file"))
    var file: String

    @Flag(help: "Leave keys that exist as they are.")
    var skipExisting = false

    @Flag(
        name: .customLong("keep-ttl"),
        help: "Give each row the time to live that it had at the export."
    )
    var keepTimeToLive = false

    @Flag(help: "Only check the whole file; no node is asked.")
    var dryRun = false

    @Flag(help: "Write what is whole of a damaged file, or of one that breaks off.")
    var incomplete = false

    @Option(help: ArgumentHelp("Writes that are under way at a time.", valueName: "number"))
    var inFlight = 32

    @Flag(help: "Print the totals as JSON.")
    var json = false

    @OptionGroup(title: "The ring")
    var ring: RingOptions

    func validate() throws {
        guard (1...512).contains(inFlight) else {
            throw ValidationError("--in-flight must be from 1 to 512, not \(inFlight).")
        }
        guard file != "-" else {
            throw ValidationError(
                "The file is read twice, so it cannot be standard input: name a file."
            )
        }
    }

    /// What became of the rows.
    struct Outcome: Equatable {
        var rows = StoreImportCount()
        /// Rows whose time to live was over.
        var expired = 0
    }

    func run() async throws {
        try await reportingFailures {
            var progress = Progress(isSilent: json)
            let read = try await check(&progress)
            guard !dryRun else {
                progress.end()
                return StandardStreams.output(
                    json ? JSON.object(read.totals.members).lines : Self.checked(read.totals, file)
                )
            }
            try await ring.withClient { client in
                let outcome = try await write(read.totals, client.store, &progress)
                progress.end()
                StandardStreams.output(
                    json ? Self.json(outcome).lines : Self.summary(outcome, file)
                )
            }
        }
    }

    /// Reads the whole file.
    private func check(_ progress: inout Progress) async throws -> BackupReading.Result {
        var rows = 0
        var shown = progress
        let read = try await BackupReading(path: file).read { _, block in
            rows += block.count
            shown.tell("checking: \(rows.counted("row"))")
        }
        progress = shown
        guard let fault = read.fault else { return read }
        guard incomplete, !dryRun, fault.kind != .wrongFile, read.header != nil else {
            throw CommandFailure(fault, of: file)
        }
        StandardStreams.error("chord: \(file): \(fault.message)")
        return read
    }

    private func write(
        _ totals: BackupTotals,
        _ store: StoreClient,
        _ progress: inout Progress
    ) async throws -> Outcome {
        // First the versions: from here on each write gets a version that the exported store never had.
        try await store.raiseVersions(above: totals.version, timeout: .seconds(30))
        var outcome = Outcome()
        var shown = progress
        let read = try await BackupReading(path: file).read { range, rows in
            let age = keepTimeToLive ? .zero : max(.zero, Duration.sinceEpoch - range.time)
            let living = rows.compactMap { $0.aged(by: age) }
            let count = try await store.importRows(
                living,
                skippingExisting: skipExisting,
                callsInFlight: inFlight,
                timeout: .seconds(30)
            )
            outcome.rows.written += count.written
            outcome.rows.skipped += count.skipped
            outcome.expired += rows.count - living.count
            shown.tell("\(outcome.rows.written) of \(Int(totals.rows).counted("row"))")
        }
        progress = shown
        // The file was checked, so it has changed since.
        guard read.totals == totals else {
            throw CommandFailure(.failed, "\(file) has changed while it was read: import it again")
        }
        return outcome
    }

    static func checked(_ totals: BackupTotals, _ file: String) -> String {
        "\(StoreExportCommand.summary(totals, file)): the file is whole"
    }

    static func summary(_ outcome: Outcome, _ file: String) -> String {
        var parts = ["\(outcome.rows.written.counted("row")) written"]
        if outcome.rows.skipped > 0 { parts.append("\(outcome.rows.skipped) existed") }
        if outcome.expired > 0 { parts.append("\(outcome.expired) had expired") }
        return "\(file): \(parts.joined(separator: ", "))"
    }

    static func json(_ outcome: Outcome) -> JSON {
        .object([
            ("written", .integer(outcome.rows.written)),
            ("existed", .integer(outcome.rows.skipped)),
            ("expired", .integer(outcome.expired)),
        ])
    }
}

extension StoreRow {
    /// The row after a time; nil if its time to live is over.
    func aged(by age: Duration) -> StoreRow? {
        guard let timeToLive = value.timeToLive, age > .zero else { return self }
        guard timeToLive > age else { return nil }
        var row = self
        row.value.timeToLive = timeToLive - age
        return row
    }
}
