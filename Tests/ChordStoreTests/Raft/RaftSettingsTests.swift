// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordTestSupport
import Testing

@testable import ChordStore

@Suite(.tags(.unit)) struct RaftSettingsTests {
    @Test(arguments: [RaftSettings.lan, .wan, .local])
    func presetsAreValid(settings: RaftSettings) throws {
        try settings.validate()
        var withLease = settings
        withLease.leaseDuration = settings.electionTimeoutMinimum * 9 / 10
        try withLease.validate()
    }

    @Test func theDefaultsAreThoseOfTheDocumentation() {
        #expect(RaftSettings.lan.heartbeatInterval == .milliseconds(200))
        #expect(RaftSettings.lan.electionTimeoutMinimum == .seconds(1))
        #expect(RaftSettings.lan.electionTimeoutMaximum == .seconds(2))
        #expect(RaftSettings.lan.leaseDuration == nil)
    }

    private static let mistakes: [(String, @Sendable (inout RaftSettings) -> Void)] = [
        ("heartbeatInterval", { $0.heartbeatInterval = .zero }),
        ("heartbeatInterval", { $0.heartbeatInterval = .seconds(-1) }),
        ("electionTimeoutMinimum", { $0.electionTimeoutMinimum = .milliseconds(599) }),
        ("electionTimeoutMaximum", { $0.electionTimeoutMaximum = .seconds(1) }),
        ("electionTimeoutMaximum", { $0.electionTimeoutMaximum = .seconds(3601) }),
        ("leaseDuration", { $0.leaseDuration = .milliseconds(901) }),
        ("leaseDuration", { $0.leaseDuration = .zero }),
        ("quietAfter", { $0.quietAfter = .milliseconds(199) }),
        ("messageBytes", { $0.messageBytes = 0 }),
        ("windowMessages", { $0.windowMessages = 0 }),
        ("windowBytes", { $0.windowBytes = $0.messageBytes - 1 }),
        ("entryBytes", { $0.entryBytes = .max }),
        ("uncommittedBytes", { $0.uncommittedBytes = -1 }),
        ("applyBytes", { $0.applyBytes = 0 }),
    ]

    @Test(arguments: mistakes.indices)
    func aMistakeIsNamed(place: Int) throws {
        let (name, mistake) = Self.mistakes[place]
        var settings = RaftSettings.lan
        mistake(&settings)
        let error = #expect(throws: StoreError.self) { try settings.validate() }
        #expect(error?.code == .invalidSettings)
        #expect(error?.message.hasPrefix(name) == true)
    }
}
