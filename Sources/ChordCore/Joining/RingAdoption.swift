// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The parameters that a joiner takes over from the ring that it joins, as its operator has not set them.
package struct RingAdoption: Hashable, Sendable {
    /// Whether the number of places is the ring's.
    package var placements: Bool
    /// Whether the store is the ring's, where the joiner knows none.
    package var store: Bool

    /// An adoption from its parts.
    package init(placements: Bool = false, store: Bool = false) {
        self.placements = placements
        self.store = store
    }

    /// The joiner's parameters after it has heard those of the ring.
    package func parameters(_ own: RingParameters, in ring: RingParameters) -> RingParameters {
        var parameters = own
        if placements { parameters.placements = ring.placements }
        if store, own.store == nil { parameters.store = ring.store }
        return parameters
    }
}
