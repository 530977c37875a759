// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// Users of this module also see the members of its errors.
@_exported public import ChordBase

/// Why a listener could not be started.
public typealias TransportError = ModuleError<TransportErrorCode>

/// The kind of a ``TransportError``.
public struct TransportErrorCode: ErrorCode {
    private enum Kind: String {
        case invalidAddress, resolveFailed, bindFailed, addressInUse, addressNotOurs, portReserved
        case invalidState, outOfResources
    }

    private let kind: Kind

    /// An address is not of the form `host:port`.
    public static let invalidAddress = Self(kind: .invalidAddress)
    /// The host name has no address.
    public static let resolveFailed = Self(kind: .resolveFailed)
    /// The listening socket could not be opened.
    public static let bindFailed = Self(kind: .bindFailed)
    /// Another process listens at the address.
    public static let addressInUse = Self(kind: .addressInUse)
    /// The address to listen at does not belong to this machine.
    public static let addressNotOurs = Self(kind: .addressNotOurs)
    /// The port is reserved for the system, as ports below 1024 commonly are.
    public static let portReserved = Self(kind: .portReserved)
    /// The operation is not allowed in this state, such as a second `bind`.
    public static let invalidState = Self(kind: .invalidState)
    /// The system refused a resource, such as a file descriptor.
    public static let outOfResources = Self(kind: .outOfResources)

    /// The name of the code.
    public var description: String { kind.rawValue }
}
