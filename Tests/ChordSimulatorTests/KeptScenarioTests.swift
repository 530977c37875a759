// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordSimulator
import Foundation
import ChordTestSupport
import Testing

/// Scenarios that once went wrong, or show what is known to go wrong, each with its outcome after `----`.
@Suite(.tags(.simulation), .ownThreads) struct KeptScenarioTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "Scenarios")

    static var files: [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.filter { $0.hasSuffix(".txt") }.sorted()
    }

    @Test(arguments: files)
    func scenarioHasItsRecordedOutcome(file: String) throws {
        let text = try String(
            contentsOf: Self.folder.appending(path: file),
            encoding: .utf8
        )
        let expected = text.components(separatedBy: "\n----\n").last?
            .trimmingCharacters(in: .whitespacesAndNewlines)
        let report = MachineSimulation.run(try Scenario(text: text))
        #expect(report.outcome == expected, "\(report)")
    }

    @Test func scenariosAreFound() {
        #expect(!Self.files.isEmpty)
    }
}
