// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// The thread's queue of OpenSSL errors. It is cleared before a call whose errors matter and read
/// directly after that call; otherwise errors of an earlier call would be attributed to it.
enum OpenSSLErrors {
    /// One entry of the queue.
    struct Entry {
        var code: UInt

        var library: Int32 { chord_ERR_library(code) }
        var reason: Int32 { chord_ERR_reason(code) }
        var isSystem: Bool { chord_ERR_is_system(code) != 0 }

        /// The system's error number; nil for an error of OpenSSL itself.
        var errorNumber: Int32? { isSystem ? reason : nil }

        var text: String {
            if isSystem {
                return String(cString: strerror(reason))
            }
            guard let reason = ERR_reason_error_string(code) else {
                return "OpenSSL error \(String(code, radix: 16))"
            }
            return String(cString: reason)
        }
    }

    static func clear() {
        // Clearing visits all sixteen entries, and the queue is nearly always empty.
        if ERR_peek_error() != 0 { ERR_clear_error() }
    }

    /// Removes and returns all entries, oldest first. The oldest is the cause of the others.
    static func take() -> [Entry] {
        var entries: [Entry] = []
        while true {
            let code = ERR_get_error()
            guard code != 0 else { return entries }
            entries.append(Entry(code: code))
        }
    }

    /// Removes all entries and describes them.
    static func takeText() -> String {
        let texts = take().map(\.text)
        return texts.isEmpty ? "OpenSSL gave no reason" : texts.joined(separator: ", ")
    }
}
