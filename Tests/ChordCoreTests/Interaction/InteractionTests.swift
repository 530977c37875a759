// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import ChordTestSupport
import Testing

/// The scripts beside this file print what they say. After a change that is meant,
/// `UPDATE_INTERACTIONS=1 swift test --filter Interaction` writes down what they print now; the
/// difference is to be read like code.
@Suite(.tags(.interaction)) struct InteractionTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "Scripts")

    static func scripts() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path)
            .filter { $0.hasSuffix(".txt") }.sorted()
    }

    @Test func scriptsAreFound() throws {
        #expect(try Self.scripts().count >= 14)
    }

    @Test(arguments: try scripts())
    func scriptHasItsRecordedOutput(name: String) throws {
        let file = Self.folder.appending(path: name)
        let expected = try String(contentsOf: file, encoding: .utf8)
        let actual = try ScriptRunner.rewritten(expected)
        if ProcessInfo.processInfo.environment["UPDATE_INTERACTIONS"] != nil {
            try actual.write(to: file, atomically: true, encoding: .utf8)
        } else {
            let difference = Self.firstDifference(expected, actual)
            #expect(difference == nil)
        }
    }

    /// The first lines that differ, with their number.
    static func firstDifference(_ expected: String, _ actual: String) -> String? {
        let expected = expected.split(separator: "\n", omittingEmptySubsequences: false)
        let actual = actual.split(separator: "\n", omittingEmptySubsequences: false)
        for index in 0..<max(expected.count, actual.count) {
            let left = index < expected.count ? String(expected[index]) : "(end)"
            let right = index < actual.count ? String(actual[index]) : "(end)"
            if left != right { return "line \(index + 1): expected \(left), is \(right)" }
        }
        return nil
    }
}
