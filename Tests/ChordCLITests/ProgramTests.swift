// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Foundation
import Testing

/// The libraries of the program.
@Suite(.tags(.unit)) struct ProgramTests {
    #if os(Linux)
    @Test("Only the essentials of Foundation are linked", .timeLimit(.minutes(1)))
    func libraries() async throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/ldd")
        process.arguments = [ChordProcess.program.path]
        let libraries = try await onOwnThread { try process.runToEnd() }
        #expect(libraries.contains("libc.so"))
        // ICU's tables alone are larger than all of chord.
        for library in ["libFoundation.so", "ICU", "Internationalization"] {
            #expect(!libraries.contains(library), "\(libraries)")
        }
    }
    #endif
}
