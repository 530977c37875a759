// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordTLS
import ChordTestSupport
import Foundation

extension TestCertificates {
    /// The files of a member of the ring, with a list that revokes `revoked`.
    func files(_ issued: Issued) -> TLSFiles {
        issued.files(trusting: authority.certificate, revocationList: list)
    }

    /// The certificates of a member, as nodes and clients take them.
    func chord(_ issued: Issued) -> Certificates {
        Certificates(files: files(issued))
    }

    /// A context of a member, for a bare transport.
    func revokingContext(_ issued: Issued) throws -> TLSContext {
        try context(issued, revocationList: list)
    }

    /// A folder with the files of client `alice`.
    func folderOfCommand() throws -> String {
        let files = [
            "ca.pem": authority.certificate, "crl.pem": list, "client-alice.pem": alice.certificate,
            "client-alice.key": alice.key,
        ]
        let here = folder.appendingPathComponent("command-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: here, withIntermediateDirectories: true)
        for (name, file) in files {
            try FileManager.default.copyItem(
                atPath: file,
                toPath: here.appendingPathComponent(name).path
            )
        }
        return here.path
    }
}
