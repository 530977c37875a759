// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCommandLine
import Configuration
import NIOConcurrencyHelpers

/// The settings of a command from all sources: the command line, then the environment, then one
/// file.
struct SettingsReader {
    /// The source of a value.
    enum Origin: Equatable {
        case commandLine
        case environment
        case file(String, line: Int)

        var description: String {
            switch self {
            case .commandLine: "command line"
            case .environment: "environment"
            case .file(let path, let line): "\(path), line \(line)"
            }
        }
    }

    private let reader: ConfigReader
    private let access = LastAccess()
    private let file: SettingsFile?

    /// - Parameters:
    ///   - commandLine: values of options, by the names of their variables.
    ///   - environment: all variables of the process.
    init(commandLine: [String: String], environment: [String: String], file: SettingsFile?) {
        func provider(_ name: String, _ values: [String: String]) -> InMemoryProvider {
            InMemoryProvider(
                name: name,
                values: Dictionary(
                    uniqueKeysWithValues: values.map {
                        (
                            AbsoluteConfigKey([$0.key]),
                            ConfigValue(.string($0.value), isSecret: false)
                        )
                    }
                )
            )
        }
        self.file = file
        reader = ConfigReader(
            providers: [
                provider("command line", commandLine),
                // Empty variables are ignored.
                provider("environment", environment.filter { !$0.value.isEmpty }),
                provider("file", file?.values ?? [:]),
            ],
            accessReporter: access
        )
    }

    /// The value from the source with the highest priority; nil if no source has one.
    func value(of setting: Setting) -> (text: String, origin: Origin)? {
        guard let text = reader.string(forKey: ConfigKey([setting.variable])) else { return nil }
        let origin: Origin =
            switch access.index {
            case 0: .commandLine
            case 1: .environment
            default: .file(file?.path ?? "", line: file?.lines[setting.variable] ?? 0)
            }
        return (text, origin)
    }

    /// Remembers which provider had the last requested value.
    private final class LastAccess: AccessReporter {
        private let last = NIOLockedValueBox(0)

        var index: Int { last.withLockedValue { $0 } }

        func report(_ event: AccessEvent) {
            let index = event.providerResults.firstIndex {
                if case .success(let found) = $0.result { found.value != nil } else { false }
            }
            last.withLockedValue { $0 = index ?? event.providerResults.count }
        }
    }
}

extension SettingsReader {
    /// The settings from the environment and the clients' file, for commands that ask a ring.
    private static func ofClient() throws(CommandFailure) -> SettingsReader {
        try checkEnvironment()
        return SettingsReader(
            commandLine: [:],
            environment: System.environment,
            file: try clientFile()
        )
    }

    /// The clients' file, if it exists.
    static func clientFile() throws(CommandFailure) -> SettingsFile? {
        guard Files.exists(SettingsFile.clientFile) else { return nil }
        return try SettingsFile(
            path: SettingsFile.clientFile,
            known: Setting.client,
            remedy: "remove the file, or give --node, --certs-dir and --as"
        )
    }

    /// A setting from the environment, else from the file.
    static func value(of setting: Setting) throws(CommandFailure) -> String? {
        try found(setting)?.text
    }

    /// Whether a flag is on in the environment, else in the file.
    static func flag(_ setting: Setting) throws(CommandFailure) -> Bool {
        guard let (text, origin) = try found(setting) else { return false }
        return try isOn(setting, text, origin)
    }

    /// The values of a list in the environment, else in the file.
    static func list(_ setting: Setting) throws(CommandFailure) -> [String] {
        (try found(setting)?.text ?? "").split(separator: ",").map { String($0).trimmed }
            .filter { !$0.isEmpty }
    }

    private static func found(
        _ setting: Setting
    ) throws(CommandFailure) -> (text: String, origin: Origin)? {
        // A node's settings are already part of its command line.
        if ServeSettings.areExpanded(in: CommandLine.arguments.dropFirst()) { return nil }
        return try ofClient().value(of: setting)
    }

    /// The value of a flag in the environment or a file.
    static func isOn(
        _ setting: Setting,
        _ text: String,
        _ origin: Origin
    ) throws(CommandFailure) -> Bool {
        switch text {
        case "true", "yes", "1": return true
        case "false", "no", "0": return false
        default:
            throw CommandFailure(
                .configuration,
                "\(setting.variable) (\(origin.description)) must be true or false, not"
                    + " \"\(text.prefix(60).description.printable)\"",
                hint: "docs/configuration.md lists the settings"
            )
        }
    }

    /// Refuses variables whose names are similar to those of settings. Other variables with the
    /// same prefix can belong to other programs: a Kubernetes service named chord creates some.
    static func checkEnvironment(
        _ environment: [String: String] = System.environment
    ) throws(CommandFailure) {
        let known = Setting.serve.flatMap(\.settings) + Setting.client + [.config]
        let names = Set(known.map(\.variable))
        let prefix = "CHORD_"
        for name in environment.keys.sorted() where name.hasPrefix(prefix) && !names.contains(name)
        {
            let word = String(name.dropFirst(prefix.count))
            let words = names.map { String($0.dropFirst(prefix.count)) }.sorted()
            guard let nearest = Suggestion.nearest(to: word, among: words) else { continue }
            throw CommandFailure(
                .configuration,
                "unknown setting \"\(name.prefix(60).description.printable)\" in the environment",
                hint: "did you mean \(prefix)\(nearest)? docs/configuration.md lists the names"
            )
        }
    }
}
