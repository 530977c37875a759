// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

// OpenSSL's types are all `OpaquePointer` in Swift, so that freeing a context as if it were a
// connection would compile. Each type here owns one reference and releases it.

/// One certificate.
final class Certificate {
    let pointer: OpaquePointer

    /// Takes ownership of a reference.
    init(owning pointer: OpaquePointer) {
        self.pointer = pointer
    }

    deinit {
        X509_free(pointer)
    }
}

/// One private key.
final class PrivateKey {
    let pointer: OpaquePointer

    /// Takes ownership of a reference.
    init(owning pointer: OpaquePointer) {
        self.pointer = pointer
    }

    deinit {
        EVP_PKEY_free(pointer)
    }
}

/// One revocation list.
final class RevocationList {
    let pointer: OpaquePointer

    /// Takes ownership of a reference.
    init(owning pointer: OpaquePointer) {
        self.pointer = pointer
    }

    deinit {
        X509_CRL_free(pointer)
    }
}

/// Trusted roots and revocation lists.
final class TrustStore {
    let pointer: OpaquePointer

    init() throws(TLSError) {
        guard let pointer = X509_STORE_new() else {
            throw TLSError(.internalFailure, OpenSSLErrors.takeText())
        }
        self.pointer = pointer
    }

    deinit {
        X509_STORE_free(pointer)
    }
}

/// One `SSL_CTX`. OpenSSL counts its references atomically and locks what it changes during use. We
/// change nothing after creation, hence unchecked.
final class SSLContext: @unchecked Sendable {
    let pointer: OpaquePointer

    init() throws(TLSError) {
        OpenSSLErrors.clear()
        let library = TLSLibraryContext.shared.context
        guard let pointer = SSL_CTX_new_ex(library, nil, TLS_method()) else {
            throw TLSError(.internalFailure, OpenSSLErrors.takeText())
        }
        self.pointer = pointer
    }

    deinit {
        SSL_CTX_free(pointer)
    }
}

/// One `SSL` and the queues that it reads from and writes to. Confined to its owner.
struct SSLSession: ~Copyable {
    let pointer: OpaquePointer
    let pipe: UnsafeMutablePointer<ByteBufferBIO>

    private init(owning pointer: OpaquePointer, pipe: UnsafeMutablePointer<ByteBufferBIO>) {
        self.pointer = pointer
        self.pipe = pipe
    }

    /// Creates the state of one connection.
    static func make(context: SSLContext) throws(TLSError) -> SSLSession {
        OpenSSLErrors.clear()
        guard let pointer = SSL_new(context.pointer) else {
            throw TLSError(.internalFailure, OpenSSLErrors.takeText())
        }
        let pipe = UnsafeMutablePointer<ByteBufferBIO>.allocate(capacity: 1)
        pipe.initialize(to: ByteBufferBIO())
        let session = SSLSession(owning: pointer, pipe: pipe)
        guard let method = ByteBufferBIO.method.pointer, let bio = BIO_new(method) else {
            throw TLSError(.internalFailure, OpenSSLErrors.takeText())
        }
        BIO_set_data(bio, pipe)
        // One BIO for both directions takes one reference, which `SSL_free` releases.
        SSL_set_bio(session.pointer, bio, bio)
        return session
    }

    deinit {
        // This order is needed: OpenSSL may flush into the queues while it is freed.
        SSL_free(pointer)
        pipe.deinitialize(count: 1)
        pipe.deallocate()
    }
}
