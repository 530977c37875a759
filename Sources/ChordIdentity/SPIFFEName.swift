// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The SPIFFE name of a ring's node, client or admin:
/// `spiffe://<trust domain>/chord/<role>/<name>`.
///
/// Parsing is strict: a name that two readers could understand differently is refused and never
/// normalised.
package struct SPIFFEName: Sendable, Hashable, CustomStringConvertible {
    /// The longest URI that is accepted, in bytes.
    package static let maximumLength = 2048

    /// The longest trust domain that is accepted, in bytes.
    package static let maximumTrustDomainLength = 255

    /// The longest name that is accepted, in bytes. Messages carry names of at most 255 bytes.
    package static let maximumNameLength = 255

    /// The trust domain.
    package let trustDomain: String

    /// The role of the holder.
    package let role: Role

    /// The name within the trust domain and role.
    package let name: String

    /// Creates a name from its parts.
    ///
    /// - Throws: `IdentityError` with `malformedSPIFFE` if a part is empty, too long, or has a
    ///   character that SPIFFE does not allow there.
    package init(trustDomain: String, role: Role, name: String) throws(IdentityError) {
        if let problem = Self.problem(inTrustDomain: trustDomain) ?? Self.problem(inSegment: name) {
            throw IdentityError(.malformedSPIFFE, problem)
        }
        guard name.utf8.count <= Self.maximumNameLength else {
            throw IdentityError(
                .malformedSPIFFE,
                "the name is longer than \(Self.maximumNameLength) bytes: \(quoted(name))"
            )
        }
        self.trustDomain = trustDomain
        self.role = role
        self.name = name
    }

    /// Reads a name from a URI.
    ///
    /// - Throws: `IdentityError` with `malformedSPIFFE`; the message tells the problem.
    package init(uri: String) throws(IdentityError) {
        func malformed(_ problem: String) -> IdentityError {
            IdentityError(.malformedSPIFFE, "\(quoted(uri)) is not a SPIFFE name: \(problem)")
        }
        guard uri.utf8.count <= Self.maximumLength else {
            throw malformed("it is longer than \(Self.maximumLength) bytes")
        }
        guard let colon = uri.utf8.firstIndex(of: UInt8(ascii: ":")),
            asciiLowercased(uri[..<colon]) == "spiffe"
        else {
            throw malformed("its scheme is not spiffe")
        }
        let hierarchy = uri[uri.utf8.index(after: colon)...]
        guard hierarchy.utf8.starts(with: "//".utf8) else {
            throw malformed("no trust domain follows the scheme")
        }
        if hierarchy.utf8.contains(UInt8(ascii: "?")) {
            throw malformed("it has a query")
        }
        if hierarchy.utf8.contains(UInt8(ascii: "#")) {
            throw malformed("it has a fragment")
        }
        let parts = hierarchy.utf8.dropFirst(2).split(
            separator: UInt8(ascii: "/"),
            omittingEmptySubsequences: false
        ).map { String(Substring($0)) }
        let trustDomain = parts.first ?? ""
        if trustDomain.utf8.contains(UInt8(ascii: "@")) {
            throw malformed("it has user information before the trust domain")
        }
        if trustDomain.utf8.contains(UInt8(ascii: ":")) {
            throw malformed("it has a port after the trust domain")
        }
        if let problem = Self.problem(inTrustDomain: trustDomain) {
            throw malformed(problem)
        }
        for segment in parts.dropFirst() {
            if let problem = Self.problem(inSegment: segment) {
                throw malformed(problem)
            }
        }
        guard parts.count == 4, parts[1] == "chord" else {
            throw malformed("its path is not /chord/<role>/<name>")
        }
        guard let role = Role(rawValue: parts[2]) else {
            throw malformed("\(quoted(parts[2])) is no role; roles are node, client and admin")
        }
        do {
            try self.init(trustDomain: trustDomain, role: role, name: parts[3])
        } catch {
            throw malformed(error.message)
        }
    }

    /// The name as a URI.
    package var uri: String { "spiffe://\(trustDomain)/chord/\(role.rawValue)/\(name)" }

    /// The name as a URI.
    package var description: String { uri }

    private static func problem(inTrustDomain trustDomain: String) -> String? {
        if trustDomain.isEmpty {
            return "the trust domain is empty"
        }
        if trustDomain.utf8.count > maximumTrustDomainLength {
            return "the trust domain is longer than \(maximumTrustDomainLength) bytes"
        }
        let isLegal = trustDomain.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
        return isLegal
            ? nil
            : "the trust domain \(quoted(trustDomain)) may only have a-z, 0-9, '.', '-' and '_'"
    }

    private static func problem(inSegment segment: String) -> String? {
        switch segment {
        case "": return "a segment of its path is empty"
        case ".", "..": return "its path has a '\(segment)' segment"
        default: break
        }
        let isLegal = segment.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"),
                UInt8(ascii: "_"):
                true
            default: false
            }
        }
        return isLegal
            ? nil
            : "the path segment \(quoted(segment)) may only have A-Z, a-z, 0-9, '.', '-' and '_'"
    }
}
