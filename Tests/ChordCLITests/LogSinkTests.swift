// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Foundation
import Testing

@testable import ChordCLI

/// Log output with a stopped reader: logging threads continue.
@Suite("Log output", .tags(.unit), .timeLimit(.minutes(1)))
struct LogSinkTests {
    private static func write(_ line: String, to sink: LogSink) {
        sink.write(line) { lost, _ in "lost \(lost)" }
    }

    /// All that is in a pipe now.
    private static func content(of pipe: Pipe) -> String {
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = read(pipe.fileHandleForReading.fileDescriptor, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }

    @Test("A line longer than a page waits for no reader, and later lines stay complete")
    func longLines() async throws {
        let pipe = Pipe()
        let sink = LogSink(descriptor: pipe.fileHandleForWriting.fileDescriptor)
        // Longer than a pipe holds.
        let long = String(repeating: "x", count: 100_000)
        try await onOwnThread {
            Self.write("first", to: sink)
            Self.write(long, to: sink)
            Self.write("second", to: sink)
            let before = Self.content(of: pipe)
            #expect(before.hasPrefix("first\nxxx"))
            #expect(!before.hasSuffix("\n"))
            Self.write("third", to: sink)
            Self.write("fourth", to: sink)
            #expect(Self.content(of: pipe) == "\nlost 2\nthird\nfourth\n")
        }
    }

    @Test("No thread waits when many log into a full pipe")
    func manyThreads() async throws {
        let pipe = Pipe()
        let sink = LogSink(descriptor: pipe.fileHandleForWriting.fileDescriptor)
        let line = String(repeating: "y", count: 4_000)
        try await onOwnThread {
            DispatchQueue.concurrentPerform(iterations: 200) { _ in
                Self.write(line, to: sink)
            }
            let lines = Self.content(of: pipe).split(separator: "\n")
            #expect(lines.count >= 8)
            #expect(lines.allSatisfy { $0 == line })
        }
    }
}
