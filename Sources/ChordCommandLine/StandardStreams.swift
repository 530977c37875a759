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
/// Both are written with `write` at once: standard output may be a pipe on which somebody waits for
/// one line.
package enum StandardStreams {
    /// Writes text and a line break to standard output. Where that fails the command goes on, and ends with
    /// a failure. A reader that is gone, as `head` is, wants no more: that is none.
    package static func output(_ text: String) {
        _ = isWritten(text)
    }

    /// Writes text and a line break to standard output.
    ///
    /// - Returns: false where it could not be written.
    package static func isWritten(_ text: String) -> Bool {
        guard let number = write(text, to: STDOUT_FILENO) else { return true }
        if number != EPIPE {
            firstFailure.withLockedValue { $0 = $0 ?? String(cString: strerror(number)) }
        }
        return false
    }

    /// Why something could not be written to standard output, in the system's words; nil where all was.
    package static var outputFailure: String? { firstFailure.withLockedValue { $0 } }

    private static let firstFailure = NIOLockedValueBox<String?>(nil)

    /// Writes text and a line break to standard error.
    package static func error(_ text: String) {
        write(text, to: STDERR_FILENO)
    }

    /// Writes text and a line break to standard output, however long its reader takes, without holding up
    /// what else there is to do. In a task that is cancelled the writing is no longer waited for.
    ///
    /// - Returns: false where it could not be written, or where the task was cancelled.
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

    /// - Returns: the number of the error where it could not be written.
    @discardableResult
    private static func write(
        _ text: String,
        ending: String = "\n",
        to descriptor: Int32
    ) -> Int32? {
        var line = text
        line.append(ending)
        return line.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)[...]
            while !rest.isEmpty {
                let count = writeOnce(descriptor, UnsafeRawBufferPointer(rebasing: rest))
                if count > 0 {
                    rest = rest.dropFirst(count)
                    continue
                }
                let number = errno
                // Somebody else made it not wait. Results wait for their reader; the log waits for nobody.
                guard count < 0, number == EAGAIN, descriptor == STDOUT_FILENO else {
                    return count == 0 ? EIO : number
                }
                var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&waiting, 1, 1_000)
            }
            return nil
        }
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
    /// Whether standard error is one.
    package static let errorIsTerminal = isatty(STDERR_FILENO) == 1

    /// The columns that text on standard output may use; nil where it goes into a pipe or a file, in which
    /// nothing is cut.
    package static var columns: Int? { outputIsTerminal ? columns(of: STDOUT_FILENO) : nil }

    /// The columns of a terminal: what COLUMNS says, else what the terminal does, else 80.
    private static func columns(of descriptor: Int32) -> Int {
        let least = 40
        if let given = System.environment("COLUMNS").flatMap({ Int($0) }), given > 0 {
            return max(least, given)
        }
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return max(least, Int(size.ws_col))
    }

    /// Shows text in the last line of standard error's terminal, in place of what stood there before; nil
    /// takes it away.
    package static func status(_ text: String?) {
        let shown = text.map { $0.shortened(to: columns(of: STDERR_FILENO) - 1) } ?? ""
        write("\r\u{1b}[K\(shown)", ending: "", to: STDERR_FILENO)
    }
}

extension String {
    /// The text as it may be shown: what could steer a terminal is written out. Names of nodes come
    /// from other machines.
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
