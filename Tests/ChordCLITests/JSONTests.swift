// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import ChordTestSupport
import Testing

/// The JSON of every command has the keys that docs/json.md lists, and no others.
@Suite(.tags(.network, .slow), .serialized, .timeLimit(.minutes(5)))
struct JSONTests {
    @Test("Output about a ring has the documented keys")
    func ring() async throws {
        try await ProcessRing.running(3) { ring in
            let flags = ["--json"] + (try ring.flags())
            let admin = ["--json"] + (try ring.flags("n3", as: "admin-admin"))
            try await expect(
                "lookup",
                [
                    ["lookup", "apple"] + flags, ["lookup", "apple", "--trace"] + flags,
                    ["lookup", "--id", "0"] + flags, ["lookup", "apple", "--verify"] + flags,
                ],
                except: ["steps[].failure", "steps[].nearer", "verified.refuted[]"]
            )
            try await expect("ring", [["ring"] + flags, ["ring", "--check"] + flags])
            try await expect("describe", [["describe", "--table"] + flags])
            try await expect("interop check", [["interop", "check", flags[2]] + flags])
            let watch = try ChordProcess(["watch"] + flags)
            defer { watch.kill() }
            try await watch.line("its first line") { $0.contains("\"now\"") ? true : nil }
            try await expect("leave, merge", [["leave"] + admin], except: ["merging_with"])
            try await eventually("n3 is gone from its neighbours") {
                watch.outputText.contains("\"predecessor\"")
                    && watch.outputText.split(separator: "\n").count >= 2
            }
            let documented = try JSONKeys("watch").adding(JSONKeys("describe"))
            for line in watch.outputText.split(separator: "\n") {
                let found = try JSONKeys.paths(in: ChordProcess.Outcome.object(in: String(line)))
                #expect(documented.undocumented(found) == [], "\(line)")
            }
        }
    }

    @Test("Output about the store has the documented keys")
    func store() async throws {
        let options = ["--stabilize-interval", "250ms", "--store-quota", "1GiB"]
        try await ProcessRing.running(2, options: options) { ring in
            let flags = ["--json"] + (try ring.flags())
            let binary = ["--hex", "--partition", "fe"]
            try await expect(
                "put, delete, touch",
                [
                    ["put", "a", "1", "--ttl", "1m"] + flags,
                    ["touch", "a", "--ttl", "1h"] + flags,
                    ["put", "a", "2", "--previous"] + flags, ["put", "ff", "2"] + binary + flags,
                    ["put", "61", "2"] + ["--hex", "--partition", "70"] + flags,
                ],
                except: ["previous.value_base64"]
            )
            let refused = try await ChordProcess.run(["put", "a", "3", "--if-absent"] + flags)
            #expect(refused.code == 73)
            #expect(try refused.object()["applied"] as? Bool == false)
            let file = TestCertificates.temporary.appending(path: "json-value")
            try Data([0xff, 0, 0x0a]).write(to: file)
            try await expect(
                "put, delete, touch",
                [
                    ["put", "b", "--file", file.path] + flags,
                    ["delete", "b", "--previous"] + flags,
                ],
                except: [
                    "partition", "key_base64", "partition_base64", "previous.value",
                ]
            )
            _ = try await ChordProcess.run(["put", "b", "--file", file.path] + flags)
            _ = try await ChordProcess.run(["put", "c", "1", "--ttl", "1m"] + flags)
            let list = ["list", "--partition", "q", "--values"] + flags
            _ = try await ChordProcess.run(["put", "k", "v", "--partition", "q"] + flags)
            try await expect(
                "get",
                [
                    ["get", "b"] + flags, ["get", "c", "--stale"] + flags,
                    ["get", "ff"] + binary + flags,
                    ["get", "k", "--partition", "q"] + flags,
                ]
            )
            try await expect("list", [list], except: ["key_base64", "value_base64", "ttl_ms"])
            try await expect("count", [["count", "--partition", "q"] + flags])
            let admin = ["--json"] + (try ring.flags(as: "admin-admin"))
            let backup = TestCertificates.temporary.appending(path: "json-backup").path
            try await expect("store export", [["store", "export", backup] + admin])
            try await expect(
                "store export",
                [["store", "import", backup, "--dry-run", "--json"]]
            )
            try await expect("store import", [["store", "import", backup] + admin])
            try await expect(
                "store status",
                [["store", "status"] + flags],
                except: ["nodes[].failure"]
            )
            try await expect(
                "store ranges",
                [["store", "ranges"] + flags],
                except: [
                    "ranges[].lag", "ranges[].move.kind", "ranges[].move.node",
                    "ranges[].move.sent_bytes", "ranges[].move.total_bytes",
                    "ranges[].issues[].kind",
                    "ranges[].issues[].detail",
                ]
            )
        }
    }

    @Test("Output without a ring has the documented keys")
    func alone() async throws {
        let directory = try await TestCertificates.directory()
        try await expect("version", [["version", "--json"]])
        try await expect(
            "cert inspect",
            [["cert", "inspect", "\(directory)/n1.pem", "--json"]]
        )
        try await expect(
            "chord-sim experiment",
            [["experiment", "load", "--nodes", "20", "--samples", "100", "--json"]],
            program: ChordProcess.simulator,
            code: nil
        )
    }

    @Test("cluster prints one object per event")
    func cluster() async throws {
        let folder = TestCertificates.temporary.appending(path: "json-cluster")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let process = try ChordProcess(
            ["cluster", "2", "--base-port", "0", "--json"],
            directory: folder
        )
        defer { process.kill() }
        try await process.line("the ring's completion") { $0.contains("\"ideal\"") ? true : nil }
        process.send(SIGINT)
        let outcome = try await process.outcome()
        #expect(outcome.code == 0, "\(outcome.errors)")
        let documented = try JSONKeys("cluster")
        var events: Set<String> = []
        for line in outcome.outputLines {
            let object = try ChordProcess.Outcome.object(in: line)
            events.insert(object["event"] as? String ?? "")
            #expect(documented.undocumented(JSONKeys.paths(in: object)) == [], "\(line)")
        }
        #expect(events == ["started", "ideal", "ending"])
    }

    @Test(
        "An error is one object on standard error",
        arguments: [
            (["ring", "--node", "127.0.0.1:1"], "unavailable", 69),
            (["ring", "--node", "here"], "configuration", 78),
            (["ring", "--wait", "0"], "usage", 64), (["rnig"], "usage", 64),
        ]
    )
    func errors(arguments: [String], code: String, exitCode: Int32) async throws {
        let directory = try await TestCertificates.directory()
        let outcome = try await ChordProcess.run(
            arguments + ["--json"],
            environment: ["CHORD_CERTS_DIR": directory]
        )
        #expect(outcome.code == exitCode)
        #expect(outcome.output == "")
        #expect(outcome.errorLines.count == 1, "\(outcome.errors)")
        let object = try ChordProcess.Outcome.object(in: outcome.errors)
        #expect(try JSONKeys("Errors").undocumented(JSONKeys.paths(in: object)) == [])
        #expect(object["code"] as? String == code)
        #expect(object["exit_code"] as? Int == Int(exitCode))
        #expect((object["message"] as? String)?.isEmpty == false)
        #expect((object["hint"] as? String)?.isEmpty == false)
    }

    /// Runs commands and compares the keys of all their outputs with those of a section.
    private func expect(
        _ section: String,
        _ commands: [[String]],
        except missing: Set<String> = [],
        program: URL = ChordProcess.program,
        code: Int32? = 0
    ) async throws {
        let documented = try JSONKeys(section)
        var seen: Set<String> = []
        for command in commands {
            let outcome = try await ChordProcess.run(command, program: program)
            if let code { #expect(outcome.code == code, "\(command): \(outcome.errors)") }
            let paths = JSONKeys.paths(in: try outcome.object())
            #expect(documented.undocumented(paths) == [], "\(command)")
            seen.formUnion(paths)
        }
        #expect(documented.unseen(seen).subtracting(missing) == [], "\(section)")
    }
}

/// The keys that a section of docs/json.md lists.
struct JSONKeys {
    /// Each with the kinds of value (node, ring, range) that its description names.
    private var keys: [String: Set<String>] = [:]
    private static let kinds: [String: [String]] = [
        "node": ["name", "address", "id", "place", "failure_domain"],
        "ring": ["name", "hash", "width", "id_from", "list_length", "placements"],
        "range": ["after", "through"],
    ]

    init(_ section: String) throws {
        let file = TestCertificates.root.appending(path: "docs/json.md")
        let text = try String(contentsOf: file, encoding: .utf8)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let start = try #require(
            lines.firstIndex { $0 == "### \(section)" || $0 == "## \(section)" },
            "docs/json.md has no section \(section)"
        )
        for line in lines[(start + 1)...].prefix(while: { !$0.hasPrefix("#") }) {
            let cells = line.split(separator: "|", omittingEmptySubsequences: false)
            guard cells.count >= 4, cells[1].contains("`") else { continue }
            var parent = ""
            for match in cells[1].matches(of: #/`([^`]+)`/#) {
                var key = String(match.output.1)
                if key.hasPrefix(".") {
                    key = parent + key
                } else {
                    parent = key.split(separator: ".").dropLast().joined(separator: ".")
                }
                let named = cells[2].matches(of: #/\*(\w+)\*/#).map { String($0.output.1) }
                keys[key, default: []].formUnion(named)
            }
        }
        #expect(!keys.isEmpty, "docs/json.md lists no keys of \(section)")
    }

    func adding(_ other: JSONKeys) -> JSONKeys {
        var result = self
        result.keys.merge(other.keys) { $0.union($1) }
        return result
    }

    /// Paths in an output that are not listed.
    func undocumented(_ paths: Set<String>) -> Set<String> {
        paths.filter { !isListed($0) }
    }

    /// Listed keys that are in no output.
    func unseen(_ paths: Set<String>) -> Set<String> {
        Set(
            keys.keys.filter { key in
                !paths.contains { $0 == key || $0.hasPrefix("\(key).") || $0.hasPrefix("\(key)[]") }
            }
        )
    }

    private func isListed(_ path: String) -> Bool {
        let bare = path.hasSuffix("[]") ? String(path.dropLast(2)) : path
        if keys[path] != nil || keys[bare] != nil || keys["\(path)[]"] != nil { return true }
        if keys.keys.contains(where: { $0.hasPrefix("\(path).") }) { return true }
        guard let dot = path.lastIndex(of: ".") else { return false }
        let (parent, name) = (String(path[..<dot]), String(path[path.index(after: dot)...]))
        let plain = parent.hasSuffix("[]") ? String(parent.dropLast(2)) : parent
        guard let named = keys[parent] ?? keys[plain] else { return false }
        // Rows and settings of experiments bear names of their own.
        if ["rows[]", "settings"].contains(parent) { return true }
        // Some objects have fewer members, which the description says.
        return named.contains { Self.kinds[$0]?.contains(name) == true }
            || ["node", "ring"].contains(plain) && ["name", "address"].contains(name)
    }

    /// The paths of all values in an object: `nodes[].name`.
    static func paths(in object: [String: Any], under parent: String = "") -> Set<String> {
        var paths: Set<String> = []
        for (key, value) in object {
            let path = parent.isEmpty ? key : "\(parent).\(key)"
            switch value {
            case let object as [String: Any]:
                paths.insert(path)
                paths.formUnion(Self.paths(in: object, under: path))
            case let list as [Any]:
                paths.insert("\(path)[]")
                for case let object as [String: Any] in list {
                    paths.formUnion(Self.paths(in: object, under: "\(path)[]"))
                }
            default: paths.insert(path)
            }
        }
        return paths
    }
}
