// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Chord
import ChordCommandLine

/// Whose certificates a node or a client accepts.
struct PeerCertificateOptions: ParsableArguments {
    @Flag(.requireCrl)
    var requireCrl: Bool

    @Option(.trustDomain)
    var trustDomain: [String]

    @Flag(.admitHostCertificates)
    var admitHostCertificates: Bool

    /// Sets what the command line says.
    func apply(to certificates: inout Certificates) {
        certificates.requiresRevocationLists = requireCrl
        certificates.trustDomains = Set(trustDomain)
        certificates.admitsHostCertificates = admitHostCertificates
    }

    /// The options of a client, after environment and file. Those of a node have become part of its
    /// command line before.
    func resolved() throws(CommandFailure) -> PeerCertificateOptions {
        var resolved = self
        if !requireCrl { resolved.requireCrl = try SettingsReader.flag(.requireCrl) }
        if trustDomain.isEmpty { resolved.trustDomain = try SettingsReader.list(.trustDomain) }
        if !admitHostCertificates {
            resolved.admitHostCertificates = try SettingsReader.flag(.admitHostCertificates)
        }
        return resolved
    }
}
