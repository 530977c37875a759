// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Chord
import ChordCommandLine

/// `chord store export`.
struct StoreExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write all keys and values of the store into a file.",
        discussion: """
            The rows of each range are of one moment; ranges are of different moments. The file has one JSON object in a \
            line; docs/backup.md describes it. It needs a certificate of role admin.

            Until it is whole the file is called FILE.partial. If the command fails on the way, run it again with \
            --resume. A file of that name is replaced at the end.
            """
    )

    @Argument(
        help: ArgumentHelp(
            "The file; compressed by gzip if its name ends in .gz. - is standard output.",
            valueName: "file"
        )
    )
    var file: String

    @Flag(help: "Go on with FILE.partial after its last whole range.")
    var resume = false

    @Flag(help: "Print the totals as JSON.")
    var json = false

    @OptionGroup(title: "The ring")
    var ring: RingOptions

    func validate() throws {
        guard file != "-" || !resume && !json else {
            throw ValidationError(
                "Standard output cannot be resumed, and has no room for other JSON: name a file."
            )
        }
        guard !file.isEmpty else { throw ValidationError("The file has no name.") }
    }

    func run() async throws {
        try await reportingFailures {
            guard (Files.mode(of: file) ?? 0) & 0o170000 != 0o040000 else {
                throw CommandFailure(.configuration, "\(file) is a folder, not a file")
            }
            try await ring.withClient { client in
                let totals: BackupTotals
                do {
                    totals = try await export(client)
                } catch let error as FileError {
                    throw Self.failure(error, file)
                }
                guard file != "-" else { return }
                StandardStreams.output(
                    json ? JSON.object(totals.members).lines : Self.summary(totals, file)
                )
            }
        }
    }

    private func export(_ client: ChordClient) async throws -> BackupTotals {
        let parameters = try await client.parameters()
        let status = try await client.store.status()
        let header = BackupHeader(
            store: status.store ?? "",
            ring: parameters.ring,
            width: parameters.space.width,
            hash: parameters.hash,
            time: .sinceEpoch
        )
        var export = try await begin(client.store, header, parameters.space)
        var progress = Progress(isSilent: json)
        do {
            let totals = try await export.run(timeout: .seconds(60)) { totals in
                progress.tell(Self.words(totals))
            }
            progress.end()
            return totals
        } catch let error as StoreClientError {
            progress.end()
            let failure = CommandFailure(explaining: error)
            guard file != "-", export.hasWholeRange else {
                export.sink.abandon()
                throw failure
            }
            let resuming = "--resume goes on with \(BackupFile.partial(of: file))"
            throw CommandFailure(
                failure.kind,
                failure.message,
                hint: failure.hint.map { "\($0); \(resuming)" } ?? resuming
            )
        }
    }

    private func begin(
        _ store: StoreClient,
        _ header: BackupHeader,
        _ space: IdentifierSpace
    ) async throws -> BackupExport {
        if resume, let export = try await continued(store, header, space) { return export }
        let sink: any BackupSink = file == "-" ? try BackupPipe() : try BackupFile(file)
        var encoder = BackupEncoder(width: header.width)
        try sink.append(encoder.header(header))
        return BackupExport(store: store, sink: sink, width: header.width, encoder: encoder)
    }

    /// Goes on with a partial file; nil if it has no whole range.
    private func continued(
        _ store: StoreClient,
        _ header: BackupHeader,
        _ space: IdentifierSpace
    ) async throws -> BackupExport? {
        let partial = BackupFile.partial(of: file)
        guard Files.exists(partial) else { return nil }
        let read = try await BackupReading(path: partial).read()
        guard let whole = read.whole, let known = read.header else { return nil }
        guard known.store == header.store, known.width == header.width, known.hash == header.hash,
            let place = StoreExportPlace(whole, in: space)
        else {
            throw CommandFailure(
                .configuration,
                "\(partial) is of store \(known.store), and the ring has store \(header.store)",
                hint: "without --resume the export begins anew, and replaces that file"
            )
        }
        let sink = try BackupFile(file, keeping: whole.length)
        let encoder = BackupEncoder(width: header.width, totals: whole.totals)
        return BackupExport(
            store: store,
            sink: sink,
            width: header.width,
            encoder: encoder,
            place: place
        )
    }

    static func words(_ totals: BackupTotals) -> String {
        "\(Int(totals.ranges).counted("range")), \(Int(totals.rows).counted("row")), \(totals.bytes.inBytes)"
    }

    static func summary(_ totals: BackupTotals, _ file: String) -> String {
        "\(file): \(words(totals)), up to version \(totals.version)"
    }

    static func failure(_ error: FileError, _ file: String) -> CommandFailure {
        if error.isHeldElsewhere {
            return CommandFailure(
                .failed,
                "another export is writing \(error.path)",
                hint: "wait until it has ended, or name another file"
            )
        }
        guard file != "-" else { return CommandFailure(.failed, "\(error)") }
        return CommandFailure(
            error.isFullDisk ? .failed : .configuration,
            "\(error); there is no new \(file)",
            hint: error.isFullDisk
                ? "make room, then go on with --resume; or delete \(BackupFile.partial(of: file))"
                : nil
        )
    }
}
