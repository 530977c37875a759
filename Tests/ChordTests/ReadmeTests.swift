// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import ChordTestSupport
import Testing

/// README's program is this folder's `ReadmeProgram.swift`, so that it compiles.
@Suite(.tags(.unit)) struct ReadmeTests {
    @Test("README shows exactly the program that is compiled here")
    func program() throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
        let source = try String(
            contentsOf: folder.appending(path: "ReadmeProgram.swift"),
            encoding: .utf8
        )
        let marked = source.components(separatedBy: "// README begin\n").last ?? ""
        let program = marked.components(separatedBy: "// README end").first ?? ""
        #expect(program.hasPrefix("import Chord\n"))
        let readme = try String(
            contentsOf: folder.deletingLastPathComponent().deletingLastPathComponent()
                .appending(path: "README.md"),
            encoding: .utf8
        )
        #expect(readme.contains("```swift\n\(program)```"))
    }
}
