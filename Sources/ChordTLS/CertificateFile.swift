// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL
public import ChordIdentity

/// Certificates in files.
public enum CertificateFile {
    /// Reads every certificate in a PEM file, in order, and judges none.
    ///
    /// - Throws: `TLSError` with `fileMissing`, `fileUnreadable`, `fileMalformed`, or
    ///   `certificateRefused` for a certificate with an extension that cannot be read.
    public static func inspect(file: String) throws(TLSError) -> [PeerCertificate] {
        var result: [PeerCertificate] = []
        for certificate in try PEMFile.certificates(in: file) {
            result.append(try CertificateReader.read(certificate.pointer))
        }
        return result
    }
}

/// PEM files, read by OpenSSL, with errors that name the file and say what to do.
///
/// Every read passes a password callback that declines: without one, OpenSSL asks the terminal, which
/// blocks a server for good.
enum PEMFile {
    /// Every certificate in a file, at least one.
    static func certificates(in file: String) throws(TLSError) -> [Certificate] {
        try objects(in: file, kind: "certificate") { bio in
            PEM_read_bio_X509(bio, nil, { _, _, _, _ in -1 }, nil).map { Certificate(owning: $0) }
        }
    }

    /// Every revocation list in a file, at least one.
    static func revocationLists(in file: String) throws(TLSError) -> [RevocationList] {
        try objects(in: file, kind: "revocation list") { bio in
            PEM_read_bio_X509_CRL(bio, nil, { _, _, _, _ in -1 }, nil).map {
                RevocationList(owning: $0)
            }
        }
    }

    /// The private key in a file.
    static func privateKey(in file: String) throws(TLSError) -> PrivateKey {
        let bio = try open(file)
        defer { BIO_free(bio) }
        var passwordWasWanted = false
        let key = PEM_read_bio_PrivateKey(
            bio,
            nil,
            { _, _, _, wanted in
                wanted?.assumingMemoryBound(to: Bool.self).pointee = true
                return -1
            },
            &passwordWasWanted
        )
        if let key {
            OpenSSLErrors.clear()
            return PrivateKey(owning: key)
        }
        if passwordWasWanted {
            OpenSSLErrors.clear()
            throw TLSError(
                .keyEncrypted,
                "the private key in \(quoted(file)) is encrypted; write it out unencrypted with mode"
                    + " 0600 (openssl pkey -in … -out …)"
            )
        }
        throw TLSError(
            .fileMalformed,
            "the file \(quoted(file)) holds no private key in PEM form that can be read:"
                + " \(OpenSSLErrors.takeText())"
        )
    }

    /// The largest file that is read; a bundle of all public authorities is a tenth of it.
    private static let maximumBytes = 4 << 20

    /// Reads a file whole, because OpenSSL's line reader takes an error for the end of the file.
    private static func open(_ file: String) throws(TLSError) -> OpaquePointer {
        chord_OPENSSL_prepare()
        OpenSSLErrors.clear()
        guard let source = BIO_new_file(file, "r") else {
            throw unreadable(file, OpenSSLErrors.take())
        }
        defer { BIO_free(source) }
        guard let contents = BIO_new(BIO_s_mem()) else {
            throw TLSError(.internalFailure, OpenSSLErrors.takeText())
        }
        var buffer = [UInt8](repeating: 0, count: 16_384)
        var total = 0
        while true {
            let count = BIO_read(source, &buffer, Int32(buffer.count))
            let entries = OpenSSLErrors.take()
            total += max(0, Int(count))
            let isTooLarge = total > maximumBytes
            if isTooLarge || entries.contains(where: \.isSystem) {
                BIO_free(contents)
                throw isTooLarge
                    ? TLSError(
                        .fileMalformed,
                        "the file \(quoted(file)) is larger than \(maximumBytes) bytes"
                    )
                    : unreadable(file, entries)
            }
            guard count > 0 else { return contents }
            BIO_write(contents, buffer, count)
        }
    }

    private static func unreadable(_ file: String, _ entries: [OpenSSLErrors.Entry]) -> TLSError {
        let system = entries.first { $0.isSystem }
        if system?.errorNumber == ENOENT {
            return TLSError(
                .fileMissing,
                "there is no file \(quoted(file)); check the path in the configuration"
            )
        }
        return TLSError(
            .fileUnreadable,
            "the file \(quoted(file)) cannot be read: \(system?.text ?? "unknown reason");"
                + " check its path and permissions"
        )
    }

    private static func objects<Object>(
        in file: String,
        kind: String,
        next: (OpaquePointer) -> Object?
    ) throws(TLSError) -> [Object] {
        let bio = try open(file)
        defer { BIO_free(bio) }
        var result: [Object] = []
        while let object = next(bio) {
            result.append(object)
        }
        // The end of the file shows as the absence of another start line; any other error means that
        // a part of the file was not understood, and a part of a trust bundle is not the bundle.
        let entries = OpenSSLErrors.take()
        let isAtEnd = entries.allSatisfy { entry in
            entry.library == ERR_LIB_PEM && entry.reason == PEM_R_NO_START_LINE
        }
        if isAtEnd, !result.isEmpty {
            return result
        }
        throw failure(in: file, kind: kind, after: result.count, entries: entries)
    }

    private static func failure(
        in file: String,
        kind: String,
        after count: Int = 0,
        entries: [OpenSSLErrors.Entry] = OpenSSLErrors.take()
    ) -> TLSError {
        if let system = entries.first(where: { $0.isSystem }) {
            return TLSError(
                .fileUnreadable,
                "the file \(quoted(file)) cannot be read: \(system.text)"
            )
        }
        let hasNoStart = entries.allSatisfy { entry in
            entry.library == ERR_LIB_PEM && entry.reason == PEM_R_NO_START_LINE
        }
        if hasNoStart || entries.isEmpty {
            return TLSError(
                .fileMalformed,
                "the file \(quoted(file)) holds no \(kind) in PEM form (-----BEGIN …); is it DER, or"
                    + " another file?"
            )
        }
        let texts = entries.map(\.text).joined(separator: ", ")
        return TLSError(
            .fileMalformed,
            "\(kind) \(count + 1) in the file \(quoted(file)) cannot be read: \(texts)"
        )
    }
}
