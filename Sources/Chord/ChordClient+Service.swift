// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ServiceLifecycle

extension ChordClient: Service {
    /// Keeps the client open until the service group shuts down gracefully or the task is
    /// cancelled, and then closes it. A client also works without this method; `close()` then ends
    /// it.
    public func run() async {
        // Cancellation also ends the wait.
        try? await gracefulShutdown()
        await close()
    }
}

/// Makes a client, passes it to `body`, and closes it when `body` has returned or thrown.
///
/// ```swift
/// let answer = try await withChordClient(configuration) { try await $0.lookup(key: "apple") }
/// ```
///
/// - Throws: the error of `body`; `ChordError` with `invalidConfiguration` if no client can be
///   made.
public func withChordClient<Result>(
    _ configuration: ChordClientConfiguration,
    isolation: isolated (any Actor)? = #isolation,
    _ body: (ChordClient) async throws -> Result
) async throws -> Result {
    let client = try ChordClient(configuration)
    do {
        let result = try await body(client)
        await client.close()
        return result
    } catch {
        await client.close()
        throw error
    }
}
