// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordRPC
import ChordTLS
import NIOCore
import NIOPosix

/// Describes why a dial failed.
enum DialFailure {
    static func describe(_ error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError: describe(error)
        case let error as IOError: SystemError.text(error.errnoCode)
        case let error as ChannelError: describe(error)
        case let error as TLSError: error.message
        case let error as TransportError: error.message
        default: "\(error)"
        }
    }

    /// The kind of failure, if the operator can do something about it; else nil.
    static func reason(for error: any Error) -> Status.Reason? {
        if isRefused(error) { return .nothingListens }
        guard let error = error as? TLSError else { return nil }
        switch error.code {
        case .peerRefused: return .ownCertificateRefused
        case .identityRefused:
            switch (error.cause as? IdentityError)?.code {
            case .noUsableIdentity?: return .peerProvesHostOnly
            case .wrongName?, .wrongHost?, .wrongRole?: return .peerIsAnother
            default: return .peerCertificateRefused
            }
        case .certificateExpired, .certificateNotYetValid, .certificateRevoked, .unknownAuthority,
            .certificateRefused, .certificateMissing, .revocationListMissing,
            .revocationListExpired,
            .revocationListRefused:
            return .peerCertificateRefused
        case .notTLS, .noApplicationProtocol, .protocolVersion, .handshakeFailed:
            return .notOurProtocol
        default: return nil
        }
    }

    /// Whether every address has refused the connection.
    private static func isRefused(_ error: any Error) -> Bool {
        switch error {
        case let error as NIOConnectionError:
            !error.connectionErrors.isEmpty
                && error.connectionErrors.allSatisfy { isRefused($0.error) }
        case let error as IOError: error.errnoCode == ECONNREFUSED
        default: false
        }
    }

    private static func describe(_ error: NIOConnectionError) -> String {
        if !error.connectionErrors.isEmpty {
            let each = error.connectionErrors.map { failure in
                let place = NetworkAddress(failure.target).map { "\($0): " } ?? ""
                return place + describe(failure.error)
            }
            // A single address is not named: it is the one that was dialled.
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
