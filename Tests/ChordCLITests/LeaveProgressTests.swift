// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Testing

@testable import ChordCLI

@Suite("Progress of a node that leaves", .tags(.unit))
struct LeaveProgressTests {
    @Test("the estimate goes on at the rate until now; before data have moved there is none")
    func estimate() {
        var progress = LeaveProgress()
        let mebibyte: UInt64 = 1 << 20
        func words(_ replicas: UInt64, _ bytes: UInt64, _ seconds: Int) -> String {
            progress.words(of: "n2", replicas: replicas, bytes: bytes, at: .seconds(seconds))
        }
        let text = "n2 moves its data to other nodes:"
        #expect(words(12, 40 * mebibyte, 1) == "\(text) 12 ranges left, 40.0 MiB")
        #expect(words(12, 40 * mebibyte, 5) == "\(text) 12 ranges left, 40.0 MiB")
        #expect(words(3, 10 * mebibyte, 16) == "\(text) 3 ranges left, 10.0 MiB, about 5s")
        // A range that came back meanwhile.
        #expect(words(13, 50 * mebibyte, 17) == "\(text) 13 ranges left, 50.0 MiB")
        #expect(words(1, 0, 20) == "\(text) 1 range left, 0 B, about 0s")
    }
}
