// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser

// Explanations of wrong command lines, in the form of all other failures: problem and remedy.

extension CommandFailure {
    /// The explanation of an error of ArgumentParser.
    ///
    /// - Parameter arguments: the command line without the program's name.
    package init(
        usage error: any Error,
        in arguments: [String],
        of root: any ParsableCommand.Type
    ) {
        let line = CommandLinePath(arguments, of: root)
        let message = Self.told(error, by: root)
        if let unknown = line.unknownCommand {
            let nearest = Suggestion.nearest(to: unknown, among: line.commands)
            self.init(
                .usage,
                "unknown command \"\(unknown)\"",
                hint: (nearest.map { "did you mean \($0)? " } ?? "")
                    + "\(line.helpCommand) lists the commands"
            )
        } else if let unknown = line.unknownOption {
            let nearest = Suggestion.nearest(to: unknown, among: line.options)
            self.init(
                .usage,
                "unknown option \(unknown)",
                hint: (nearest.map { "did you mean \($0)? " } ?? "")
                    + "\(line.helpCommand) lists the options"
            )
        } else {
            self.init(.usage, message, hint: "\(line.helpCommand) shows how to use it")
        }
    }

    /// ArgumentParser's message for an error, in the form of other failures.
    package static func told(_ error: any Error, by command: any ParsableCommand.Type) -> String {
        var message = command.message(for: error)
        if message.hasPrefix("Error: ") { message = String(message.dropFirst("Error: ".count)) }
        return sentence(message)
    }

    /// A message as one sentence. Values to choose from are on further lines; anything else that
    /// follows is usage.
    private static func sentence(_ text: String) -> String {
        var lines = text.split(whereSeparator: \.isNewline).map { String($0).trimmed }[...]
        guard var sentence = lines.popFirst() else { return text }
        if sentence.hasSuffix(":") {
            let values = lines.prefix { $0.hasPrefix("- ") }.map { $0.dropFirst(2) }
            sentence += " " + values.joined(separator: ", ")
        }
        if sentence.hasSuffix(".") { sentence.removeLast() }
        let begin = sentence.prefix(2)
        guard begin.first?.isUppercase == true, begin.last?.isUppercase == false else {
            return sentence
        }
        return begin.lowercased() + sentence.dropFirst(2)
    }
}

/// The command in a command line, and its first unknown word.
package struct CommandLinePath {
    /// The words of the command, for example `cert inspect`.
    private(set) var words: [String] = []
    /// The first word that should be a command but is unknown.
    private(set) var unknownCommand: String?
    /// The first option that the command does not have, without its value.
    private(set) var unknownOption: String?
    /// The names of the possible commands at the unknown word.
    private(set) var commands: [String] = []
    /// The options of the command.
    private(set) var options: [String] = []

    package init(_ arguments: [String], of root: any ParsableCommand.Type) {
        var command = root
        var rest = arguments[...]
        while let word = rest.first {
            let configuration = command.configuration
            let below: [any ParsableCommand.Type] = configuration.subcommands
            if below.isEmpty || word.hasPrefix("-") { break }
            commands = below.compactMap { $0.configuration.commandName }
            guard let place = commands.firstIndex(of: word), place < below.count else {
                if configuration.defaultSubcommand == nil, word != "help" {
                    unknownCommand = word
                }
                break
            }
            words.append(word)
            rest = rest.dropFirst()
            command = below[place]
        }
        if unknownCommand == nil, let leaf = command.configuration.defaultSubcommand {
            command = leaf
        }
        options = Self.options(in: root.helpMessage(for: command, includeHidden: true))
        for word in rest.prefix(while: { $0 != "--" }) where word.hasPrefix("--") {
            let name = String(word.prefix { $0 != "=" })
            if !options.contains(name), unknownOption == nil { unknownOption = name }
        }
    }

    /// The command that shows help for this command.
    package var helpCommand: String {
        ([CommandProcess.name, "help"] + words).joined(separator: " ")
    }

    /// The long options in a help text.
    private static func options(in help: String) -> [String] {
        var names: [String] = []
        for match in help.matches(of: #/--[a-z][a-z-]*/#) { names.append(String(match.output)) }
        return names
    }
}
