// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Dispatch
import NIOConcurrencyHelpers

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Standard output and standard error.
///
/// Both are written immediately, because standard output may be a pipe whose reader waits for one
/// line.
package enum StandardStreams {
    /// Writes a line to standard output. If that fails, the command continues, and ends with a
    /// failure. A reader that has ended, such as `head`, is not a failure.
    package static func output(_ text: String) {
        _ = isWritten(text)
    }

    /// Writes a line to standard output.
    ///
    /// - Returns: false if it could not be written.
    package static func isWritten(_ text: String) -> Bool {
        guard let number = write(text, to: STDOUT_FILENO) else { return true }
        note(number)
        return false
    }

    /// Writes bytes to standard output as they are.
    package static func output(bytes: [UInt8]) {
        guard let number = bytes.withUnsafeBytes({ write($0, to: STDOUT_FILENO) }) else { return }
        note(number)
    }

    private static func note(_ number: Int32) {
        guard number != EPIPE else { return }
        firstFailure.withLockedValue { $0 = $0 ?? String(cString: strerror(number)) }
    }

    /// Why a line could not be written to standard output, as the system describes it; nil if all
    /// were written.
    package static var outputFailure: String? { firstFailure.withLockedValue { $0 } }

    private static let firstFailure = NIOLockedValueBox<String?>(nil)

    /// Writes a line to standard error.
    package static func error(_ text: String) {
        write(text, to: STDERR_FILENO)
    }

    /// Writes a line to standard output without blocking other work, however long the reader takes.
    /// A cancelled task no longer waits.
    ///
    /// - Returns: false if the line could not be written, or if the task was cancelled.
    package static func outputAwaited(_ text: String) async -> Bool {
        let (endings, ending) = AsyncStream.makeStream(of: Bool.self)
        waitingOutput.async {
            ending.yield(isWritten(text))
            ending.finish()
        }
        for await isRead in endings { return isRead }
        return false
    }

    private static let waitingOutput = DispatchQueue(label: "chord.output")

    /// - Returns: the error number if the line could not be written.
    @discardableResult
    private static func write(
        _ text: String,
        ending: String = "\n",
        to descriptor: Int32
    ) -> Int32? {
        var line = text
        line.append(ending)
        return line.withUTF8 { write(UnsafeRawBufferPointer($0), to: descriptor) }
    }

    /// - Returns: the error number if the bytes could not be written.
    private static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Int32? {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = writeOnce(descriptor, UnsafeRawBufferPointer(rebasing: rest))
            if count > 0 {
                rest = rest.dropFirst(count)
                continue
            }
            let number = errno
            // Another process made the descriptor non-blocking. Results wait for their reader;
            // the log does not.
            guard count < 0, number == EAGAIN, descriptor == STDOUT_FILENO else {
                return count == 0 ? EIO : number
            }
            var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            _ = poll(&waiting, 1, 1_000)
        }
        return nil
    }

    private static func writeOnce(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
        while true {
            #if canImport(Glibc)
            let count = Glibc.write(descriptor, bytes.baseAddress, bytes.count)
            #elseif canImport(Musl)
            let count = Musl.write(descriptor, bytes.baseAddress, bytes.count)
            #else
            let count = Darwin.write(descriptor, bytes.baseAddress, bytes.count)
            #endif
            if count < 0, errno == EINTR { continue }
            return count
        }
    }

    /// Whether standard output is a terminal.
    package static let outputIsTerminal = isatty(STDOUT_FILENO) == 1
    /// Whether standard error is a terminal.
    package static let errorIsTerminal = isatty(STDERR_FILENO) == 1

    /// The width for text on standard output; nil for a pipe or a file, where nothing is cut.
    package static var columns: Int? { outputIsTerminal ? columns(of: STDOUT_FILENO) : nil }

    /// The width of a terminal: COLUMNS, else the terminal's own, else 80.
    private static func columns(of descriptor: Int32) -> Int {
        let least = 40
        if let given = System.environment("COLUMNS").flatMap({ Int($0) }), given > 0 {
            return max(least, given)
        }
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return max(least, Int(size.ws_col))
    }

    /// Shows text in the last line of the terminal, replacing the previous text; nil removes it.
    package static func status(_ text: String?) {
        let shown = text.map { $0.shortened(to: columns(of: STDERR_FILENO) - 1) } ?? ""
        write("\r\u{1b}[K\(shown)", ending: "", to: STDERR_FILENO)
    }
}

extension String {
    /// The text in printable form: control characters are escaped. Names of nodes come from other
    /// machines and could control a terminal.
    package var printable: String {
        guard unicodeScalars.contains(where: Self.steers) else { return self }
        var text = ""
        for scalar in unicodeScalars {
            if Self.steers(scalar) {
                text += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
        return text
    }

    private static func steers(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: true
        default: false
        }
    }
}
