// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A method of a service.
package struct RPCMethod: Hashable, Sendable, CustomStringConvertible {
    /// The service with its package, such as `chord.v1.ChordService`.
    package let service: String
    /// The method, such as `Notify`.
    package let name: String
    /// The value of HTTP/2's `:path`.
    package let path: String

    package init(service: String, name: String) {
        self.service = service
        self.name = name
        path = "/\(service)/\(name)"
    }

    package var description: String { path }
}
