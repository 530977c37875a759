// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Chord
import ChordCommandLine
import ChordTestSupport
import Foundation
import Testing

@testable import ChordCLI

/// Settings from the command line, the environment and a file.
@Suite(.tags(.unit))
struct SettingsTests {
    private static let document = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "docs/configuration.md")

    /// A file in the temporary folder.
    private func file(_ text: String) throws -> String {
        let path = FileManager.default.temporaryDirectory
            .appending(path: "settings-\(UUID().uuidString).env").path
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    private func value(_ name: String, in settings: ServeSettings) throws -> (String?, String?) {
        let found = try #require(settings.all.first { $0.setting.name == name })
        return (found.value, found.origin?.description)
    }

    @Test("The command line ranks before the environment, and that before the file")
    func precedence() throws {
        let path = try file("CHORD_THREADS=2\nCHORD_LISTEN=a:1\nCHORD_RING=\"in file\"  # note\n")
        let settings = try ServeSettings(
            ["serve", "--config", path, "--listen", "c:3"],
            environment: ["CHORD_LISTEN": "b:2", "CHORD_THREADS": "3", "CHORD_HASH": ""]
        )
        #expect(try value("listen", in: settings) == ("c:3", "command line"))
        #expect(try value("threads", in: settings) == ("3", "environment"))
        #expect(try value("ring", in: settings) == ("in file", "\(path), line 3"))
        #expect(try value("hash", in: settings) == ("sha256", nil))
        #expect(settings.lines.contains("CHORD_RING=\"in file\"  # \(path), line 3"))
        #expect(settings.lines.contains("CHORD_HASH=sha256  # default"))
        #expect(settings.lines.contains("# CHORD_ADVERTISE= is not set"))
    }

    @Test("Of two settings that exclude each other, the source that ranks highest decides")
    func group() throws {
        let path = try file("CHORD_INITIAL_RING=a:1,b:2\n")
        let settings = try ServeSettings(
            ["serve", "--join", "c:3", "--join=d:4"],
            environment: ["CHORD_CONFIG": path]
        )
        #expect(try value("join", in: settings) == ("c:3,d:4", "command line"))
        #expect(try value("initial-ring", in: settings) == (nil, nil))
    }

    @Test("An unknown name is an error that names the nearest one")
    func unknown() throws {
        let path = try file("CHORD_NAME=n1\n\nCHORD_THREAD=2\n")
        let inFile = #expect(throws: CommandFailure.self) {
            _ = try ServeSettings(["serve", "--config=\(path)"], environment: [:])
        }
        #expect(inFile?.kind == .configuration)
        #expect(inFile?.message == "\(path), line 3: unknown setting \"CHORD_THREAD\"")
        #expect(inFile?.hint?.hasPrefix("did you mean CHORD_THREADS?") == true)
        let inEnvironment = #expect(throws: CommandFailure.self) {
            _ = try ServeSettings(["serve"], environment: ["CHORD_LISTN": "a:1"])
        }
        #expect(inEnvironment?.hint?.hasPrefix("did you mean CHORD_LISTEN?") == true)
        // What Kubernetes sets for a service called chord is nobody's mistake.
        _ = try ServeSettings(
            ["serve"],
            environment: ["CHORD_PORT": "tcp://10.0.0.1:7946", "CHORD_SERVICE_HOST": "10.0.0.1"]
        )
    }

    @Test("Each default is one that its option takes, and each variable is one setting's")
    func declarations() throws {
        let settings = Setting.serve.flatMap(\.settings)
        #expect(Set(settings.map(\.variable)).count == settings.count)
        let command = try ServeCommand.parse(["--name", "n1"])
        #expect(command.node.threads == 1)
        #expect(command.node.joinTimeout.duration == .seconds(60))
        let lines = try ServeSettings(["serve", "--name", "n1"], environment: [:]).lines
        let again = try SettingsFile(
            lines.joined(separator: "\n"),
            path: "again",
            known: settings
        )
        #expect(again.values["CHORD_NAME"] == "n1")
        #expect(again.values["CHORD_JOIN_TIMEOUT"] == "60s")
    }

    @Test("Nodes and clients take the same options about whose certificates they accept")
    func peerCertificates() throws {
        let options = [
            "--require-crl", "--trust-domain", "a.test", "--trust-domain", "b.test",
            "--admit-host-certificates",
        ]
        let node = try CertificateOptions.parse(["--certs-dir", "certs"] + options)
            .certificates(for: "n1")
        var client = Certificates(directory: "certs", name: "n1")
        #expect(node != client)
        try RingOptions.parse(options).peers.resolved().apply(to: &client)
        #expect(node == client)
        #expect(client.requiresRevocationLists && client.admitsHostCertificates)
        #expect(client.trustDomains == ["a.test", "b.test"])
    }

    @Test("docs/configuration.md is made from the declarations")
    func reference() throws {
        if ProcessInfo.processInfo.environment["UPDATE_INTERACTIONS"] != nil {
            try SettingsReference.markdown.write(
                to: Self.document,
                atomically: true,
                encoding: .utf8
            )
        }
        let text = try String(contentsOf: Self.document, encoding: .utf8)
        #expect(text == SettingsReference.markdown)
    }
}
