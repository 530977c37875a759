// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL
internal import ChordIdentity
internal import NIOConcurrencyHelpers

/// Chains of certificates that one context has verified and judged, so that a peer who comes again
/// with the same ones costs no second look: a seventh of what a handshake costs.
///
/// What a verdict rests on cannot change under it. Roots, revocation lists and policy are those of the
/// context, which is immutable; a reload is a new context, which knows nobody yet. A chain is the
/// same only if every certificate in it is, byte by byte. And a verdict holds no longer than the
/// first of the certificates and lists that it was made with. That the peer has the private key is
/// proven in each handshake, whoever it is.
final class VerifiedChainCache: Sendable {
    /// The SHA-256 of each certificate presented, leaf first, after the side that presented them.
    struct Chain: Hashable {
        fileprivate let bytes: [UInt8]

        /// - Returns: nil for a chain that is not worth remembering, or that cannot be read.
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

        /// Honest peers present a handful; what more there is would only cost memory.
        private static let mostCertificates: Int32 = 8
    }

    /// A verdict and the seconds since 1970 in which it holds.
    private struct Verdict {
        var identity: PeerIdentity
        var validity: ClosedRange<Int64>
    }

    /// Two generations: who is met again moves to the newer one, and when that is full, the older is
    /// forgotten whole.
    private struct Generations {
        var newer: [Chain: Verdict] = [:]
        var older: [Chain: Verdict] = [:]

        mutating func insert(_ verdict: Verdict, for chain: Chain, capacity: Int) {
            if newer.count >= capacity {
                older = newer
                newer.removeAll(keepingCapacity: true)
            }
            newer[chain] = verdict
        }
    }

    /// Enough for all neighbours, fingers and busy clients of a node; about half a kibibyte each.
    static let defaultCapacity = 512

    private let listValidity: [ClosedRange<Int64>]?
    private let capacity: Int
    private let generations = NIOLockedValueBox(Generations())

    /// Remembers twice as many chains as the capacity says, at most.
    ///
    /// - Parameter listValidity: The seconds since 1970 in which each revocation list is valid; nil where
    ///   that is unknown, so that nothing can be remembered.
    init(listValidity: [ClosedRange<Int64>]?, capacity: Int = VerifiedChainCache.defaultCapacity) {
        self.listValidity = listValidity
        self.capacity = capacity
    }

    /// How many chains are remembered.
    var count: Int { generations.withLockedValue { $0.newer.count + $0.older.count } }

    /// Whom a chain was found to stand for, if that still holds.
    ///
    /// - Parameter now: Seconds since 1970.
    func identity(for chain: Chain, at now: Int64) -> PeerIdentity? {
        generations.withLockedValue { generations in
            let verdict: Verdict
            if let known = generations.newer[chain] {
                verdict = known
            } else if let known = generations.older.removeValue(forKey: chain) {
                generations.insert(known, for: chain, capacity: capacity)
                verdict = known
            } else {
                return nil
            }
            return verdict.validity.contains(now) ? verdict.identity : nil
        }
    }

    /// Keeps whom a chain stands for.
    ///
    /// - Parameter validity: The seconds since 1970 in which all certificates are valid that the verdict
    ///   rests on.
    func remember(_ identity: PeerIdentity, for chain: Chain, during validity: ClosedRange<Int64>) {
        guard let listValidity else { return }
        var validity = validity
        for range in listValidity {
            guard range.overlaps(validity) else { return }
            validity = validity.clamped(to: range)
        }
        let verdict = Verdict(identity: identity, validity: validity)
        generations.withLockedValue { $0.insert(verdict, for: chain, capacity: capacity) }
    }
}
