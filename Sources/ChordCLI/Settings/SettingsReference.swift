// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// docs/configuration.md, made from the declarations of the settings.
enum SettingsReference {
    static var markdown: String {
        var lines = [
            "# Configuration",
            "",
            "<!-- Made from Sources/ChordCLI/Settings: UPDATE_INTERACTIONS=1 make test"
                + " FILTER=SettingsTests -->",
            "",
            "Each setting is an option, an environment variable and a line of a file. The command line"
                + " ranks first, then the environment, then the file, then the default. An option that may"
                + " be repeated is one variable with commas.",
            "",
            "A file has lines `NAME=value`. A value may stand in quotes, `export` may stand before the"
                + " name, and `#` begins a comment: a shell and systemd (`EnvironmentFile=`) read it too. An"
                + " unknown name in a file is an error that names the nearest known one, and so is a"
                + " variable of the environment whose name is nearly that of a setting.",
            "",
            "`chord serve --check-config` prints all settings of a node and where each comes from. Its"
                + " output is a file that `--config` reads.",
            "",
            "## `chord serve`",
            "",
            "The file is the one that `--config FILE` or `CHORD_CONFIG` names. Without one,"
                + " `.chord.env` in the current folder is read for the settings that it may hold.",
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
            "| option | variable | value | default | what it does | trade-off |",
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
