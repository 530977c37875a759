// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Logging

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The number of files that the process can open. Each connection needs one.
enum OpenFiles {
    /// Raises the limit as far as the system allows, and logs it.
    ///
    /// Most systems start with 1,024, for programs that use select. The hard limit is the
    /// administrator's choice.
    static func raiseLimit(logger: Logger) {
        var limit = rlimit()
        guard get(&limit) else { return }
        let before = limit.rlim_cur
        guard before < limit.rlim_max else {
            return logger.info("this process can open \(before) files (RLIMIT_NOFILE)")
        }
        limit.rlim_cur = limit.rlim_max
        #if canImport(Darwin)
        limit.rlim_cur = min(limit.rlim_cur, rlim_t(OPEN_MAX))
        #endif
        if set(&limit) {
            let now = limit.rlim_cur
            logger.info(
                "this process can now open \(now) files (RLIMIT_NOFILE), instead of \(before)"
            )
        } else {
            logger.warning(
                "cannot raise RLIMIT_NOFILE: this process can open \(before) files",
                metadata: ["chord.error": "\(String(cString: strerror(errno)))"]
            )
        }
    }

    private static func get(_ limit: inout rlimit) -> Bool {
        #if canImport(Glibc)
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
        #else
        getrlimit(RLIMIT_NOFILE, &limit) == 0
        #endif
    }

    private static func set(_ limit: inout rlimit) -> Bool {
        #if canImport(Glibc)
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
        #else
        setrlimit(RLIMIT_NOFILE, &limit) == 0
        #endif
    }
}
