// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Foundation

extension TestCertificates {
    /// Lays a set out as `make certs` does.
    func lay(
        _ issued: Issued,
        as name: String = "n1",
        trusting roots: String? = nil,
        list: String? = nil,
        mode: Int = 0o600,
        in folder: URL
    ) throws {
        func copy(_ path: String, _ name: String) throws {
            try Data(contentsOf: URL(filePath: path)).write(to: folder.appending(path: name))
        }
        try copy(issued.certificate, "\(name).pem")
        try copy(issued.key, "\(name).key")
        try copy(roots ?? authority.certificate, "ca.pem")
        if let list { try copy(list, "crl.pem") }
        try FileManager.default.setAttributes(
            [.posixPermissions: mode],
            ofItemAtPath: folder.appending(path: "\(name).key").path
        )
    }
}
