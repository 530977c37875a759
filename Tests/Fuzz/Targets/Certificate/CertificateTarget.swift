// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL
import ChordIdentity
import FuzzSupport

@testable import ChordTLS

/// Certificates: whole ones, and one whose alternative names, key usage or extended key usage are the
/// input.
enum CertificateTarget: FuzzTarget {
    static let name = "certificate"

    private static let extensions = [NID_subject_alt_name, NID_key_usage, NID_ext_key_usage]

    static var seeds: [[UInt8]] {
        func value(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
            [tag, UInt8(content.count)] + content
        }
        let uri = value(0x86, Array("spiffe://example.org/chord/node/n1".utf8))
        let dns = value(0x82, Array("n1.example.org".utf8))
        let version4 = value(0x87, [127, 0, 0, 1])
        let version6 = value(0x87, [UInt8](repeating: 0, count: 15) + [1])
        let serverAuth: [UInt8] = [0x06, 8, 0x2b, 6, 1, 5, 5, 7, 3, 1]
        let clientAuth: [UInt8] = [0x06, 8, 0x2b, 6, 1, 5, 5, 7, 3, 2]
        return [uri, dns, version4, version6, dns + uri, uri + dns + version4 + version6].map {
            [1, 0] + value(0x30, $0)
        } + [
            [1, 0] + value(0x30, value(0x87, [1, 2, 3])),
            [1, 0] + value(0x30, value(0x82, [0, 65])),
            [1, 1] + value(0x03, [7, 0x80]), [1, 1] + value(0x03, [1, 6]),
            [1, 2] + value(0x30, serverAuth + clientAuth), [1, 2] + value(0x30, serverAuth),
        ]
    }

    static func run(_ input: UnsafeRawBufferPointer) throws {
        var input = FuzzInput(input)
        let certificate = input.byte() % 2 == 0 ? whole(&input) : made(&input)
        guard let certificate else { return }
        defer { X509_free(certificate) }
        guard let read = try? CertificateReader.read(certificate) else { return }
        for address in read.ipAddresses {
            try require(IPAddress(address)?.description == address, "address \(address)")
        }
        let policy = IdentityPolicy(trustDomains: ["example.org"], admitsHostCertificates: true)
        let identity = try? policy.identity(of: read, presentedBy: .client)
        if let identity, identity.proof == .host {
            try require(read.uris.isEmpty, "a host although there is a URI")
        }
        if let identity, let name = identity.name {
            let path = "://example.org/chord/\(identity.role)/\(name)"
            try require(
                read.uris.count == 1 && read.uris[0].hasSuffix(path),
                "\(identity) out of \(read.uris)"
            )
        }
    }

    private static func whole(_ input: inout FuzzInput) -> OpaquePointer? {
        let bytes = input.remainder()
        defer { ERR_clear_error() }
        var start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        return d2i_X509(nil, &start, bytes.count)
    }

    private static func made(_ input: inout FuzzInput) -> OpaquePointer? {
        let identifier = extensions[Int(input.byte()) % extensions.count]
        let bytes = input.remainder()
        defer { ERR_clear_error() }
        guard let certificate = X509_new(), let content = ASN1_OCTET_STRING_new() else {
            return nil
        }
        defer { ASN1_OCTET_STRING_free(content) }
        ASN1_STRING_set(content, bytes.baseAddress, CInt(bytes.count))
        let added = X509_EXTENSION_create_by_NID(nil, identifier, 1, content)
        defer { X509_EXTENSION_free(added) }
        X509_add_ext(certificate, added, -1)
        ASN1_TIME_set(X509_getm_notBefore(certificate), 0)
        ASN1_TIME_set(X509_getm_notAfter(certificate), 1 << 31)
        return certificate
    }
}

#if FUZZING
@_cdecl("FuzzCertificate_main")
func start(_ count: CInt, _ arguments: FuzzArguments) -> CInt {
    CertificateTarget.start(count, arguments) { CertificateTarget.fuzz($0, $1) }
}
#endif
