// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// A digest algorithm of OpenSSL, fetched once, because fetching it by name costs more than a short
/// digest.
///
/// `@unchecked Sendable`: OpenSSL never changes a fetched EVP_MD, any number of threads may use it,
/// and these two live as long as the process.
final class OpenSSLDigest: @unchecked Sendable {
    static let sha1 = OpenSSLDigest("SHA1", fallback: EVP_sha1(), byteCount: 20)
    static let sha256 = OpenSSLDigest("SHA256", fallback: EVP_sha256(), byteCount: 32)

    let byteCount: Int
    private let algorithm: OpaquePointer?

    private init(_ name: String, fallback: OpaquePointer?, byteCount: Int) {
        self.byteCount = byteCount
        chord_OPENSSL_prepare()
        if let fetched = EVP_MD_fetch(nil, name, nil) {
            algorithm = fetched
        } else {
            // This error is not read. In the queue it would be attributed to a later call.
            ERR_clear_error()
            algorithm = fallback
        }
    }

    /// Writes the digest of `bytes` into a buffer of `byteCount` bytes; false if OpenSSL fails.
    func digest(_ bytes: RawSpan, into output: UnsafeMutableBufferPointer<UInt8>) -> Bool {
        precondition(output.count == byteCount)
        let done = bytes.withUnsafeBytes {
            EVP_Digest($0.baseAddress, $0.count, output.baseAddress, nil, algorithm, nil)
        }
        if done != 1 { ERR_clear_error() }
        return done == 1
    }
}
