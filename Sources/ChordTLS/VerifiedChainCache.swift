// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL
internal import ChordIdentity
internal import NIOConcurrencyHelpers

/// A cache of the certificate chains that a context has verified. It saves a seventh of the cost of
/// a handshake for a returning peer.
///
/// A cached identity stays correct. Roots, revocation lists and policy belong to the immutable
/// context; a reload creates a new context with an empty cache. Chains are equal only if all their
/// certificates are, byte by byte. An entry expires with the first of the certificates and lists
/// that it depends on. Each handshake still proves that the peer has the private key.
final class VerifiedChainCache: Sendable {
    /// The side that presented the chain, then the SHA-256 of each certificate, leaf first.
    struct Chain: Hashable {
        fileprivate let bytes: [UInt8]

        /// - Returns: nil if the chain is too long to cache or cannot be read.
        init?(of verification: OpaquePointer, presentedBy side: ConnectionSide) {
            guard let leaf = X509_STORE_CTX_get0_cert(verification) else { return nil }
            var certificates = [leaf]
            if let others = X509_STORE_CTX_get0_untrusted(verification) {
                let count = OPENSSL_sk_num(others)
                guard count <= Self.mostCertificates else { return nil }
                for index in 0..<count {
                    guard let other = OPENSSL_sk_value(others, index) else { return nil }
                    certificates.append(OpaquePointer(other))
                }
            }
            var bytes: [UInt8] = [side == .server ? 1 : 0]
            bytes.reserveCapacity(1 + 32 * certificates.count)
            var digest: [UInt8] = Array(repeating: 0, count: Int(EVP_MAX_MD_SIZE))
            for certificate in certificates {
                var count: UInt32 = 0
                guard X509_digest(certificate, EVP_sha256(), &digest, &count) == 1, count == 32
                else {
                    OpenSSLErrors.clear()
                    return nil
                }
                bytes += digest[..<32]
            }
            self.bytes = bytes
        }

        init(bytes: [UInt8]) {
            self.bytes = bytes
        }

        /// Honest peers present a few certificates. Longer chains would only cost memory.
        private static let mostCertificates: Int32 = 8
    }

    /// An identity and the seconds since 1970 in which it is valid.
    private struct Entry {
        var identity: PeerIdentity
        var validity: ClosedRange<Int64>
    }

    /// Two generations of entries. An entry that is used moves to the newer one; when that is full,
    /// the older one is discarded.
    private struct Generations {
        var newer: [Chain: Entry] = [:]
        var older: [Chain: Entry] = [:]

        mutating func insert(_ entry: Entry, for chain: Chain, capacity: Int) {
            if newer.count >= capacity {
                older = newer
                newer.removeAll(keepingCapacity: true)
            }
            newer[chain] = entry
        }
    }

    /// Enough for all neighbours, fingers and busy clients of a node; about 512 bytes each.
    static let defaultCapacity = 512

    private let listValidity: [ClosedRange<Int64>]?
    private let capacity: Int
    private let generations = NIOLockedValueBox(Generations())

    /// Creates a cache of at most twice as many chains as the capacity.
    ///
    /// - Parameter listValidity: The seconds since 1970 in which each revocation list is valid; nil
    ///   if unknown, and then nothing is cached.
    init(listValidity: [ClosedRange<Int64>]?, capacity: Int = VerifiedChainCache.defaultCapacity) {
        self.listValidity = listValidity
        self.capacity = capacity
    }

    /// The number of cached chains.
    var count: Int { generations.withLockedValue { $0.newer.count + $0.older.count } }

    /// The cached identity of a chain, if it is still valid.
    ///
    /// - Parameter now: Seconds since 1970.
    func identity(for chain: Chain, at now: Int64) -> PeerIdentity? {
        generations.withLockedValue { generations in
            let entry: Entry
            if let known = generations.newer[chain] {
                entry = known
            } else if let known = generations.older.removeValue(forKey: chain) {
                generations.insert(known, for: chain, capacity: capacity)
                entry = known
            } else {
                return nil
            }
            return entry.validity.contains(now) ? entry.identity : nil
        }
    }

    /// Caches the identity of a chain.
    ///
    /// - Parameter validity: The seconds since 1970 in which all certificates that the identity
    ///   depends on are valid.
    func insert(_ identity: PeerIdentity, for chain: Chain, during validity: ClosedRange<Int64>) {
        guard let listValidity else { return }
        var validity = validity
        for range in listValidity {
            guard range.overlaps(validity) else { return }
            validity = validity.clamped(to: range)
        }
        let entry = Entry(identity: identity, validity: validity)
        generations.withLockedValue { $0.insert(entry, for: chain, capacity: capacity) }
    }
}
