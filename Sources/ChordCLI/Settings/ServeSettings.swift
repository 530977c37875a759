// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ChordCommandLine

/// The settings of `serve` from all sources. Values from the environment and the file become
/// options of the command line, so that they are parsed and checked in the same way.
struct ServeSettings {
    /// A setting and its value; nil if no source has one.
    struct Resolved {
        let setting: Setting
        let value: String?
        /// Nil for a default.
        let origin: SettingsReader.Origin?
    }

    let all: [Resolved]

    /// Settings from a command line without the program's name.
    init(
        _ arguments: [String],
        environment: [String: String] = System.environment
    ) throws(CommandFailure) {
        try SettingsReader.checkEnvironment(environment)
        let settings = Setting.serve.flatMap(\.settings)
        let given = Self.options(in: arguments, of: settings)
        let file: SettingsFile?
        if let path = Self.file(in: arguments, environment) {
            file = try SettingsFile(
                path: path,
                known: settings,
                remedy: "--config must name a file with lines CHORD_NAME=value"
            )
        } else {
            file = try SettingsReader.clientFile()
        }
        let reader = SettingsReader(commandLine: given, environment: environment, file: file)
        let found = settings.map { ($0, reader.value(of: $0)) }
        all = found.map { setting, value in
            // Of settings that exclude each other, only those from the source with the highest
            // priority count.
            let rivals = found.filter { $0.0.group == setting.group && setting.group != nil }
            let rank = rivals.compactMap { $0.1.map { Self.rank($0.origin) } }.min()
            guard let value, rank == nil || Self.rank(value.origin) == rank else {
                return Resolved(setting: setting, value: setting.standard, origin: nil)
            }
            return Resolved(setting: setting, value: value.text, origin: value.origin)
        }
    }

    private static func rank(_ origin: SettingsReader.Origin) -> Int {
        switch origin {
        case .commandLine: 0
        case .environment: 1
        case .file: 2
        }
    }

    /// The file named by the command line or the environment.
    static func file(
        in arguments: [String],
        _ environment: [String: String] = System.environment
    ) -> String? {
        if let named = options(in: arguments, of: [.config])[Setting.config.variable] {
            return named
        }
        let path = environment[Setting.config.variable] ?? ""
        return path.isEmpty ? nil : path
    }

    /// The options in a command line, by the names of their variables.
    private static func options(in arguments: [String], of settings: [Setting]) -> [String: String]
    {
        var given: [String: String] = [:]
        var rest = arguments.prefix { $0 != "--" }
        while let word = rest.popFirst() {
            guard word.hasPrefix("--") else { continue }
            let name = word.dropFirst(2).prefix { $0 != "=" }
            guard let setting = settings.first(where: { $0.name == name }) else { continue }
            let value: String
            if setting.kind == .flag {
                value = "true"
            } else if word.contains("=") {
                value = String(word.dropFirst(name.count + 3))
            } else {
                value = rest.popFirst() ?? ""
            }
            given[setting.variable] =
                setting.kind == .list
                ? (given[setting.variable].map { "\($0),\(value)" } ?? value) : value
        }
        return given
    }
}

extension ServeSettings {
    /// The command line with the options from environment and file. Other commands, and the nodes
    /// of a cluster, are not changed.
    ///
    /// - Parameter arguments: the command line without the program's name.
    /// - Throws: a `CommandFailure` with `configuration`, which names the setting and its source.
    static func expand(_ arguments: [String]) throws(CommandFailure) -> [String] {
        guard areExpanded(in: arguments[...]) else { return arguments }
        let settings = try ServeSettings(arguments)
        var expanded = Array(arguments.dropFirst())
        // Errors in the options themselves are reported as such.
        let isSound = isUnderstood(expanded) || isUnderstood(expanded + ["--name=n"])
        let added = settings.all.filter { $0.origin != nil && $0.origin != .commandLine }
        let name = added.filter { $0.setting.name == Setting.name.name }
        for resolved in name + added.filter({ $0.setting.name != Setting.name.name }) {
            guard let value = resolved.value, let origin = resolved.origin else { continue }
            let options = try Self.options(of: resolved.setting, value, origin)
            if isSound {
                let named = name.isEmpty && !isUnderstood(expanded) ? ["--name=n"] : []
                do {
                    _ = try ServeCommand.parse(expanded + options + named)
                } catch {
                    throw CommandFailure(
                        .configuration,
                        "\(resolved.setting.variable) (\(origin.description)): "
                            + CommandFailure.told(error, by: ServeCommand.self),
                        hint: "docs/configuration.md lists the settings"
                    )
                }
            }
            expanded += options
        }
        return ["serve"] + expanded
    }

    /// Whether a command line runs `serve` with settings from all sources.
    static func areExpanded(in arguments: ArraySlice<String>) -> Bool {
        arguments.first == "serve"
            && !arguments.contains { ["-h", "--help", "--end-with-input"].contains($0) }
    }

    private static func isUnderstood(_ arguments: [String]) -> Bool {
        (try? ServeCommand.parse(arguments)) != nil
    }

    private static func options(
        of setting: Setting,
        _ value: String,
        _ origin: SettingsReader.Origin
    ) throws(CommandFailure) -> [String] {
        switch setting.kind {
        case .value: return ["--\(setting.name)=\(value)"]
        case .list:
            return value.split(separator: ",").map { "--\(setting.name)=\(String($0).trimmed)" }
        case .flag:
            return try SettingsReader.isOn(setting, value, origin) ? ["--\(setting.name)"] : []
        }
    }

    /// All settings as lines of a file, each with its source.
    var lines: [String] {
        all.map { resolved in
            let origin = resolved.origin?.description ?? "default"
            guard let value = resolved.value else {
                return "# \(resolved.setting.variable)= is not set"
            }
            let quoted = value.contains { " #\"'".contains($0) } ? "\"\(value)\"" : value
            return "\(resolved.setting.variable)=\(quoted)  # \(origin)"
        }
    }
}
