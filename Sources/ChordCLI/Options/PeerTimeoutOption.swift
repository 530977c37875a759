// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Chord
import ChordCommandLine

/// The peer timeout.
struct PeerTimeoutOption: ParsableArguments {
    @Option(.peerTimeout)
    var given: Interval?

    func validate() throws {
        if let given { try Self.check(given) { ValidationError("--peer-timeout \($0)") } }
    }

    /// The value from the option, the environment or the file.
    func resolved() throws(CommandFailure) -> Duration {
        if let given { return given.duration }
        guard let setting = try SettingsReader.value(of: .peerTimeout) else { return .seconds(1) }
        guard let interval = Interval(argument: setting) else {
            throw CommandFailure(
                .configuration,
                "\(Setting.peerTimeout.variable) is \"\(setting.prefix(60).description.printable)\", which is not a time",
                hint: "write a time as a number with its unit, \(Interval.help)"
            )
        }
        try Self.check(interval) {
            CommandFailure(.configuration, "\(Setting.peerTimeout.variable) \($0)")
        }
        return interval.duration
    }

    private static func check<Failure: Error>(
        _ interval: Interval,
        _ failure: (String) -> Failure
    ) throws(Failure) {
        guard (.milliseconds(10)...(.seconds(3600))).contains(interval.duration) else {
            throw failure("must be from 10ms to 1h, not \(interval).")
        }
    }
}
