// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import Logging

// Runs a node with a custom service: custom-service NAME CERTIFICATES LISTEN [CONTACT]
//
//     custom-service n1 certs 127.0.0.1:7946
//     custom-service n2 certs 127.0.0.1:7947 127.0.0.1:7946

@main
enum Main {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count >= 4 else {
            print("usage: custom-service NAME CERTIFICATES LISTEN [CONTACT]")
            return
        }
        let (name, folder) = (arguments[1], arguments[2])
        var configuration = ChordConfiguration(
            name: name,
            ring: RingConfiguration(name: "example"),
            certificates: Certificates(directory: folder, name: name)
        )
        configuration.listen = arguments[3]
        configuration.contacts = Array(arguments.dropFirst(4))
        configuration.logger = Logger(label: "custom-service")
        let node = try await ChordNode(configuration, services: [RangeStatistics()])
        try await node.run()
    }
}
