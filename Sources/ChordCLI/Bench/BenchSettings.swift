// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// What `chord bench` calls, and how.
struct BenchSettings: Equatable {
    enum Kind: String, CaseIterable, ExpressibleByArgument {
        case lookup, put, get
    }

    var kind: Kind
    var connections: Int
    /// Callers on each connection.
    var callers: Int
    /// Calls that begin in a second, on all connections together; nil for a closed load.
    var rate: Double?
    var duration: Duration
    var warmUp: Duration
    /// The time for all attempts of a put or get.
    var timeout: Duration
    var keys: Int
    /// Bytes of a value.
    var size: Int
}
