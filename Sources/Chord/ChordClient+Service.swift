// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ServiceLifecycle

extension ChordClient: Service {
    /// Keeps the client open until the service group shuts down gracefully or the task is cancelled, and
    /// closes it. A client works without it too; then `close()` ends it.
    public func run() async {
        // Cancellation ends the wait as well.
        try? await gracefulShutdown()
        await close()
    }
}

/// Makes a client, hands it to `body` and closes it, however that ends.
///
/// ```swift
/// let answer = try await withChordClient(configuration) { try await $0.lookup(key: "apple") }
/// ```
///
/// - Throws: what `body` throws; `ChordError` with `invalidConfiguration` where no client can be made.
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
