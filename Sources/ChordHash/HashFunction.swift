// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ChordCore

/// The function that turns names and keys into identifiers.
///
/// All members of a ring use the same function. The ring's parameters contain its name and the
/// identifier of a fixed string, because two functions may have the same name.
///
/// ``validate(hash:width:)`` checks a function and a width when a node is configured. After that,
/// hashing does not fail.
public struct HashFunction: Sendable {
    /// The name in the ring's parameters: 1 to 64 bytes.
    public let name: String
    /// The length of a digest in bits, a multiple of 8.
    public let bits: Int

    private let algorithm: Algorithm

    private enum Algorithm: Sendable {
        case openSSL(OpenSSLDigest)
        case custom(@Sendable (RawSpan) -> [UInt8])
    }

    /// SHA-256, the default.
    public static let sha256 = HashFunction(
        name: "sha256",
        bits: 256,
        algorithm: .openSSL(.sha256)
    )

    /// SHA-1, as in the Chord papers, for rings that use it already.
    ///
    /// Collisions of SHA-1 can be computed, so a person who chooses names can choose two names with
    /// the same identifier. Certified names prevent that. Use ``sha256`` for new rings.
    public static let sha1 = HashFunction(name: "sha1", bits: 160, algorithm: .openSSL(.sha1))

    /// A custom function.
    ///
    /// An identifier is the *leading* bits of the digest, so each of these bits must depend on
    /// every byte of the input, including the last. Cryptographic hashes satisfy this. Many others
    /// do not: FNV-1a hardly changes the leading bits for the last bytes of a short name, so all
    /// nodes would be in one tiny arc and one of them would own nearly all keys. `chord ring` and
    /// the node's log warn if a share is larger than chance explains. To improve a weak function,
    /// hash its digest again, or multiply the digest by a large odd number and fold the high half
    /// into the low one.
    ///
    /// - Parameters:
    ///   - name: The name in the ring's parameters, 1 to 64 bytes.
    ///   - bits: The length of its digests in bits, a multiple of 8.
    ///   - digest: Returns the digest: always `bits / 8` bytes, and always the same for the same
    ///     input. It is called on event loops and must not block.
    public static func custom(
        name: String,
        bits: Int,
        _ digest: @escaping @Sendable (RawSpan) -> [UInt8]
    ) -> HashFunction {
        HashFunction(name: name, bits: bits, algorithm: .custom(digest))
    }

    /// The built-in function of this name, `sha256` or `sha1`.
    public static func named(_ name: String) -> HashFunction? {
        [.sha256, .sha1].first { $0.name == name }
    }

    private init(name: String, bits: Int, algorithm: Algorithm) {
        self.name = name
        self.bits = bits
        self.algorithm = algorithm
    }

    /// The length of a digest in bytes.
    public var digestByteCount: Int { bits / 8 }

    /// Checks that a function can produce identifiers of a width, by calling it.
    ///
    /// - Throws: ``HashError`` with code `invalidHash` if the name is empty or too long, the digest
    ///   is not whole bytes, or the closure returns another number of bytes than declared;
    ///   `digestTooShort` if the digest has fewer bits than the width; `unavailable` if OpenSSL
    ///   does not provide the algorithm.
    public static func validate(hash: HashFunction, width: Int) throws(HashError) {
        guard (1...64).contains(hash.name.utf8.count), !hash.name.utf8.contains(0) else {
            throw HashError(
                .invalidHash,
                "the name of a hash function has 1 to 64 bytes, none of them zero"
            )
        }
        guard hash.bits > 0, hash.bits % 8 == 0 else {
            throw HashError(
                .invalidHash,
                "\(hash.name) has \(hash.bits) bits, which is not whole bytes"
            )
        }
        guard IdentifierSpace.widths.contains(width), width <= hash.bits else {
            throw HashError(
                .digestTooShort,
                "\(hash.name) has \(hash.bits) bits, and identifiers have \(width)"
            )
        }
        guard let digest = hash.digest("".utf8Span.span.bytes) else {
            throw HashError(.unavailable, "OpenSSL does not provide \(hash.name)")
        }
        guard digest.count == hash.digestByteCount else {
            throw HashError(
                .invalidHash,
                "\(hash.name) returned \(digest.count) bytes, not \(hash.digestByteCount)"
            )
        }
    }
}

// MARK: - Digests

extension HashFunction {
    /// The digest of some bytes.
    public func hash(_ bytes: RawSpan) -> [UInt8] {
        guard let digest = digest(bytes), digest.count == digestByteCount else {
            // The function was checked at configuration. No caller can continue with a wrong
            // identifier, so this stops the process.
            fatalError("\(name) gave no digest of \(bits) bits; call validate(hash:width:) first")
        }
        return digest
    }

    /// The digest of some bytes.
    public func hash(_ bytes: [UInt8]) -> [UInt8] {
        hash(bytes.span.bytes)
    }

    /// The digest of a string's UTF-8.
    public func hash(_ string: String) -> [UInt8] {
        hash(string.utf8Span.span.bytes)
    }

    private func digest(_ bytes: RawSpan) -> [UInt8]? {
        switch algorithm {
        case .custom(let digest):
            return digest(bytes)
        case .openSSL(let algorithm):
            var done = false
            let digest = [UInt8](unsafeUninitializedCapacity: algorithm.byteCount) {
                buffer,
                count in
                let output = UnsafeMutableBufferPointer(
                    start: buffer.baseAddress,
                    count: algorithm.byteCount
                )
                done = algorithm.digest(bytes, into: output)
                count = done ? algorithm.byteCount : 0
            }
            return done ? digest : nil
        }
    }
}

// MARK: - Identifiers

extension HashFunction {
    /// The identifier of some bytes: the leading bits of their digest.
    ///
    /// The function and the width must have passed ``validate(hash:width:)``.
    public func identifier(of bytes: RawSpan, in space: IdentifierSpace) -> Identifier {
        do {
            return try space.identifier(ofDigest: hash(bytes))
        } catch {
            // Only a digest shorter than the width can fail here, and `validate` refuses that.
            fatalError("\(name): \(error); call validate(hash:width:) first")
        }
    }

    /// The identifier of some bytes: the leading bits of their digest.
    ///
    /// The function and the width must have passed ``validate(hash:width:)``.
    public func identifier(of bytes: [UInt8], in space: IdentifierSpace) -> Identifier {
        identifier(of: bytes.span.bytes, in: space)
    }

    /// The identifier of a name or a key: the leading bits of the digest of its UTF-8.
    ///
    /// The function and the width must have passed ``validate(hash:width:)``.
    public func identifier(of string: String, in space: IdentifierSpace) -> Identifier {
        identifier(of: string.utf8Span.span.bytes, in: space)
    }
}
