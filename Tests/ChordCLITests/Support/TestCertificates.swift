// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordTestSupport
import Foundation

/// Certificates as a user has them: made by `scripts/certs`.
extension TestCertificates {
    /// The top of the source tree.
    static let root = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// A folder with an authority, nodes n1 to n7, client demo and administrator admin: that of `make test`, or one of its
    /// own.
    static func directory() async throws -> String { try await onOwnThread { try ours.get() } }

    private static let ours: Result<String, any Error> = Result {
        if let given = ProcessInfo.processInfo.environment["CHORD_TEST_CERTS_DIR"], !given.isEmpty {
            return given
        }
        return try make("certs", nodes: "n1 n2 n3 n4 n5 n6 n7")
    }

    /// Another authority's, of the same trust domain, with a node n2 and client demo.
    static func foreign() async throws -> String { try await onOwnThread { try theirs.get() } }

    private static let theirs: Result<String, any Error> = Result {
        try make("foreign", nodes: "n2")
    }

    static func client() async throws -> Certificates {
        Certificates(directory: try await directory(), name: "client-demo")
    }

    private static func make(_ name: String, nodes: String) throws -> String {
        let folder = TestCertificates.temporary.appending(path: name).path
        let process = Process()
        process.executableURL = root.appending(path: "scripts/certs")
        process.arguments = ["set"]
        process.environment = [
            "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin",
            "CERTS_DIR": folder, "NODES": nodes,
        ]
        let said = try process.runToEnd()
        guard process.terminationStatus == 0 else {
            throw TestFailure("scripts/certs failed: \(said)")
        }
        return folder
    }
}
