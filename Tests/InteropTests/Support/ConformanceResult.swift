// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Foundation
import Testing

/// How a case of Tests/Interop/conformance ended.
struct ConformanceResult: Decodable, Sendable {
    /// Its number, as "http2/6.1/2".
    var `case`: String
    /// The input.
    var says: String
    /// The outcomes that are right.
    var right: [String]
    /// The error, or nil.
    var problem: String?
    /// The frames that came.
    var story: String

    /// Names the case in the test's report if it failed.
    func recordProblem() {
        guard let problem else { return }
        Issue.record(
            """
            \(self.case), \(says): \(problem)
              right: \(right.joined(separator: "; "))
              came: \(story)
            """
        )
    }

    /// Runs a script of cases as the client `alice`.
    static func all(of script: String, arguments: [String]) async throws -> [ConformanceResult] {
        let certificates = try await TestCertificates.get()
        let credentials = [
            "--roots", certificates.authority.certificate, "--certificate",
            certificates.alice.certificate,
            "--key", certificates.alice.key, "--json",
        ]
        return try await Python.get().running(script, arguments: arguments + credentials) {
            process in
            guard try await process.exit() == 0 else {
                throw TestFailure("\(script) failed: \(process.report)")
            }
            return try JSONDecoder().decode(
                [ConformanceResult].self,
                from: Data(process.output.bytes)
            )
        }
    }

}
