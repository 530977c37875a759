// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL
internal import ChordIdentity

/// Reads the files of a configuration and checks them. Every check of our own files is here.
///
/// A starting node reports the first fault and `chord cert inspect` shows all of them, so that both
/// accept the same files.
struct CredentialsReader {
    let configuration: TLSConfiguration
    var files: TLSFiles { configuration.files }

    /// Faults that keep the files from being used. The fault that explains most comes first.
    var faults: [TLSError] = []
    /// Warnings: the files can be used, but the operator should know this.
    var warnings: [String] = []

    init(_ configuration: TLSConfiguration) {
        self.configuration = configuration
    }

    var label: String { "our certificate in \(quoted(files.certificateChain))" }

    private mutating func attempt<Value>(
        _ work: (borrowing CredentialsReader) throws(TLSError) -> Value
    ) -> Value? {
        do throws(TLSError) {
            return try work(self)
        } catch {
            faults.append(error)
            return nil
        }
    }

    private func fault(_ code: TLSError.Code, _ message: String, file: String) -> TLSError {
        TLSError(code, message, about: TLSError.Subject(file: file))
    }

    /// Reads and checks everything; nil if the files are too damaged for that. If there are faults,
    /// the result must not be used.
    mutating func read() -> Credentials? {
        let chain = attempt { reader throws(TLSError) in
            try PEMFile.certificates(in: reader.files.certificateChain)
        }
        let key = attempt { reader throws(TLSError) in
            try PEMFile.privateKey(in: reader.files.privateKey)
        }
        let roots = attempt { reader throws(TLSError) in
            try PEMFile.certificates(in: reader.files.trustRoots)
        }
        let lists = readLists(chain ?? [], roots ?? [])
        checkSecrecy()
        if let chain, let key { checkPair(chain, key) }
        let leaf = chain.flatMap { chain in
            attempt { reader throws(TLSError) in try reader.leaf(of: chain) }
        }
        let store = roots.flatMap { roots in
            attempt { reader throws(TLSError) in
                try Self.makeStore(reader.configuration, roots, lists)
            }
        }
        var validities: [CertificateValidity] = []
        if let chain, let store {
            // The chain is verified before the name is checked: an expired certificate is then
            // reported as expired, whatever else is wrong with it.
            attempt { reader throws(TLSError) in
                validities = try reader.verify(chain, store: store)
            }
        }
        if let chain, let key { checkStrength(chain, key) }
        let identity = leaf.flatMap { leaf in
            attempt { reader throws(TLSError) in try reader.identity(of: leaf) }
        }
        if let leaf, let identity { checkUse(of: leaf, identity) }
        guard let chain, let key, let leaf, let store, let identity else { return nil }
        var listValidity: [ClosedRange<Int64>]? = []
        for list in lists?.lists ?? [] {
            guard let validity = CertificateReader.validity(of: list) else {
                listValidity = nil
                continue
            }
            listValidity?.append(validity)
            guard validity.upperBound != .max else { continue }
            validities.append(
                CertificateValidity(
                    kind: .revocationList,
                    name: CertificateReader.line(X509_CRL_get_issuer(list.pointer)),
                    from: validity.lowerBound,
                    to: validity.upperBound
                )
            )
        }
        return Credentials(
            certificate: leaf,
            identity: identity,
            listValidity: listValidity,
            validities: validities,
            warnings: warnings,
            files: files,
            chain: chain,
            key: key,
            store: store
        )
    }

    // MARK: Each file by itself

    private mutating func readLists(
        _ chain: [Certificate],
        _ roots: [Certificate]
    ) -> RevocationLists? {
        guard let file = files.revocationList else { return nil }
        let read = attempt { _ throws(TLSError) in try PEMFile.revocationLists(in: file) }
        guard let read else { return nil }
        let lists = RevocationLists(
            read,
            file: file,
            trusted: roots,
            chain: Array(chain.dropFirst())
        )
        faults += lists.faults
        warnings += lists.warnings
        return lists
    }

    /// A key that every user of the machine can read is refused, as ssh refuses it: its reader can
    /// act as this node. A key that its group can read causes a warning only, because service
    /// managers commonly hand out keys in that way.
    private mutating func checkSecrecy() {
        let key = files.privateKey
        let permissions = chord_file_permissions(key)
        if permissions > 0, permissions & 0o007 != 0 {
            faults.append(
                fault(
                    .keyExposed,
                    "every user of this machine can read the key in \(quoted(key)) (mode"
                        + " 0\(String(permissions, radix: 8))): chmod 600 \(key); if it was readable for"
                        + " long, revoke its certificate and issue a new one",
                    file: key
                )
            )
        } else if permissions > 0, permissions & 0o070 != 0 {
            warnings.append(
                "others of its group can read the key in \(quoted(key)) (mode"
                    + " 0\(String(permissions, radix: 8))): chmod 600 \(key), unless that is intended"
            )
        }
        let others = [files.certificateChain, files.trustRoots, files.revocationList].compactMap {
            $0
        }
        for file in others where file != key && PEMFile.holdsPrivateKey(file) {
            let permissions = chord_file_permissions(file)
            let isGivenAway = file != files.certificateChain
            if isGivenAway || permissions & 0o007 != 0 {
                faults.append(
                    fault(
                        .keyExposed,
                        "there is a private key in \(quoted(file)), which "
                            + (isGivenAway
                                ? "every node and client gets a copy of"
                                : "every user of this machine can read")
                            + ": remove it, and assume that others know it",
                        file: file
                    )
                )
            } else {
                warnings.append(
                    "there is a private key in \(quoted(file)) too; the key in \(quoted(key)) is used"
                )
            }
        }
    }

    // MARK: Certificate and key

    private mutating func checkPair(_ chain: [Certificate], _ key: PrivateKey) {
        OpenSSLErrors.clear()
        defer { OpenSSLErrors.clear() }
        guard X509_check_private_key(chain[0].pointer, key.pointer) != 1 else { return }
        let place = chain.dropFirst().firstIndex {
            X509_check_private_key($0.pointer, key.pointer) == 1
        }
        let order =
            place.map { "; it belongs to certificate \($0 + 1): put that one first" }
            ?? "; the leaf comes first, and key and certificate must be issued together"
        faults.append(
            fault(
                .keyMismatch,
                "the private key in \(quoted(files.privateKey)) does not belong to the first"
                    + " certificate in \(quoted(files.certificateChain))\(order)",
                file: files.privateKey
            )
        )
    }

    private mutating func checkStrength(_ chain: [Certificate], _ key: PrivateKey) {
        var objections: [String] = []
        if let objection = KeyStrength.objection(toKeyOf: chain[0]) { objections.append(objection) }
        for (index, certificate) in chain.enumerated() {
            guard let objection = KeyStrength.objection(toSignatureOf: certificate) else {
                continue
            }
            objections.append(
                index == 0 ? objection : "certificate \(index + 1) of its chain: \(objection)"
            )
        }
        for objection in objections {
            faults.append(
                fault(
                    .keyUnsuitable,
                    "\(label) cannot work: \(objection)",
                    file: files.certificateChain
                )
            )
        }
        guard objections.isEmpty, !faults.contains(where: { $0.code == .keyMismatch }) else {
            return
        }
        attempt { reader throws(TLSError) in
            try Credentials.install(chain, key, of: reader.files, in: SSLContext())
        }
    }

    private func leaf(of chain: [Certificate]) throws(TLSError) -> PeerCertificate {
        do throws(TLSError) {
            return try CertificateReader.read(chain[0].pointer)
        } catch {
            throw TLSError(
                error.code,
                "\(label): \(error.message)",
                about: TLSError.Subject(file: files.certificateChain)
            )
        }
    }

    private func identity(of leaf: PeerCertificate) throws(TLSError) -> PeerIdentity {
        do throws(IdentityError) {
            var identity: PeerIdentity?
            for side in ConnectionSide.allCases where configuration.sides.contains(side) {
                identity = try configuration.policy.identity(of: leaf, presentedBy: side)
            }
            guard let identity else {
                throw IdentityError(
                    .noUsableIdentity,
                    "the configuration names no side, server or client, to use it on"
                )
            }
            return identity
        } catch {
            throw TLSError(
                .identityRefused,
                "\(label) would be refused by this ring's members: \(error.message)",
                cause: error,
                about: TLSError.Subject(file: files.certificateChain, serial: leaf.serial)
            )
        }
    }

    // MARK: The chain

    private static func makeStore(
        _ configuration: TLSConfiguration,
        _ roots: [Certificate],
        _ lists: RevocationLists?
    ) throws(TLSError) -> TrustStore {
        let files = configuration.files
        let store = try TrustStore()
        for root in roots {
            guard X509_STORE_add_cert(store.pointer, root.pointer) == 1 else {
                throw TLSError(
                    .fileMalformed,
                    "a certificate in \(quoted(files.trustRoots)) cannot be trusted:"
                        + " \(OpenSSLErrors.takeText())",
                    about: TLSError.Subject(file: files.trustRoots)
                )
            }
        }
        let parameters = X509_STORE_get0_param(store.pointer)
        // The policy checks the usages, because a node's certificate is used for both sides.
        X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_ANY)
        X509_VERIFY_PARAM_set_depth(parameters, Int32(clamping: configuration.maximumChainDepth))
        // Every certificate of the trust bundle is trusted, also an intermediate authority, as in
        // other implementations.
        X509_VERIFY_PARAM_set_flags(parameters, UInt(X509_V_FLAG_PARTIAL_CHAIN))
        try lists?.install(
            in: store,
            requiresLists: configuration.requiresRevocationLists
        )
        return store
    }

    /// Verifies our own chain as a peer with the same trust roots would.
    ///
    /// - Returns: the validity of each certificate of the chain.
    private func verify(
        _ chain: [Certificate],
        store: TrustStore
    ) throws(TLSError) -> [CertificateValidity] {
        let intermediates = try Credentials.stack(of: chain.dropFirst())
        defer { OPENSSL_sk_free(intermediates) }
        guard let verification = X509_STORE_CTX_new() else {
            throw TLSError(.internalFailure, OpenSSLErrors.takeText())
        }
        defer { X509_STORE_CTX_free(verification) }
        guard
            X509_STORE_CTX_init(verification, store.pointer, chain[0].pointer, intermediates) == 1
        else {
            throw TLSError(.internalFailure, OpenSSLErrors.takeText())
        }
        if X509_verify_cert(verification) == 1 {
            return CertificateReader.validities(of: verification)
        }
        let code = VerificationFailure.code(of: verification)
        let isAboutList =
            code == .revocationListMissing || code == .revocationListExpired
            || code == .revocationListRefused
        let isAboutTrust = code == .unknownAuthority
        let about = TLSError.Subject(
            file: isAboutList
                ? files.revocationList : isAboutTrust ? files.trustRoots : files.certificateChain,
            serial: (try? CertificateReader.read(chain[0].pointer))?.serial,
            role: (try? CertificateReader.read(chain[0].pointer))?.role
        )
        let error = VerificationFailure.error(of: verification, certificate: label, about: about)
        let advice =
            switch error.code {
            case .certificateExpired: " If so, issue a new one"
            case .unknownAuthority:
                "; add the authority to \(quoted(files.trustRoots)), or the missing intermediates to"
                    + " the chain"
            case .revocationListExpired:
                " If so, bring \(quoted(files.revocationList ?? "")) up to date"
            case .revocationListMissing, .revocationListRefused:
                "; bring \(quoted(files.revocationList ?? "")) up to date"
            default: ""
            }
        throw TLSError(error.code, error.message + advice, about: about)
    }
}

extension PeerCertificate {
    /// The role that the certificate's URI names, whether or not the URI is well-formed; nil
    /// without a URI.
    fileprivate var role: Role? {
        uris.lazy.compactMap { try? SPIFFEName(uri: $0) }.first?.role
    }
}
