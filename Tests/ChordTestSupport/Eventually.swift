// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A test's own part failed: what happened, for its report.
package struct TestFailure: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}

/// Waits for a condition, as long as a busy machine may need.
package func eventually(
    _ what: @autoclosure () -> String = "a condition",
    within limit: Duration = .seconds(40),
    _ condition: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < end else {
            throw TestFailure("waited \(limit) in vain: \(what())")
        }
        try await Task.sleep(for: .milliseconds(5))
    }
}
