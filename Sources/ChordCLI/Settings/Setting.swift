// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// One setting of a command. Its option, its help, its variable in the environment and in files, and
/// its row in docs/configuration.md are all made from this declaration.
struct Setting: Sendable {
    /// The values that an option takes.
    enum Kind: Sendable {
        case value
        /// Several values, separated by commas or given by repeating the option.
        case list
        /// No value: the option is on or off.
        case flag
    }

    /// The option without its dashes.
    let name: String
    var kind = Kind.value
    /// The name of a value in the help: its unit or form.
    let unit: String
    /// The default, as typed; nil if there is none, or if the summary gives it.
    var standard: String?
    /// The help text: the meaning of the setting.
    let summary: String
    /// The reasons for a higher, lower or different value.
    let tradeOff: String
    /// Settings of one group exclude each other. The source with the highest priority decides for
    /// all of them.
    var group: String?

    /// The name in the environment and in files.
    var variable: String {
        "CHORD_" + name.uppercased().map { $0 == "-" ? "_" : String($0) }.joined()
    }

    var help: ArgumentHelp { ArgumentHelp("\(summary)", valueName: unit) }

    fileprivate var specification: NameSpecification { .customLong(name) }

    /// The default as a value.
    fileprivate func standardValue<Value: ExpressibleByArgument>() -> Value {
        guard let standard, let value = Value(argument: standard) else {
            // The declaration is wrong. Every use of the command, and a test, shows it.
            fatalError("the default of --\(name) is not a valid value: \(standard ?? "nil")")
        }
        return value
    }
}

extension Option where Value: ExpressibleByArgument {
    /// An option with the setting's default.
    init(_ setting: Setting) {
        self.init(
            wrappedValue: setting.standardValue(),
            name: setting.specification,
            help: setting.help
        )
    }
}

extension Option {
    /// An option without a default.
    init<Wrapped: ExpressibleByArgument>(
        _ setting: Setting,
        completion: CompletionKind? = nil
    ) where Value == Wrapped? {
        self.init(name: setting.specification, help: setting.help, completion: completion)
    }

    /// An option that may be repeated.
    init(_ setting: Setting) where Value == [String] {
        self.init(wrappedValue: [], name: setting.specification, help: setting.help)
    }
}

extension Flag where Value == Bool {
    /// A flag that is off.
    init(_ setting: Setting) {
        self.init(
            wrappedValue: false,
            name: setting.specification,
            help: ArgumentHelp("\(setting.summary)")
        )
    }
}
