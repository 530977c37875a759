// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import Foundation

/// A certificate authority in a temporary folder, run by the `openssl` command: tests use
/// certificates of the tool that users have, not of our own code.
///
/// Not safe for several tests at the same time, because `openssl ca` keeps its records in files.
package final class TestAuthority {
    package struct Failure: Error, CustomStringConvertible {
        package var description: String
    }

    /// A certificate and its key.
    package struct Issued: Sendable {
        package var certificate: String
        package var key: String

        package init(certificate: String, key: String) {
            self.certificate = certificate
            self.key = key
        }
    }

    /// The contents of a certificate; the defaults are those of a valid node.
    package struct Request {
        package var name: String
        package var alternativeNames: [String]
        package var keyUsage: String? = "critical,digitalSignature"
        package var extendedKeyUsage: String? = "serverAuth,clientAuth"
        package var isAuthority = false
        /// The arguments of `openssl req` that choose the kind of key.
        package var key: [String] = ["-newkey", "ec"] + TestAuthority.curve
        package var start: Date = Date(timeIntervalSinceNow: -3_600)
        package var end: Date = Date(timeIntervalSinceNow: 30 * 86_400)

        package init(_ name: String, _ alternativeNames: [String]) {
            self.name = name
            self.alternativeNames = alternativeNames
        }

        /// A node, client or admin with a SPIFFE name and loopback hosts.
        package static func member(
            _ name: String,
            role: String = "node",
            trustDomain: String = "chord.test"
        ) -> Request {
            Request(
                name,
                [
                    "URI:spiffe://\(trustDomain)/chord/\(role)/\(name)", "DNS:localhost",
                    "IP:127.0.0.1", "IP:0:0:0:0:0:0:0:1",
                ]
            )
        }

        /// An authority below another one.
        package static func authority(_ name: String) -> Request {
            Request(name, []).with {
                $0.isAuthority = true
                $0.keyUsage = "critical,keyCertSign,cRLSign"
                $0.extendedKeyUsage = nil
            }
        }

        package func with(_ change: (inout Request) -> Void) -> Request {
            var request = self
            change(&request)
            return request
        }
    }

    package let folder: URL
    package let root: Issued
    private var serial = 0

    /// Creates an authority with a root certificate of its own, or one that issues with another
    /// certificate, even if that is not an authority's.
    package init(_ name: String, in parent: URL, issuingAs issuer: Issued? = nil) throws {
        folder = parent.appendingPathComponent(name)
        try FileManager.default.createDirectory(
            at: folder.appendingPathComponent("issued"),
            withIntermediateDirectories: true
        )
        root =
            issuer
            ?? Issued(
                certificate: folder.appendingPathComponent("root.crt").path,
                key: folder.appendingPathComponent("root.key").path
            )
        try "".write(
            to: folder.appendingPathComponent("index.txt"),
            atomically: true,
            encoding: .utf8
        )
        try "1000".write(
            to: folder.appendingPathComponent("serial"),
            atomically: true,
            encoding: .utf8
        )
        try "01".write(to: folder.appendingPathComponent("crl"), atomically: true, encoding: .utf8)
        let configuration = """
            [req]
            distinguished_name = subject
            [subject]
            [ca]
            default_ca = test
            [test]
            database = \(folder.path)/index.txt
            serial = \(folder.path)/serial
            crlnumber = \(folder.path)/crl
            new_certs_dir = \(folder.path)/issued
            certificate = \(root.certificate)
            private_key = \(root.key)
            default_md = sha256
            default_days = 30
            unique_subject = no
            policy = anything
            [anything]
            commonName = supplied
            """
        try configuration.write(
            to: folder.appendingPathComponent("ca.cnf"),
            atomically: true,
            encoding: .utf8
        )
        guard issuer == nil else { return }
        try openssl(
            ["req", "-x509", "-config", "ca.cnf", "-newkey", "ec"] + Self.curve + [
                "-nodes", "-keyout", root.key, "-out", root.certificate, "-days", "3650",
                "-subj", "/CN=\(name) authority",
                "-addext", "basicConstraints=critical,CA:TRUE",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign",
            ]
        )
    }

    /// Issues a certificate with a new key.
    package func issue(_ request: Request, signedWith digest: String = "sha256") throws -> Issued {
        serial += 1
        let base = folder.appendingPathComponent("\(request.name)-\(serial)").path
        var extensions = ["basicConstraints=critical,CA:\(request.isAuthority ? "TRUE" : "FALSE")"]
        if !request.alternativeNames.isEmpty {
            extensions.append("subjectAltName=\(request.alternativeNames.joined(separator: ","))")
        }
        if let keyUsage = request.keyUsage {
            extensions.append("keyUsage=\(keyUsage)")
        }
        if let extendedKeyUsage = request.extendedKeyUsage {
            extensions.append("extendedKeyUsage=\(extendedKeyUsage)")
        }
        try extensions.joined(separator: "\n").write(
            toFile: base + ".ext",
            atomically: true,
            encoding: .utf8
        )
        try openssl(
            ["req", "-new", "-config", "ca.cnf"] + request.key + [
                "-nodes", "-keyout", base + ".key", "-out", base + ".csr",
                "-subj", "/CN=\(request.name)",
            ]
        )
        try openssl([
            "ca", "-batch", "-config", "ca.cnf", "-in", base + ".csr", "-out", base + ".crt",
            "-notext", "-extfile", base + ".ext", "-md", digest,
            "-startdate", Self.time(request.start), "-enddate", Self.time(request.end),
        ])
        return Issued(certificate: base + ".crt", key: base + ".key")
    }

    /// Issues a certificate that its own key signs.
    package func issueSelfSigned(_ name: String, _ alternativeNames: [String]) throws -> Issued {
        let base = folder.appendingPathComponent("\(name)-self-signed").path
        try openssl(
            ["req", "-x509", "-config", "ca.cnf", "-newkey", "ec"] + Self.curve + [
                "-nodes", "-keyout", base + ".key", "-out", base + ".crt", "-subj", "/CN=\(name)",
                "-addext", "subjectAltName=\(alternativeNames.joined(separator: ","))",
                "-addext", "keyUsage=critical,digitalSignature",
            ]
        )
        return Issued(certificate: base + ".crt", key: base + ".key")
    }

    /// Revokes a certificate; the next `revocationList` contains it.
    package func revoke(_ issued: Issued) throws {
        try openssl(["ca", "-config", "ca.cnf", "-revoke", issued.certificate])
    }

    /// Writes a revocation list.
    package func revocationList(_ name: String, lasting seconds: Int = 86_400) throws -> String {
        let path = folder.appendingPathComponent(name).path
        try openssl([
            "ca", "-config", "ca.cnf", "-gencrl", "-crlsec", String(seconds), "-out", path,
        ])
        return path
    }

    /// Writes a revocation list that expired long ago.
    package func expiredRevocationList(_ name: String = "expired.crl") throws -> String {
        let path = folder.appendingPathComponent(name).path
        try openssl([
            "ca", "-config", "ca.cnf", "-gencrl", "-crl_lastupdate", "20240101000000Z",
            "-crl_nextupdate", "20240201000000Z", "-out", path,
        ])
        return path
    }

    /// Runs `openssl` in the authority's folder.
    package func openssl(_ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments
        process.currentDirectoryURL = folder
        process.standardInput = FileHandle.nullDevice
        let said = try process.runToEnd()
        guard process.terminationStatus == 0 else {
            throw Failure(description: "openssl \(arguments.joined(separator: " ")): \(said)")
        }
    }

    fileprivate static let curve = ["-pkeyopt", "ec_paramgen_curve:prime256v1"]

    private static func time(_ date: Date) -> String {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(identifier: "UTC")
        formatter.dateFormat = "yyyyMMddHHmmss'Z'"
        return formatter.string(from: date)
    }
}
