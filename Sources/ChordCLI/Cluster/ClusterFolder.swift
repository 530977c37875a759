// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
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

/// The folder of a cluster: its logs, and its own certificates. One cluster uses it at a time.
struct ClusterFolder {
    let path: String

    /// The largest number of clusters in folders with the default name.
    private static let mostClusters = 64
    /// The certificates are for the life of a cluster, which is shorter than a year.
    private static let life = Duration.seconds(365 * 86_400)

    /// Locks a folder until this process ends; the folder is created if necessary.
    ///
    /// - Parameter given: the folder that the user named; otherwise the first unused one of
    ///   `.cluster`, `.cluster-2` and so on.
    /// - Throws: a `CommandFailure` if it cannot be created, or if another cluster uses it.
    static func take(given: String?) throws(CommandFailure) -> ClusterFolder {
        if let given {
            guard try lock(given) else {
                throw CommandFailure(
                    .configuration,
                    "another cluster uses the folder \(given)",
                    hint: "give each cluster its own folder with --state-dir"
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
            "\(mostClusters) clusters use the folders .cluster to .cluster-\(mostClusters)",
            hint: "use another folder with --state-dir"
        )
    }

    /// Whether this process has locked the folder. The lock ends with the process.
    private static func lock(_ path: String) throws(CommandFailure) -> Bool {
        func failure(_ error: FileError) -> CommandFailure {
            CommandFailure(
                .configuration,
                "cannot create the folder \(path): \(error.reason)",
                hint: "use another folder with --state-dir"
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

    /// Creates an authority for this cluster, and certificates for each node, for a client named
    /// demo and for an administrator named admin. The authority's key is not stored.
    ///
    /// - Returns: the folder of the certificates.
    /// - Throws: a `CommandFailure` if they cannot be created or written.
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
                "cannot create certificates for the cluster: \(error)",
                hint: "use a folder of existing certificates with --certs-dir"
            )
        }
        return folder
    }

    private func write(_ issued: ThrowawayAuthority.Issued, _ stem: String) throws(FileError) {
        try Files.write(issued.certificate, to: "\(stem).pem")
        try Files.write(issued.key, to: "\(stem).key", mode: 0o600)
    }
}
