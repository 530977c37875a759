// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A mistake in a policy's text, or something in it that has no effect.
public struct PolicyFinding: Hashable, Sendable, CustomStringConvertible {
    /// The line, from 1.
    public var line: Int
    /// What is wrong and what to do.
    public var message: String

    /// `line 3: …`.
    public var description: String { "line \(line): \(message)" }
}

/// Reads the text of a policy. One rule per line:
///
/// ```
/// # comment
/// NAME: allow|deny ROLE NAMES [of TRUST-DOMAIN] to PERMISSION, … [on PREFIX, …]
/// ```
///
/// docs/policy.md describes the form for users.
public struct PolicyParser: Sendable {
    /// The most rules of one policy. Each call is compared with all of them.
    public static let mostRules = 10_000

    /// The rules without a mistake.
    public private(set) var policy = Policy(rules: [])
    /// Mistakes. With any of them the policy must not be used.
    public private(set) var mistakes: [PolicyFinding] = []
    /// Parts that have no effect.
    public private(set) var warnings: [PolicyFinding] = []

    /// Reads a policy.
    public init(_ text: [UInt8]) {
        var lines: [String: Int] = [:]
        // A file written on Windows has a carriage return before each line feed.
        let split = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in split.enumerated() {
            let number = index + 1
            do throws(PolicyFinding) {
                guard let rule = try Self.rule(in: Array(line), number) else { continue }
                if let former = lines.updateValue(number, forKey: rule.name) {
                    throw PolicyFinding(
                        line: number,
                        message: "the rule \(rule.name) is in line \(former) already:"
                            + " give each its own name"
                    )
                }
                guard policy.rules.count < Self.mostRules else {
                    throw PolicyFinding(
                        line: number,
                        message: "more than \(Self.mostRules) rules"
                    )
                }
                policy.rules.append(rule)
                warnings += Self.warnings(about: rule)
            } catch {
                mistakes.append(error)
                if mistakes.count == 100 { return }
            }
        }
    }

    // MARK: One line

    private static func rule(
        in line: [UInt8],
        _ number: Int
    ) throws(PolicyFinding) -> PolicyRule? {
        var words = try PolicyWords(line, number)
        guard !words.isAtEnd else { return nil }
        let name = try words.name()
        let effect: PolicyRule.Effect = try words.choice("allow or deny")
        let roles = try words.roles()
        let names = NamePattern(try words.plain("a name or a pattern such as app-*"))
        var trustDomain: String?
        if words.take("of") { trustDomain = try words.plain("a trust domain") }
        try words.expect("to")
        var permissions: Set<Permission> = []
        repeat {
            if words.take("everything") {
                permissions.formUnion(Permission.allCases)
            } else {
                permissions.insert(
                    try words.choice(
                        "one of \(Permission.allCases.map(\.rawValue).joined(separator: ", ")), everything"
                    )
                )
            }
        } while words.takeComma()
        var prefixes: [[UInt8]]?
        if words.take("on") {
            var read: [[UInt8]] = []
            repeat { read.append(try words.bytes("the beginning of keys")) } while words.takeComma()
            prefixes = read
        }
        try words.end()
        return PolicyRule(
            name: name,
            line: number,
            effect: effect,
            roles: roles,
            names: names,
            trustDomain: trustDomain,
            permissions: permissions,
            prefixes: prefixes
        )
    }

    private static func warnings(about rule: PolicyRule) -> [PolicyFinding] {
        var texts: [String] = []
        if rule.prefixes != nil, !rule.permissions.contains(where: \.concernsKeys) {
            texts.append(
                "'on' has no effect: \(rule.permissions.map(\.rawValue).sorted().joined(separator: ", "))"
                    + " is not about keys"
            )
        }
        if rule.effect == .allow, rule.permissions == [.administer], !rule.roles.contains(.admins) {
            texts.append(
                "it has no effect: only certificates of role admin can administer"
            )
        }
        for prefix in rule.prefixes ?? [] where prefix.last == UInt8(ascii: "*") {
            let shown = quoted(String(decoding: prefix, as: UTF8.self))
            texts.append(
                "\(shown) means keys that begin with these characters, the star included: leave the star out"
            )
        }
        return texts.map { PolicyFinding(line: rule.line, message: "rule \(rule.name): \($0)") }
    }
}

extension PolicyFinding: Error {}

/// The words of one line.
private struct PolicyWords {
    private struct Word {
        var bytes: [UInt8]
        var isQuoted: Bool

        var text: String { String(decoding: bytes, as: UTF8.self) }
    }

    private let line: Int
    private var words: ArraySlice<Word>

    init(_ line: [UInt8], _ number: Int) throws(PolicyFinding) {
        self.line = number
        var reader = WordReader(line: line[...], number: number)
        var read: [Word] = []
        while let (bytes, isQuoted) = try reader.next() {
            read.append(Word(bytes: bytes, isQuoted: isQuoted))
        }
        words = read[...]
    }

    var isAtEnd: Bool { words.isEmpty }

    private func finding(_ message: String) -> PolicyFinding {
        PolicyFinding(line: line, message: message)
    }

    private func missing(_ what: String) -> PolicyFinding {
        guard let word = words.first else { return finding("\(what) is missing at the end") }
        return finding("expected \(what), not \(quoted(word.text))")
    }

    private mutating func next(_ what: String) throws(PolicyFinding) -> Word {
        guard let word = words.first, word.isQuoted || word.bytes != [UInt8(ascii: ",")] else {
            throw missing(what)
        }
        words = words.dropFirst()
        return word
    }

    mutating func take(_ text: String) -> Bool {
        guard let word = words.first, !word.isQuoted, word.text == text else { return false }
        words = words.dropFirst()
        return true
    }

    mutating func takeComma() -> Bool { take(",") }

    mutating func expect(_ text: String) throws(PolicyFinding) {
        guard take(text) else { throw missing("'\(text)'") }
    }

    func end() throws(PolicyFinding) {
        guard isAtEnd else { throw missing("the end of the line") }
    }

    mutating func bytes(_ what: String) throws(PolicyFinding) -> [UInt8] { try next(what).bytes }

    mutating func plain(_ what: String) throws(PolicyFinding) -> String { try next(what).text }

    mutating func choice<Value: RawRepresentable<String>>(
        _ what: String
    ) throws(PolicyFinding) -> Value {
        guard let value = words.first.flatMap({ Value(rawValue: $0.text) }) else {
            throw missing(what)
        }
        words = words.dropFirst()
        return value
    }

    mutating func roles() throws(PolicyFinding) -> Roles {
        let what = "a role: node, client, admin or anyone"
        switch try next(what).text {
        case "node": return .nodes
        case "client": return .clients
        case "admin": return .admins
        case "anyone": return .everybody
        case let other: throw finding("expected \(what), not \(quoted(other))")
        }
    }

    /// The name of a rule, with a colon behind it.
    mutating func name() throws(PolicyFinding) -> String {
        let what = "the rule's name and a colon, such as app-reads:"
        let word = try next(what)
        guard !word.isQuoted, word.bytes.count > 1, word.bytes.last == UInt8(ascii: ":") else {
            throw finding("expected \(what), not \(quoted(word.text))")
        }
        let name = word.bytes.dropLast()
        let isPlain = name.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
                UInt8(ascii: "."):
                true
            default: false
            }
        }
        guard isPlain, name.count <= 63 else {
            throw finding(
                "a rule's name has up to 63 letters, digits, '-', '_' and '.', unlike \(quoted(word.text))"
            )
        }
        return String(decoding: name, as: UTF8.self)
    }
}

/// Divides a line into words, commas and quoted texts.
private struct WordReader {
    var line: ArraySlice<UInt8>
    let number: Int

    private static let comma = UInt8(ascii: ",")
    private static let quote = UInt8(ascii: "\"")
    private static let backslash = UInt8(ascii: "\\")

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
    }

    mutating func next() throws(PolicyFinding) -> (bytes: [UInt8], isQuoted: Bool)? {
        line = line.drop { Self.isBlank($0) }
        guard let first = line.first, first != UInt8(ascii: "#") else { return nil }
        if first == Self.comma {
            line = line.dropFirst()
            return ([first], false)
        }
        if first == Self.quote { return (try quotedText(), true) }
        let word = line.prefix { !Self.isBlank($0) && $0 != Self.comma }
        line = line.dropFirst(word.count)
        return (Array(word), false)
    }

    private mutating func quotedText() throws(PolicyFinding) -> [UInt8] {
        var result: [UInt8] = []
        line = line.dropFirst()
        while let byte = line.popFirst() {
            switch byte {
            case Self.quote: return result
            case Self.backslash: result.append(try escaped())
            default: result.append(byte)
            }
        }
        throw PolicyFinding(line: number, message: "a quotation mark at its end is missing")
    }

    private mutating func escaped() throws(PolicyFinding) -> UInt8 {
        switch line.popFirst() {
        case Self.quote: return Self.quote
        case Self.backslash: return Self.backslash
        case UInt8(ascii: "x"):
            let digits = String(decoding: line.prefix(2), as: UTF8.self)
            line = line.dropFirst(2)
            if digits.utf8.count == 2, let byte = UInt8(digits, radix: 16) { return byte }
        default: break
        }
        throw PolicyFinding(
            line: number,
            message: "after a backslash comes a quotation mark, a backslash, or x and two"
                + " hexadecimal digits"
        )
    }
}
