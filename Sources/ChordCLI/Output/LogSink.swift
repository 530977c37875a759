// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Where log lines go: standard error. A line that cannot be written is lost and counted, and the next one
/// that can be written says so; the node goes on.
///
/// A full disk refuses a line at once. A pipe whose reader has stopped would keep the writer waiting, and
/// with it the event loop: it is given a moment, and none once lines are being lost.
struct LogSink: ~Copyable {
    /// How long a reader may keep a line waiting, in milliseconds.
    private static let patience: CInt = 100

    private let descriptor: CInt
    /// Whoever reads may make the writer wait.
    private let mayBlock: Bool
    private let lost = Atomic<Int>(0)
    private let lastError = Atomic<CInt>(0)

    static let standardError = LogSink(descriptor: STDERR_FILENO)

    init(descriptor: CInt) {
        self.descriptor = descriptor
        var status = stat()
        let kind = fstat(descriptor, &status) == 0 ? status.st_mode & S_IFMT : 0
        mayBlock = kind == S_IFIFO || kind == S_IFSOCK || kind == S_IFCHR
    }

    /// Writes a line.
    ///
    /// - Parameter lossLine: Makes the line that says how many were lost, and why.
    func write(_ line: String, lossLine: (_ lost: Int, _ reason: String) -> String) {
        let lostBefore = lost.load(ordering: .relaxed)
        guard lostBefore > 0 else {
            if let error = writeOnce(line) { lose(error) }
            return
        }
        let reason = String(cString: strerror(lastError.load(ordering: .relaxed)))
        if let error = writeOnce(lossLine(lostBefore, reason)) { return lose(error) }
        lost.wrappingSubtract(lostBefore, ordering: .relaxed)
        if let error = writeOnce(line) { lose(error) }
    }

    private func lose(_ error: CInt) {
        lastError.store(error, ordering: .relaxed)
        lost.wrappingAdd(1, ordering: .relaxed)
    }

    /// - Returns: The system's error number; nil where the line is written.
    private func writeOnce(_ line: String) -> CInt? {
        if mayBlock, !isReady() { return EAGAIN }
        var text = line
        text.append("\n")
        return text.withUTF8 { bytes -> CInt? in
            var rest = UnsafeRawBufferPointer(bytes)[...]
            while !rest.isEmpty {
                let part = UnsafeRawBufferPointer(rebasing: rest)
                #if canImport(Glibc)
                    let count = Glibc.write(descriptor, part.baseAddress, part.count)
                #elseif canImport(Musl)
                    let count = Musl.write(descriptor, part.baseAddress, part.count)
                #else
                    let count = Darwin.write(descriptor, part.baseAddress, part.count)
                #endif
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return count < 0 ? errno : EIO }
                rest = rest.dropFirst(count)
            }
            return nil
        }
    }

    /// Whether the reader takes a line. A pipe that says so has room for a page, and lines are shorter.
    private func isReady() -> Bool {
        var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        let wait = lost.load(ordering: .relaxed) == 0 ? Self.patience : 0
        while true {
            let count = withUnsafeMutablePointer(to: &poll) { waitFor($0, wait) }
            if count < 0, errno == EINTR { continue }
            // An error is for the write to find.
            return count != 0
        }
    }
}

private func waitFor(_ entry: UnsafeMutablePointer<pollfd>, _ milliseconds: CInt) -> CInt {
    poll(entry, 1, milliseconds)
}
