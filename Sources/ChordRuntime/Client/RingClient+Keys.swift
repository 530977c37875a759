// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore
package import ChordHash

// What a client needs to compute the places of keys itself.

extension RingClient {
    /// Makes identifiers of keys as the ring's members do.
    package struct KeyHash: Sendable {
        package let space: IdentifierSpace
        private let hash: HashFunction

        package init(_ hash: HashFunction, in space: IdentifierSpace) {
            self.hash = hash
            self.space = space
        }

        /// The identifier of a key.
        package func identifier(of key: [UInt8]) -> Identifier {
            hash.identifier(of: key, in: space)
        }
    }

    /// The ring's rule for the identifiers of keys. The ring's parameters are read once.
    ///
    /// - Throws: `noContact`; `parametersDiffer` if this client does not have the ring's hash function.
    package func keyHash() async throws(ChordError) -> KeyHash {
        let parameters = try await parameters()
        return KeyHash(try hash(of: parameters), in: parameters.space)
    }
}
