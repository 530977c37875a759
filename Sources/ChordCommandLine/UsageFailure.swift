// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser

// What is wrong with a command line, told as every other failure is: what was wrong, and what to do.

extension CommandFailure {
    /// The explanation of what ArgumentParser did not understand.
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
                "there is no command \"\(unknown)\"",
                hint: (nearest.map { "did you mean \($0)? " } ?? "")
                    + "\(line.helpCommand) lists the commands"
            )
        } else if let unknown = line.unknownOption {
            let nearest = Suggestion.nearest(to: unknown, among: line.options)
            self.init(
                .usage,
                "there is no option \(unknown)",
                hint: (nearest.map { "did you mean \($0)? " } ?? "")
                    + "\(line.helpCommand) lists the options"
            )
        } else {
            self.init(.usage, message, hint: "\(line.helpCommand) shows how to use it")
        }
    }

    /// What ArgumentParser says of an error, as other failures are told.
    package static func told(_ error: any Error, by command: any ParsableCommand.Type) -> String {
        var message = command.message(for: error)
        if message.hasPrefix("Error: ") { message = String(message.dropFirst("Error: ".count)) }
        return sentence(message)
    }

    /// A message in one line that reads as those of other failures do. Values to choose from stand on lines
    /// of their own, what else follows is usage.
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

/// The command that a command line names, and the first of its words that is not known.
package struct CommandLinePath {
    /// The words that name the command, such as `cert inspect`.
    private(set) var words: [String] = []
    /// The first word where a command had to stand, and none of that name is.
    private(set) var unknownCommand: String?
    /// The first option that the command does not have, without its value.
    private(set) var unknownOption: String?
    /// The names of the commands that might have stood where the unknown one does.
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

    /// What shows how to use the command.
    package var helpCommand: String {
        ([CommandProcess.name, "help"] + words).joined(separator: " ")
    }

    /// The long options that a help text names.
    private static func options(in help: String) -> [String] {
        var names: [String] = []
        for match in help.matches(of: #/--[a-z][a-z-]*/#) { names.append(String(match.output)) }
        return names
    }
}
