// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordRPC

/// An observer that calls a closure at the end of a call.
package final class CompletionObserver: ClientCallObserver {
    private let completion: @Sendable (ClientResult) -> Void

    package init(_ completion: @escaping @Sendable (ClientResult) -> Void) {
        self.completion = completion
    }

    package func callFinished(_ result: ClientResult) {
        completion(result)
    }
}

extension ClientTransport {
    /// Starts a unary call and calls back on `executor`.
    @discardableResult
    package func unary(
        _ call: ClientCall,
        on executor: any NodeExecutor,
        completion: @escaping @Sendable (ClientResult) -> Void
    ) -> any ClientCallHandle {
        start(call, on: executor, observer: CompletionObserver(completion))
    }
}
