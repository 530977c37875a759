// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL
package import ChordIdentity

/// Certificates in files.
package enum CertificateFile {
    /// Reads every certificate in a PEM file, in order, without verifying any.
    ///
    /// - Throws: `TLSError` with `fileMissing`, `fileUnreadable`, `fileMalformed`, or
    ///   `certificateRefused` for a certificate with an extension that cannot be read.
    package static func inspect(file: String) throws(TLSError) -> [PeerCertificate] {
        var result: [PeerCertificate] = []
        for certificate in try PEMFile.certificates(in: file) {
            result.append(try CertificateReader.read(certificate.pointer))
        }
        return result
    }

    /// The current time in seconds since 1970, by this machine's clock. Validity periods are
    /// compared with it.
    package static var now: Int64 { Clock.now }

    /// Whether a file exists. A file that cannot be examined counts as existing: the error of
    /// reading it then tells why.
    package static func exists(_ file: String) -> Bool {
        let answer = chord_file_permissions(file)
        return answer >= 0 || (answer != -ENOENT && answer != -ENOTDIR)
    }
}

/// PEM files, read by OpenSSL. Errors name the file, the problem and the remedy.
///
/// Every read passes a password callback that declines. Without it OpenSSL would ask for a password
/// on the terminal and block the server.
enum PEMFile {
    /// Every certificate in a file, at least one.
    static func certificates(in file: String) throws(TLSError) -> [Certificate] {
        try objects(in: file, kind: .certificate) { bio in
            PEM_read_bio_X509(bio, nil, { _, _, _, _ in -1 }, nil).map { Certificate(owning: $0) }
        }
    }

    /// Every revocation list in a file, at least one.
    static func revocationLists(in file: String) throws(TLSError) -> [RevocationList] {
        try objects(in: file, kind: .revocationList) { bio in
            PEM_read_bio_X509_CRL(bio, nil, { _, _, _, _ in -1 }, nil).map {
                RevocationList(owning: $0)
            }
        }
    }

    /// The private key in a file.
    static func privateKey(in file: String) throws(TLSError) -> PrivateKey {
        let bytes = try contents(of: file)
        try PEMText(bytes, file: file).check(for: .privateKey)
        let bio = try memory(bytes)
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
                    + " 0600 (openssl pkey -in … -out …)",
                about: TLSError.Subject(file: file)
            )
        }
        throw TLSError(
            .fileMalformed,
            "the file \(quoted(file)) holds no private key in PEM form that can be read:"
                + " \(OpenSSLErrors.takeText())",
            about: TLSError.Subject(file: file)
        )
    }

    /// Whether a file contains a private key. False if the file cannot be read.
    static func holdsPrivateKey(_ file: String) -> Bool {
        guard let bytes = try? contents(of: file) else { return false }
        return PEMText(bytes, file: file).count(of: .privateKey) > 0
    }

    /// The size limit of a file. A bundle of all public authorities has a tenth of it.
    private static let maximumBytes = 4 << 20

    /// Reads the whole file, because OpenSSL's line reader takes a read error for the end of the
    /// file.
    private static func contents(of file: String) throws(TLSError) -> [UInt8] {
        chord_OPENSSL_prepare()
        OpenSSLErrors.clear()
        guard let source = BIO_new_file(file, "r") else {
            throw unreadable(file, OpenSSLErrors.take())
        }
        defer { BIO_free(source) }
        var result: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = BIO_read(source, &buffer, Int32(buffer.count))
            let entries = OpenSSLErrors.take()
            if entries.contains(where: \.isSystem) { throw unreadable(file, entries) }
            guard count > 0 else { return result }
            result += buffer[..<Int(count)]
            guard result.count <= maximumBytes else {
                throw TLSError(
                    .fileMalformed,
                    "the file \(quoted(file)) is larger than \(maximumBytes) bytes",
                    about: TLSError.Subject(file: file)
                )
            }
        }
    }

    private static func memory(_ bytes: [UInt8]) throws(TLSError) -> OpaquePointer {
        OpenSSLErrors.clear()
        guard let contents = BIO_new(BIO_s_mem()),
            bytes.isEmpty || BIO_write(contents, bytes, Int32(bytes.count)) == Int32(bytes.count)
        else {
            throw TLSError(.internalFailure, OpenSSLErrors.takeText())
        }
        return contents
    }

    private static func unreadable(_ file: String, _ entries: [OpenSSLErrors.Entry]) -> TLSError {
        let system = entries.first { $0.isSystem }
        if system?.errorNumber == ENOENT {
            return TLSError(
                .fileMissing,
                "there is no file \(quoted(file)); check the path in the configuration",
                about: TLSError.Subject(file: file)
            )
        }
        return TLSError(
            .fileUnreadable,
            "the file \(quoted(file)) cannot be read: \(system?.text ?? "unknown reason");"
                + " check its path and permissions",
            about: TLSError.Subject(file: file)
        )
    }

    private static func objects<Object>(
        in file: String,
        kind: PEMText.Kind,
        next: (OpaquePointer) -> Object?
    ) throws(TLSError) -> [Object] {
        let bytes = try contents(of: file)
        let text = PEMText(bytes, file: file)
        try text.check(for: kind)
        let bio = try memory(bytes)
        defer { BIO_free(bio) }
        var result: [Object] = []
        while let object = next(bio) {
            result.append(object)
        }
        // At the end of the file, OpenSSL reports that there is no further start line. Any other
        // error means that a part of the file was not understood, and a trust bundle must not be
        // used in part.
        let entries = OpenSSLErrors.take()
        let isAtEnd = entries.allSatisfy { entry in
            entry.library == ERR_LIB_PEM && entry.reason == PEM_R_NO_START_LINE
        }
        if isAtEnd, result.count == text.count(of: kind) { return result }
        let texts = entries.filter { $0.reason != PEM_R_NO_START_LINE || $0.library != ERR_LIB_PEM }
            .map(\.text)
        let reason = texts.isEmpty ? "its first line is damaged" : texts.joined(separator: ", ")
        throw TLSError(
            .fileMalformed,
            "\(kind.rawValue) \(result.count + 1) in the file \(quoted(file)) cannot be read: \(reason)",
            about: TLSError.Subject(file: file)
        )
    }
}
