// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// The OpenSSL library context for handshakes: OpenSSL's default provider with shorter algorithm
/// tables.
///
/// Before version 3.2, OpenSSL reads the key of each received certificate by trying all decoders of
/// its providers and all algorithms that it has used so far, which are hundreds of entries
/// (openssl/openssl issues 15199 and 17950). That takes about a quarter of a handshake. The tables
/// here have only what TLS 1.3 needs.
///
/// Handshakes use OpenSSL's default context if the system's configuration asks for other providers
/// (FIPS, PKCS #11), if OpenSSL is newer, and if the set-up fails.
/// help, and where anything goes wrong, handshakes run in the default context like everything else.
struct TLSLibraryContext: @unchecked Sendable {
    /// The context; nil for OpenSSL's default one. It is created once and never freed, hence
    /// unchecked.
    let context: OpaquePointer?

    static let shared = TLSLibraryContext(context: make())

    /// The algorithms that are kept, per operation. Operations that are not listed keep all
    /// algorithms. The keys and signatures are those that certificates may have, the key exchanges
    /// those of TLS 1.3's groups.
    private static let shown: [Int32: [String]] = [
        OSSL_OP_CIPHER: ["AES-128-GCM", "AES-256-GCM", "ChaCha20-Poly1305"],
        OSSL_OP_DIGEST: [
            "SHA1", "SHA2-224", "SHA2-256", "SHA2-384", "SHA2-512", "SHA3-256", "SHA3-384",
            "SHA3-512",
        ],
        OSSL_OP_MAC: ["HMAC"],
        OSSL_OP_KDF: ["HKDF", "TLS13-KDF"],
        OSSL_OP_SIGNATURE: ["ECDSA", "RSA", "ED25519", "ED448"],
        OSSL_OP_KEYEXCH: ["ECDH", "X25519", "X448", "DH"],
        OSSL_OP_KEYMGMT: ["EC", "RSA", "RSA-PSS", "ED25519", "ED448", "X25519", "X448", "DH"],
        OSSL_OP_DECODER: ["EC", "RSA", "RSA-PSS", "ED25519", "ED448"],
    ]

    /// OpenSSL's default provider and the kept parts of its tables. Set once, before the provider
    /// below is first used.
    nonisolated(unsafe) private static var provider: OpaquePointer?
    nonisolated(unsafe) private static var parts: [Int32: UnsafeMutablePointer<OSSL_ALGORITHM>] =
        [:]

    /// The name "default" is taken in every context.
    private static let name = "chord"

    private static func make() -> OpaquePointer? {
        chord_OPENSSL_prepare()
        OpenSSLErrors.clear()
        defer { OpenSSLErrors.clear() }
        guard OpenSSL_version_num() < 0x3020_0000, usesDefaultProviderAlone,
            let own = OSSL_PROVIDER_load(nil, "default")
        else {
            return nil
        }
        provider = own
        for (operation, names) in shown {
            guard let part = part(of: own, operation, names) else { return nil }
            parts[operation] = part
        }
        guard let context = OSSL_LIB_CTX_new() else { return nil }
        let isAdded = OSSL_PROVIDER_add_builtin(
            context,
            name,
            { _, _, functions, state in
                functions?.pointee = UnsafePointer(TLSLibraryContext.table)
                // Its algorithms are the default provider's and are called with that provider's
                // state.
                state?.pointee = OSSL_PROVIDER_get0_provider_ctx(TLSLibraryContext.provider)
                return 1
            }
        )
        guard isAdded == 1, OSSL_PROVIDER_load(context, name) != nil
        else {
            OSSL_LIB_CTX_free(context)
            return nil
        }
        return context
    }

    private static var usesDefaultProviderAlone: Bool {
        guard EVP_default_properties_is_fips_enabled(nil) == 0 else { return false }
        var others = 0
        let visitedAll = OSSL_PROVIDER_do_all(
            nil,
            { provider, others in
                let name = OSSL_PROVIDER_get0_name(provider).map { String(cString: $0) }
                if name != "default" {
                    others?.assumingMemoryBound(to: Int.self).pointee += 1
                }
                return 1
            },
            &others
        )
        return visitedAll == 1 && others == 0
    }

    /// The kept algorithms of an operation, with the end mark of the original table; nil if there
    /// are none.
    private static func part(
        of provider: OpaquePointer,
        _ operation: Int32,
        _ wanted: [String]
    ) -> UnsafeMutablePointer<OSSL_ALGORITHM>? {
        var noCache: Int32 = 0
        guard
            var next = OSSL_PROVIDER_query_operation(provider, operation, &noCache),
            noCache == 0
        else {
            return nil
        }
        let wanted = Set(wanted.map { $0.uppercased() })
        var kept: [OSSL_ALGORITHM] = []
        while let names = next.pointee.algorithm_names {
            let isWanted = String(cString: names).split(separator: ":").contains {
                wanted.contains($0.uppercased())
            }
            if isWanted, operation != OSSL_OP_DECODER || readsKeysOfCertificates(next.pointee) {
                kept.append(next.pointee)
            }
            next += 1
        }
        guard !kept.isEmpty else { return nil }
        let table = UnsafeMutablePointer<OSSL_ALGORITHM>.allocate(capacity: kept.count + 1)
        table.initialize(from: kept, count: kept.count)
        (table + kept.count).initialize(to: OSSL_ALGORITHM())
        return table
    }

    private static func readsKeysOfCertificates(_ decoder: OSSL_ALGORITHM) -> Bool {
        guard let definition = decoder.property_definition else { return false }
        let properties = String(cString: definition)
        return properties.contains("input=der")
            && properties.contains("structure=SubjectPublicKeyInfo")
    }

    // MARK: The provider

    /// The functions that OpenSSL calls on the provider. Created once and never changed, like
    /// OpenSSL's own tables.
    nonisolated(unsafe) private static let table: UnsafeMutablePointer<OSSL_DISPATCH> = {
        let query:
            @convention(c) (UnsafeMutableRawPointer?, Int32, UnsafeMutablePointer<Int32>?) ->
                UnsafePointer<OSSL_ALGORITHM>? = { _, operation, noCache in
                    guard let part = parts[operation] else {
                        return OSSL_PROVIDER_query_operation(provider, operation, noCache)
                    }
                    noCache?.pointee = 0
                    return UnsafePointer(part)
                }
        let gettable: @convention(c) (UnsafeMutableRawPointer?) -> UnsafePointer<OSSL_PARAM>? = {
            _ in
            OSSL_PROVIDER_gettable_params(provider)
        }
        let get:
            @convention(c) (UnsafeMutableRawPointer?, UnsafeMutablePointer<OSSL_PARAM>?) -> Int32 =
                {
                    OSSL_PROVIDER_get_params(provider, $1)
                }
        // OpenSSL asks for the TLS groups as capabilities.
        let capabilities:
            @convention(c) (
                UnsafeMutableRawPointer?, UnsafePointer<CChar>?,
                (@convention(c) (UnsafePointer<OSSL_PARAM>?, UnsafeMutableRawPointer?) -> Int32)?,
                UnsafeMutableRawPointer?
            ) -> Int32 = { OSSL_PROVIDER_get_capabilities(provider, $1, $2, $3) }
        typealias Function = @convention(c) () -> Void
        let entries: [OSSL_DISPATCH] = [
            OSSL_DISPATCH(
                function_id: OSSL_FUNC_PROVIDER_QUERY_OPERATION,
                function: unsafeBitCast(query, to: Function.self)
            ),
            OSSL_DISPATCH(
                function_id: OSSL_FUNC_PROVIDER_GETTABLE_PARAMS,
                function: unsafeBitCast(gettable, to: Function.self)
            ),
            OSSL_DISPATCH(
                function_id: OSSL_FUNC_PROVIDER_GET_PARAMS,
                function: unsafeBitCast(get, to: Function.self)
            ),
            OSSL_DISPATCH(
                function_id: OSSL_FUNC_PROVIDER_GET_CAPABILITIES,
                function: unsafeBitCast(capabilities, to: Function.self)
            ),
            OSSL_DISPATCH(),
        ]
        let table = UnsafeMutablePointer<OSSL_DISPATCH>.allocate(capacity: entries.count)
        table.initialize(from: entries, count: entries.count)
        return table
    }()
}
