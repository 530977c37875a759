// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
package import ChordRPC

// Calls of methods that an embedding program defines.

extension RingClient {
    /// Calls a unary method of the first contact that can be reached.
    ///
    /// - Throws: `noContact` if none can; `refused`, `cancelled`, `deadlineExceeded`; else
    ///   `callFailed` with the status as its cause.
    package func call(
        _ method: RPCMethod,
        _ request: [UInt8],
        timeout: Duration
    ) async throws(ChordError) -> [UInt8] {
        var failures: [String] = []
        var reasons: [ChordError.Reason] = []
        for address in contacts {
            let result = await makePeers().call(
                method,
                at: PeerTarget(bootstrap: address),
                message: request,
                timeout: timeout,
                on: executor
            )
            let status = result.status
            if status.isOK { return result.message }
            guard status.isUnreachable else {
                throw ChordError(calling: method, status, at: address)
            }
            failures.append(status.told(by: address))
            reasons += ChordError.Reason.of(status)
        }
        throw ChordError(
            .noContact,
            "no node could be reached: " + failures.joined(separator: "; "),
            reasons: reasons
        )
    }
}

extension ChordError {
    fileprivate init(calling method: RPCMethod, _ status: Status, at address: String) {
        let code: Code =
            switch status.code {
            case .permissionDenied, .unauthenticated: .refused
            case .cancelled where status.origin == .local: .cancelled
            case .deadlineExceeded: .deadlineExceeded
            default: .callFailed
            }
        self.init(code, "\(address) does not answer \(method)", cause: status)
    }
}
