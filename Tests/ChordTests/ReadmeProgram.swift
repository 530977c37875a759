// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// README begin
import Chord
import Logging
import ServiceLifecycle
import UnixSignals

func runNode(named name: String, joining contacts: [String]) async throws {
    var configuration = ChordConfiguration(
        name: name,
        ring: RingConfiguration(name: "demo"),
        certificates: Certificates(directory: "certs/generated", name: name)
    )
    configuration.listen = "127.0.0.1:7946"
    configuration.contacts = contacts
    let node = try await ChordNode(configuration)

    let group = ServiceGroup(
        services: [node],
        gracefulShutdownSignals: [.sigterm, .sigint],
        logger: Logger(label: "app")
    )
    async let running: Void = group.run()

    try await node.waitUntilJoined()
    let answer = try await node.lookup(key: "apple")
    print("apple belongs to \(answer.owner), then to \(answer.successors)")
    for await change in node.rangeChanges() {
        print("gained \(change.gained), lost \(change.lost)")
    }
    try await running
}
// README end
