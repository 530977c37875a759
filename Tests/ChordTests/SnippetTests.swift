// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Foundation
import Testing

/// The documentation's snippets are those of `Snippets.swift`, which compiles.
@Suite(.tags(.unit))
struct SnippetTests {
    @Test("Each snippet of the documentation is compiled in this target")
    func snippets() throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
        let compiled = try String(
            contentsOf: folder.appending(path: "Snippets.swift"),
            encoding: .utf8
        )
        let catalog = folder.deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Sources/Chord/Chord.docc")
        let articles = try FileManager.default.contentsOfDirectory(atPath: catalog.path)
            .filter { $0.hasSuffix(".md") }
        var count = 0
        for article in articles {
            let text = try String(contentsOf: catalog.appending(path: article), encoding: .utf8)
            for part in text.components(separatedBy: "```swift\n").dropFirst() {
                let snippet = part.components(separatedBy: "```")[0]
                #expect(compiled.contains("\n" + snippet), "\(article): \(snippet)")
                count += 1
            }
        }
        #expect(count >= 9)
        #expect(articles.count == 9)
    }
}
