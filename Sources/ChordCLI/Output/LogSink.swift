// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCommandLine
import NIOConcurrencyHelpers

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Writes log lines to standard error. A line that cannot be written is lost and counted, and the
/// next line tells how many were lost. The node continues.
///
/// A full disk refuses a line at once. A pipe whose reader has stopped would block the writer, and
/// with it the event loop. The reader gets a short time, and none while lines are being lost.
final class LogSink: Sendable {
    /// How long a reader may delay a line, in milliseconds.
    private static let patience: CInt = 100

    /// The smallest free space of a pipe that is ready. POSIX guarantees less, but every system has
    /// a page.
    private static let page = 4_096

    /// The state, used by one thread at a time. Of two threads that find space for one page, the
    /// second would block.
    private struct Losses {
        var count = 0
        var lastError: CInt = 0
        /// The last line was lost after a part of it had been written.
        var isMidLine = false
    }

    private let descriptor: CInt
    /// Whether the reader may block the writer.
    private let mayBlock: Bool
    private let losses = NIOLockedValueBox(Losses())

    static let standardError = LogSink(descriptor: STDERR_FILENO)

    init(descriptor: CInt) {
        self.descriptor = descriptor
        var status = stat()
        let kind = fstat(descriptor, &status) == 0 ? status.st_mode & S_IFMT : 0
        mayBlock = kind == S_IFIFO || kind == S_IFSOCK || kind == S_IFCHR
    }

    /// Writes a line.
    ///
    /// - Parameter lossLine: Makes the line that tells how many were lost, and why.
    func write(_ line: String, lossLine: (_ lost: Int, _ reason: String) -> String) {
        losses.withLockedValue { losses in
            if losses.count > 0 {
                let reason = String(cString: strerror(losses.lastError))
                let told = lossLine(losses.count, reason)
                guard writeOrLose((losses.isMidLine ? "\n" : "") + told, &losses) else { return }
                losses.count = 0
            }
            _ = writeOrLose(line, &losses)
        }
    }

    /// - Returns: Whether the line is written.
    private func writeOrLose(_ line: String, _ losses: inout Losses) -> Bool {
        var text = line
        text.append("\n")
        let (written, error) = text.withUTF8 {
            writeAll(UnsafeRawBufferPointer($0), patience: losses.count == 0 ? Self.patience : 0)
        }
        guard let error else {
            losses.isMidLine = false
            return true
        }
        if written > 0 { losses.isMidLine = true }
        losses.lastError = error
        losses.count += 1
        return false
    }

    /// - Returns: The number of bytes written, and the system's error number if that is not all.
    private func writeAll(
        _ bytes: UnsafeRawBufferPointer,
        patience: CInt
    ) -> (written: Int, error: CInt?) {
        var written = 0
        while written < bytes.count {
            if mayBlock, !isReady(within: patience) { return (written, EAGAIN) }
            let rest = bytes.dropFirst(written)
            let part = UnsafeRawBufferPointer(
                rebasing: mayBlock ? rest.prefix(Self.page) : rest
            )
            #if canImport(Glibc)
            let count = Glibc.write(descriptor, part.baseAddress, part.count)
            #elseif canImport(Musl)
            let count = Musl.write(descriptor, part.baseAddress, part.count)
            #else
            let count = Darwin.write(descriptor, part.baseAddress, part.count)
            #endif
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return (written, count < 0 ? errno : EIO) }
            written += count
        }
        return (written, nil)
    }

    /// Whether the reader accepts a page.
    private func isReady(within milliseconds: CInt) -> Bool {
        var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        while true {
            let count = withUnsafeMutablePointer(to: &poll) { waitFor($0, milliseconds) }
            if count < 0, errno == EINTR { continue }
            // If there is an error, the write will report it.
            return count != 0
        }
    }
}

private func waitFor(_ entry: UnsafeMutablePointer<pollfd>, _ milliseconds: CInt) -> CInt {
    poll(entry, 1, milliseconds)
}
