// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import ChordIdentity

/// The blocks of a file that should be PEM, so that an error can say what is wrong with the file.
///
/// OpenSSL skips every line that it does not know. It overlooks a block whose first line is
/// damaged, and a trust bundle would then be used in part.
struct PEMText {
    /// One block.
    struct Block {
        /// The label of the block, such as "CERTIFICATE".
        var label: String
        /// The line number of the BEGIN line, from 1.
        var line: Int
    }

    /// The content that is expected in a file.
    enum Kind: String {
        case certificate
        case revocationList = "revocation list"
        case privateKey = "private key"

        /// The labels of the blocks with this content.
        var labels: [String] {
            switch self {
            case .certificate: ["CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"]
            case .revocationList: ["X509 CRL"]
            case .privateKey:
                [
                    "PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY", "DSA PRIVATE KEY",
                    "ENCRYPTED PRIVATE KEY",
                ]
            }
        }
    }

    let file: String
    private(set) var blocks: [Block] = []
    /// Damage that makes the text unreadable for every kind; nil if there is none.
    private var damage: String?

    private static let begin = Array("-----BEGIN ".utf8)
    private static let dashes = Array("-----".utf8)
    private static let newline = UInt8(ascii: "\n")
    private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

    init(_ bytes: [UInt8], file: String) {
        self.file = file
        var line = 1
        var lineStart = 0
        var index = 0
        while index < bytes.count {
            guard bytes[index] == Self.begin[0], bytes[index...].starts(with: Self.begin) else {
                if bytes[index] == Self.newline {
                    line += 1
                    lineStart = index + 1
                }
                index += 1
                continue
            }
            let before = bytes[lineStart..<index]
            let labelStart = index + Self.begin.count
            var end = labelStart
            while end < bytes.count, bytes[end] != Self.newline,
                !bytes[end...].starts(with: Self.dashes)
            {
                end += 1
            }
            blocks.append(
                Block(label: String(decoding: bytes[labelStart..<end], as: UTF8.self), line: line)
            )
            if damage == nil, !before.isEmpty { damage = Self.damage(by: before, line: line) }
            index = end
        }
        if damage == nil, blocks.isEmpty { damage = Self.otherForm(of: bytes, file: file) }
    }

    private static func damage(by before: ArraySlice<UInt8>, line: Int) -> String {
        if before.elementsEqual(byteOrderMark) {
            return
                "line \(line) begins with a byte order mark (EF BB BF); save the file as plain ASCII"
                + " or UTF-8 without one"
        }
        if before.suffix(dashes.count).elementsEqual(dashes) {
            return
                "a line break is missing in line \(line), where one block ends and the next begins;"
                + " end each part with a line break when files are put together"
        }
        return
            "line \(line) has text before -----BEGIN; a block begins at the start of its"
            + " line"
    }

    /// The form of a file without any block; nil if it is not recognised.
    private static func otherForm(of bytes: [UInt8], file: String) -> String? {
        let isBlank = bytes.allSatisfy { [0x20, 0x09, 0x0A, 0x0D].contains($0) }
        if isBlank { return "it is empty; was it written completely?" }
        if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
            return "it is UTF-16 text; save it as plain ASCII"
        }
        guard bytes[0] == 0x30, bytes.count > 4 else { return nil }
        // DER: the first element of the outer sequence tells the forms apart.
        let lengthBytes = bytes[1] < 0x80 ? 0 : Int(bytes[1] & 0x7F)
        let inner = bytes.dropFirst(2 + lengthBytes)
        if inner.starts(with: [0x02, 0x01, 0x03]) {
            return
                "it is PKCS #12 (.p12, .pfx), which is not supported; convert it: openssl pkcs12 -in"
                + " \(file) -nodes -nokeys -out NAME.pem, openssl pkcs12 -in \(file) -nodes -nocerts"
                + " -out NAME.key"
        }
        if inner.starts(with: [0x06, 0x09]) {
            return
                "it is PKCS #7 (.p7b), which is not supported; convert it: openssl pkcs7 -inform DER -in \(file)"
                + " -print_certs -out NAME.pem"
        }
        if inner.starts(with: [0x02, 0x01]) {
            return "it is a private key in DER form; write it as PEM: openssl pkey -inform DER -in"
                + " \(file) -out NAME.key"
        }
        return
            "it is DER, the binary form; write it as PEM: openssl x509 -inform DER -in \(file) -out"
            + " NAME.pem (openssl crl for a revocation list)"
    }

    /// Throws if OpenSSL would read only a part of the text, or if it has no block of the kind.
    func check(for kind: Kind) throws(TLSError) {
        let holdsKind = blocks.contains { kind.labels.contains($0.label) }
        if let damage {
            let what =
                blocks.isEmpty ? "holds no \(kind.rawValue) in PEM form" : "cannot be read whole"
            throw error("the file \(quoted(file)) \(what): \(damage)")
        }
        guard !holdsKind else { return }
        let base = "the file \(quoted(file)) holds no \(kind.rawValue) in PEM form (-----BEGIN …)"
        guard !blocks.isEmpty else { throw error("\(base); is it the wrong file?") }
        var labels: [String] = []
        for block in blocks where !labels.contains(block.label) { labels.append(block.label) }
        let shown = labels.prefix(4).map { quoted($0) }.joined(separator: ", ")
        throw error("\(base); it holds \(shown)\(Self.advice(labels, kind))")
    }

    private static func advice(_ labels: [String], _ kind: Kind) -> String {
        if labels.contains("CERTIFICATE REQUEST") || labels.contains("NEW CERTIFICATE REQUEST") {
            return ": a certificate request, which an authority must sign first"
        }
        if labels.contains("PKCS7") {
            return ": convert it with openssl pkcs7 -print_certs -in FILE -out NAME.pem"
        }
        if labels.contains("OPENSSH PRIVATE KEY") {
            return ": an SSH key, which TLS cannot use"
        }
        if labels.contains("PUBLIC KEY") {
            return ": a public key; the private key is needed"
        }
        if kind == .privateKey, labels.contains("CERTIFICATE") {
            return ": are certificate and key swapped?"
        }
        if kind == .certificate, labels.contains(where: Kind.privateKey.labels.contains) {
            return ": are certificate and key swapped?"
        }
        return ""
    }

    /// The number of blocks of a kind.
    func count(of kind: Kind) -> Int {
        blocks.count { kind.labels.contains($0.label) }
    }

    private func error(_ message: String) -> TLSError {
        TLSError(.fileMalformed, message, about: TLSError.Subject(file: file))
    }
}
