// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Foundation
import Testing

@testable import Chord
@testable import ChordCLI

/// `chord store export` and `chord store import` as a user runs them.
@Suite(.tags(.network, .slow), .serialized, .timeLimit(.minutes(5)))
struct BackupCommandTests {
    private func withFolder(_ body: (URL) async throws -> Void) async throws {
        let folder = TestCertificates.temporary.appending(path: "backup-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try await body(folder)
    }

    private func run(_ arguments: [String]) async throws -> ChordProcess.Outcome {
        try await ChordProcess.run(arguments)
    }

    /// The rows of a whole backup.
    private func rows(_ path: String) async throws -> [StoreRow] {
        var rows: [StoreRow] = []
        let read = try await BackupReading(path: path).read { rows += $1 }
        #expect(read.fault == nil)
        return rows
    }

    private func admin(_ ring: ProcessRing) async throws -> ChordClient {
        let flags = try ring.flags(as: "admin-admin")
        var configuration = ChordClientConfiguration(
            nodes: [flags[1]],
            certificates: Certificates(directory: flags[3], name: "admin-admin")
        )
        configuration.failureDetection = FailureDetection(allowing: ChordProcess.failureDetection)
        return try ChordClient(configuration)
    }

    /// Writes keys through a client.
    private func fill(_ ring: ProcessRing, rows: Int, bytes: Int) async throws {
        let client = try await admin(ring)
        do {
            let value = [UInt8](repeating: 0xE9, count: bytes)
            let rows = (0..<rows).map { number in
                StoreRow(
                    key: StoreKey(
                        [UInt8(number >> 8), UInt8(number & 255)],
                        in: [UInt8(number % 7)]
                    ),
                    value: StoreValue(value, version: 1)
                )
            }
            #expect(try await client.store.importRows(rows).written == rows.count)
        } catch {
            await client.close()
            throw error
        }
        await client.close()
    }

    @Test(
        "A store goes to one of another width and hash, with bytes, large values and times to live"
    )
    func roundTrip() async throws {
        try await withFolder { folder in
            let file = folder.appending(path: "backup.gz").path
            let again = folder.appending(path: "again").path
            var first: [StoreRow] = []
            try await ProcessRing.running(3) { ring in
                let flags = try ring.flags()
                let asAdmin = try ring.flags(as: "admin-admin")
                try await fill(ring, rows: 100, bytes: 50)
                let large = folder.appending(path: "large")
                try Data(repeating: 0xFF, count: 1 << 20).write(to: large)
                for words in [
                    ["greeting", "hello"], ["large", "--file", large.path],
                    ["session", "s", "--ttl", "1h"], ["short", "s", "--ttl", "1s"],
                    ["ff00", "x", "--hex"],
                ] {
                    #expect(try await run(["put"] + words + flags).code == 0)
                }
                let outcome = try await run(["store", "export", file] + asAdmin)
                #expect(outcome.code == 0, "\(outcome.errors)")
                #expect(outcome.output.contains("rows"))
                first = try await rows(file)
                // "short" may have expired by now.
                #expect(first.count >= 104 && first.count <= 105)
                #expect(!FileManager.default.fileExists(atPath: "\(file).partial"))
                // Text for people and their programs.
                let script =
                    "zcat '\(file)' | grep -c '\"key\": \"greeting\", \"value\": \"hello\"'"
                #expect(try await ChordProcess.run(script: script).output == "1\n")
                let piped = try await run(["store", "export", "-"] + asAdmin)
                #expect(piped.code == 0)
                try Data(piped.output.utf8).write(to: URL(filePath: again))
                #expect(Set(try await rows(again).map(\.key)).isSubset(of: Set(first.map(\.key))))
            }
            let options = ["--stabilize-interval", "250ms", "--width", "32", "--hash", "sha1"]
            try await ProcessRing.running(2, width: 32, options: options) { ring in
                let asAdmin = try ring.flags(as: "admin-admin")
                let checked = try await run(["store", "import", file, "--dry-run"])
                #expect(checked.code == 0 && checked.output.contains("the file is whole"))
                let imported = try await run(["store", "import", file] + asAdmin)
                #expect(imported.code == 0, "\(imported.errors)")
                let kept = try await run(
                    ["store", "import", file, "--skip-existing", "--json"] + asAdmin
                )
                #expect(try kept.object()["written"] as? Int == 0)
                let value = try await run(["get", "greeting", "--json"] + (try ring.flags()))
                #expect(try value.object()["value"] as? String == "hello")
                let highest = first.map(\.value.version).max() ?? 0
                #expect(try value.object()["version"] as? Int ?? 0 > Int(highest))
                #expect(try await run(["store", "export", again] + asAdmin).code == 0)
                var second: [StoreKey: StoreRow] = [:]
                for row in try await rows(again) { second[row.key] = row }
                for row in first where row.value.timeToLive == nil {
                    #expect(second[row.key]?.value.bytes == row.value.bytes)
                }
                let session = second[StoreKey("session", in: "session")]?.value.timeToLive
                #expect(session.map { $0 > .seconds(3_000) && $0 <= .seconds(3_600) } == true)
                // One second is over, unless it is given again.
                let fresh = try await run(["store", "import", file, "--keep-ttl"] + asAdmin)
                #expect(fresh.code == 0 && !fresh.output.contains("expired"))
            }
        }
    }

    @Test(
        "Killed in the middle, an export goes on after its whole ranges; the name comes at the end"
    )
    func resumed() async throws {
        try await withFolder { folder in
            let file = folder.appending(path: "backup").path
            try await ProcessRing.running(3) { ring in
                let asAdmin = try ring.flags(as: "admin-admin")
                try await fill(ring, rows: 2_000, bytes: 2_000)
                try await eventually("ranges") {
                    let status = try await run(["store", "ranges", "--json"] + (try ring.flags()))
                    return (try status.object()["ranges"] as? [Any])?.count ?? 0 >= 3
                }
                let process = try ChordProcess(["store", "export", file] + asAdmin)
                defer { process.kill() }
                try await eventually("a part is written") {
                    let size = try? FileManager.default.attributesOfItem(atPath: "\(file).partial")[
                        .size
                    ]
                    return (size as? Int ?? 0) > 200_000 || !process.isRunning
                }
                process.kill()
                _ = try await process.outcome()
                #expect(!FileManager.default.fileExists(atPath: file))
                let refused = try await run(["store", "import", "\(file).partial"] + asAdmin)
                #expect(refused.code == 78)
                let resumed = try await run(["store", "export", file, "--resume"] + asAdmin)
                #expect(resumed.code == 0, "\(resumed.errors)")
                #expect(Set(try await rows(file).map(\.key)).count == 2_000)
                // A former file is replaced.
                let again = try await run(["store", "export", file] + asAdmin)
                #expect(again.code == 0)
                #expect(try await rows(file).count == 2_000)
            }
        }
    }

    @Test("What cannot work says why, by words and exit code")
    func refusals() async throws {
        try await withFolder { folder in
            let file = folder.appending(path: "backup").path
            try await ProcessRing.running(1) { ring in
                let asAdmin = try ring.flags(as: "admin-admin")
                for arguments in [["store", "export", file], ["store", "import", file]] {
                    if arguments[1] == "import" {
                        let empty = try await run(["store", "export", file] + asAdmin)
                        #expect(empty.code == 0 && empty.output.contains("0 rows"))
                    }
                    let outcome = try await run(arguments + (try ring.flags()))
                    #expect(outcome.code == 77, "\(outcome.errors)")
                    #expect(outcome.errors.contains("its role is client"))
                }
                #expect(try await run(["store", "import", file] + asAdmin).code == 0)
                try FileManager.default.removeItem(atPath: file)
                let nobody = ["--node", "127.0.0.1:1"] + asAdmin.dropFirst(2)
                #expect(try await run(["store", "export", file] + nobody).code == 69)
                #expect(!FileManager.default.fileExists(atPath: file))
                let full = try await ChordProcess.run(
                    script: "\"$CHORD\" store export - \(asAdmin.joined(separator: " ")) >/dev/full"
                )
                #expect(full.code == 1 && full.errors.contains("No space left on device"))
                let missing = try await run(["store", "export", "\(folder.path)/no/b"] + asAdmin)
                #expect(missing.code == 78)
                let isFolder = try await run(["store", "export", folder.path] + asAdmin)
                #expect(isFolder.code == 78 && isFolder.errors.contains("is a folder"))
            }
            for (text, words) in [
                ("", "it is empty"), ("hello\n", "not that of a backup"),
                ("{\"chord_backup\": 9}\n", "it has format 9"),
            ] {
                try Data(text.utf8).write(to: URL(filePath: file))
                let outcome = try await run(["store", "import", file, "--dry-run"])
                #expect(outcome.code == 78 && outcome.errors.contains(words), "\(outcome.errors)")
            }
            let none = try await run(["store", "import", "\(file)-none", "--dry-run"])
            #expect(none.code == 78)
        }
    }

    @Test("A damaged file is refused before anything is written; --incomplete writes what is whole")
    func damaged() async throws {
        try await withFolder { folder in
            let file = folder.appending(path: "backup").path
            try await ProcessRing.running(1) { ring in
                let asAdmin = try ring.flags(as: "admin-admin")
                try await fill(ring, rows: 1_500, bytes: 10)
                #expect(try await run(["store", "export", file] + asAdmin).code == 0)
                let text = try String(contentsOfFile: file, encoding: .utf8)
                var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
                // In the second block.
                let place = try #require(lines.lastIndex { $0.hasPrefix("{\"key") })
                lines[place].append(" ")
                let broken = folder.appending(path: "broken").path
                try Data(lines.joined(separator: "\n").utf8).write(to: URL(filePath: broken))
                for key in [[0, 0], [0, 1]] as [[UInt8]] {
                    let client = try await admin(ring)
                    try await client.store.delete(StoreKey(key, in: [UInt8(key[1] % 7)]))
                    await client.close()
                }
                let refused = try await run(["store", "import", broken] + asAdmin)
                #expect(
                    refused.code == 78 && refused.errors.contains("block 2"),
                    "\(refused.errors)"
                )
                #expect(refused.errors.contains("--incomplete"))
                let part = try await run(
                    ["store", "import", broken, "--incomplete", "--json"] + asAdmin
                )
                #expect(part.code == 0, "\(part.errors)")
                #expect(try part.object()["written"] as? Int == 1_000)
                let short = folder.appending(path: "short").path
                try Data(text.utf8.dropLast(400)).write(to: URL(filePath: short))
                let cut = try await run(["store", "import", short] + asAdmin)
                #expect(cut.code == 78)
            }
        }
    }

    /// A file system of its own needs a user namespace.
    private static let hasNamespaces: Bool = {
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = [
            "-c", "unshare -rm sh -c 'mount -t tmpfs -o size=64k none /mnt' 2>/dev/null",
        ]
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }()

    @Test("On a full disk there is no file of the final name", .enabled(if: hasNamespaces))
    func fullDisk() async throws {
        try await ProcessRing.running(1) { ring in
            let asAdmin = try ring.flags(as: "admin-admin").joined(separator: " ")
            try await fill(ring, rows: 500, bytes: 1_000)
            let outcome = try await ChordProcess.run(
                script: """
                    unshare -rm sh -c 'mount -t tmpfs -o size=64k none /mnt
                    "$CHORD" store export /mnt/backup \(asAdmin); echo "code $?"; ls /mnt'
                    """
            )
            #expect(outcome.output == "code 1\nbackup.partial\n", "\(outcome.errors)")
            #expect(outcome.errors.contains("No space left on device; there is no new /mnt/backup"))
            #expect(outcome.errors.contains("--resume"))
        }
    }

    @Test(
        "The nightly script of docs/backup.md makes a checked file, keeps the newest, and fails aloud"
    )
    func nightly() async throws {
        let document = try String(
            contentsOf: TestCertificates.root.appending(path: "docs/backup.md"),
            encoding: .utf8
        )
        let begin = try #require(document.range(of: "```sh\n#!/bin/sh\n"))
        let rest = document[begin.lowerBound...].dropFirst("```sh\n".count)
        let end = try #require(rest.range(of: "\n```"))
        let script = String(rest[..<end.lowerBound])
        try await withFolder { folder in
            func names() throws -> [String] {
                try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
            }
            for year in 2001...2004 {
                let name = "store-\(year)-01-01T000000Z.gz"
                try Data().write(to: folder.appending(path: name))
            }
            try await ProcessRing.running(1) { ring in
                let flags = try ring.flags(as: "admin-admin")
                try await fill(ring, rows: 20, bytes: 10)
                let environment = [
                    "BACKUP_FOLDER": folder.path, "BACKUP_KEEP": "3", "CHORD_NODE": flags[1],
                    "CHORD_CERTS_DIR": flags[3], "CHORD_AS": flags[5],
                ]
                let night = try await ChordProcess.run(script: script, environment: environment)
                #expect(night.code == 0 && night.output == "" && night.errors == "", "\(night)")
                let kept = try names()
                #expect(kept.count == 3)
                #expect(
                    kept.prefix(2) == [
                        "store-2003-01-01T000000Z.gz", "store-2004-01-01T000000Z.gz",
                    ]
                )
                #expect(try await rows(folder.appending(path: kept[2]).path).count == 20)
                try await ring.kill("n1")
                let bad = try await ChordProcess.run(script: script, environment: environment)
                #expect(bad.code == 69 && bad.errors.contains("chord: "), "\(bad)")
                #expect(try names() == kept)
            }
        }
    }
}
