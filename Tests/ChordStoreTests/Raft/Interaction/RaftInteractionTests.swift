// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Foundation
import Testing

/// The scripts beside this file print what they say. After a change that is meant,
/// `UPDATE_INTERACTIONS=1 swift test --filter RaftInteraction` writes down what they print now; the
/// difference is to be read like code.
@Suite(.tags(.interaction)) struct RaftInteractionTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "Scripts")

    static func scripts() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path)
            .filter { $0.hasSuffix(".txt") }.sorted()
    }

    @Test func scriptsAreFound() throws {
        #expect(try Self.scripts().count >= 20)
    }

    @Test(arguments: try scripts())
    func script(name: String) throws {
        let file = Self.folder.appending(path: name)
        let expected = try String(contentsOf: file, encoding: .utf8)
        let actual = try RaftScriptRunner.rewritten(expected)
        if ProcessInfo.processInfo.environment["UPDATE_INTERACTIONS"] != nil {
            try actual.write(to: file, atomically: true, encoding: .utf8)
        } else {
            let lines = expected.split(separator: "\n", omittingEmptySubsequences: false)
            let now = actual.split(separator: "\n", omittingEmptySubsequences: false)
            let place = zip(lines, now).enumerated().first { $1.0 != $1.1 }
            #expect(place == nil, "line \((place?.offset ?? 0) + 1) differs")
            #expect(lines.count == now.count)
        }
    }
}
