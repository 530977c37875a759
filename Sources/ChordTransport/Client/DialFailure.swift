// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix

/// Says why a dial failed, for a person.
enum DialFailure {
    static func describe(_ error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError: describe(error)
        case let error as IOError: SystemError.text(error.errnoCode)
        case let error as ChannelError: describe(error)
        default: "\(error)"
        }
    }

    private static func describe(_ error: NIOConnectionError) -> String {
        if !error.connectionErrors.isEmpty {
            let each = error.connectionErrors.map { failure in
                let place = HostAndPort(failure.target).map { "\($0): " } ?? ""
                return place + describe(failure.error)
            }
            // One address needs no naming: it is what was dialled.
            return each.count == 1
                ? describe(error.connectionErrors[0].error) : each.joined(separator: ", ")
        }
        if let lookup = error.dnsAError ?? error.dnsAAAAError {
            return "cannot look up \(error.host): \(lookup)"
        }
        return "no address of \(error.host) answered in time"
    }

    private static func describe(_ error: ChannelError) -> String {
        switch error {
        case .connectTimeout(let time):
            "no answer to the connection attempt within \(time.nanoseconds / 1_000_000) ms"
        default: "\(error)"
        }
    }
}
