// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

@testable import ChordCLI

/// Generates docs/configuration.md from the declarations of the settings.
enum SettingsReference {
    static var markdown: String {
        var lines = [
            "# Configuration",
            "",
            "<!-- Made from Sources/ChordCLI/Settings: UPDATE_INTERACTIONS=1 make test"
                + " FILTER=SettingsTests -->",
            "",
            "Each setting can be given as an option, as an environment variable, or as a line of a"
                + " file. The command line has priority over the environment, the environment over the"
                + " file, and the file over the default. A repeatable option is a single variable with"
                + " its values separated by commas.",
            "",
            "A file has lines `NAME=value`. A value may be quoted, `export` may precede the name, and"
                + " `#` starts a comment, so a shell and systemd (`EnvironmentFile=`) can read the file"
                + " too. An unknown name in a file is an error; the error names the most similar setting."
                + " The same holds for an environment variable whose name is similar to a setting's.",
            "",
            "`chord serve --check-config` prints all settings of a node and the source of each. Its"
                + " output can be used as a file for `--config`.",
            "",
            "## `chord serve`",
            "",
            "The file is named by `--config FILE` or `CHORD_CONFIG`. Without either, `.chord.env` in"
                + " the current folder is read, but only for the settings that other commands also have.",
        ]
        for (title, settings) in Setting.serve {
            lines += ["", "### \(title)", ""] + table(settings)
        }
        lines += [
            "",
            "## Commands that ask a ring",
            "",
            "The file is `.chord.env` in the current folder.",
            "",
        ]
        return (lines + table(Setting.client)).joined(separator: "\n") + "\n"
    }

    private static func table(_ settings: [Setting]) -> [String] {
        [
            "| option | variable | value | default | meaning | trade-off |",
            "|---|---|---|---|---|---|",
        ]
            + settings.map { setting in
                let cells = [
                    "`--\(setting.name)`", "`\(setting.variable)`", setting.unit,
                    setting.standard.map { "`\($0)`" } ?? "–", setting.summary, setting.tradeOff,
                ]
                return "| \(cells.joined(separator: " | ")) |"
            }
    }
}
