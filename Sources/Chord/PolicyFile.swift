// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
package import ChordIdentity
package import ChordRuntime
import Logging

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A file with the rules of a policy.
package enum PolicyFile {
    private static let mostBytes = 4 << 20

    /// Reads a policy with its mistakes and warnings.
    ///
    /// - Throws: `ChordError` with `invalidConfiguration` if the file cannot be read.
    package static func read(_ path: String) throws(ChordError) -> PolicyParser {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try OpenFile(path, O_RDONLY).contents(atMost: mostBytes + 1)
        } catch {
            throw ChordError(
                .invalidConfiguration,
                "the policy \(quoted(path)) cannot be read: \(error.reason)"
            )
        }
        guard bytes.count <= mostBytes else {
            throw ChordError(
                .invalidConfiguration,
                "the policy \(quoted(path)) is larger than \(mostBytes) bytes"
            )
        }
        return PolicyParser(bytes)
    }

    /// The policy in a file without mistakes.
    ///
    /// - Throws: `ChordError` with `invalidConfiguration`, which names the first mistake.
    static func policy(in path: String, warningIn logger: Logger) throws(ChordError) -> Policy {
        let parser = try read(path)
        if let first = parser.mistakes.first {
            let others = parser.mistakes.count - 1
            let more =
                others == 0
                ? ""
                : "; \(others) more mistake\(others == 1 ? "" : "s"): chord policy check \(path)"
            throw ChordError(
                .invalidConfiguration,
                "the policy \(quoted(path)) cannot be used: \(first)\(more)"
            )
        }
        for warning in parser.warnings {
            logger.warning("the policy \(quoted(path)), \(warning)")
        }
        return parser.policy
    }
}
