// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCommandLine
import ChordIdentity
import ChordTLS

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The folder of a cluster: its logs, and the certificates that it made for itself. One cluster has it at a
/// time.
struct ClusterFolder {
    let path: String

    /// The most clusters that may run with folders of the default name.
    private static let mostClusters = 64
    /// The certificates of a cluster are for its life, and a year is longer than any.
    private static let life = Duration.seconds(365 * 86_400)

    /// Takes a folder for as long as this process lives, and makes it where there is none.
    ///
    /// - Parameter given: the folder that somebody named; otherwise the first that no cluster has, of
    ///   `.cluster`, `.cluster-2` and so on.
    /// - Throws: a `CommandFailure` where it cannot be made, or where another cluster has it.
    static func take(given: String?) throws(CommandFailure) -> ClusterFolder {
        if let given {
            guard try lock(given) else {
                throw CommandFailure(
                    .configuration,
                    "another cluster has the folder \(given)",
                    hint: "--state-dir names a folder of its own for each cluster"
                )
            }
            return ClusterFolder(path: given)
        }
        for number in 1...mostClusters {
            let path = number == 1 ? ".cluster" : ".cluster-\(number)"
            if try lock(path) { return ClusterFolder(path: path) }
        }
        throw CommandFailure(
            .configuration,
            "\(mostClusters) clusters have the folders .cluster to .cluster-\(mostClusters)",
            hint: "--state-dir names another folder"
        )
    }

    /// Whether the folder is this process's now. The lock goes when the process does.
    private static func lock(_ path: String) throws(CommandFailure) -> Bool {
        func failure(_ error: FileError) -> CommandFailure {
            CommandFailure(
                .configuration,
                "the folder \(path) cannot be made: \(error.reason)",
                hint: "--state-dir names another"
            )
        }
        do throws(FileError) {
            try Files.makeFolder(path)
        } catch {
            throw failure(error)
        }
        let lock = "\(path)/lock"
        let descriptor = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw failure(FileError(last: lock)) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let number = errno
            close(descriptor)
            guard number == EWOULDBLOCK else {
                throw failure(FileError(path: lock, number: number))
            }
            return false
        }
        return true
    }

    /// Makes an authority that nobody else trusts, and a certificate for each node, for a client called demo
    /// and for an administrator called admin. The authority's key is written nowhere.
    ///
    /// - Returns: the folder of the certificates.
    /// - Throws: a `CommandFailure` where they cannot be made or written.
    func makeCertificates(for names: [String]) throws(CommandFailure) -> String {
        let folder = "\(path)/certs"
        do {
            try Files.makeFolder(folder, mode: 0o700)
            let authority = try ThrowawayAuthority(life: Self.life)
            try Files.write(try authority.root(), to: "\(folder)/ca.pem")
            try Files.write(try authority.revocationList(), to: "\(folder)/crl.pem")
            let hosts = ["localhost", "127.0.0.1", "::1"]
            for name in names {
                try write(try authority.issue(.node, name, hosts: hosts), "\(folder)/\(name)")
            }
            try write(try authority.issue(.client, "demo"), "\(folder)/client-demo")
            try write(try authority.issue(.admin, "admin"), "\(folder)/admin-admin")
        } catch {
            throw CommandFailure(
                .configuration,
                "certificates for the cluster cannot be made: \(error)",
                hint: "--certs-dir names a folder of certificates that there are"
            )
        }
        return folder
    }

    private func write(_ issued: ThrowawayAuthority.Issued, _ stem: String) throws(FileError) {
        try Files.write(issued.certificate, to: "\(stem).pem")
        try Files.write(issued.key, to: "\(stem).key", mode: 0o600)
    }
}
