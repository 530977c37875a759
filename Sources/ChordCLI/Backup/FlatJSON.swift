// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A JSON object whose members are texts, whole numbers and truth values: a line of a backup.
///
/// The line comes from a file: no input traps. Unknown members are kept, so that a later release can add some.
struct FlatJSON: Equatable {
    enum Value: Equatable {
        case text(String)
        case number(UInt64)
        case flag(Bool)
        case null
    }

    private(set) var members: [String: Value] = [:]

    subscript(name: String) -> Value? { members[name] }

    func text(_ name: String) -> String? {
        if case .text(let text)? = members[name] { text } else { nil }
    }

    func number(_ name: String) -> UInt64? {
        if case .number(let number)? = members[name] { number } else { nil }
    }

    func flag(_ name: String) -> Bool {
        members[name] == .flag(true)
    }

    /// Reads a line; nil if it is not such an object.
    init?(_ line: some Collection<UInt8>) {
        var reader = Reader(Array(line))
        guard reader.take("{") else { return nil }
        if !reader.take("}") {
            repeat {
                guard let name = reader.text(), reader.take(":"), let value = reader.value(),
                    members.updateValue(value, forKey: name) == nil
                else { return nil }
            } while reader.take(",")
            guard reader.take("}") else { return nil }
        }
        guard reader.isAtEnd else { return nil }
    }
}

/// Reads the parts of an object.
private struct Reader {
    private let bytes: [UInt8]
    private var place = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    private mutating func skipBlanks() {
        while place < bytes.count, [0x20, 0x09, 0x0D].contains(bytes[place]) { place += 1 }
    }

    var isAtEnd: Bool {
        mutating get {
            skipBlanks()
            return place == bytes.count
        }
    }

    /// Takes a mark, if it comes next.
    mutating func take(_ mark: Unicode.Scalar) -> Bool {
        skipBlanks()
        guard place < bytes.count, bytes[place] == UInt8(ascii: mark) else { return false }
        place += 1
        return true
    }

    private mutating func take(word: StaticString) -> Bool {
        let word = Array("\(word)".utf8)
        guard bytes[place...].starts(with: word) else { return false }
        place += word.count
        return true
    }

    mutating func value() -> FlatJSON.Value? {
        skipBlanks()
        guard place < bytes.count else { return nil }
        switch bytes[place] {
        case UInt8(ascii: "\""): return text().map { .text($0) }
        case UInt8(ascii: "t"): return take(word: "true") ? .flag(true) : nil
        case UInt8(ascii: "f"): return take(word: "false") ? .flag(false) : nil
        case UInt8(ascii: "n"): return take(word: "null") ? .null : nil
        default: return number().map { .number($0) }
        }
    }

    private mutating func number() -> UInt64? {
        let start = place
        while place < bytes.count, (0x30...0x39).contains(bytes[place]) { place += 1 }
        return UInt64(String(decoding: bytes[start..<place], as: UTF8.self))
    }

    mutating func text() -> String? {
        guard take("\"") else { return nil }
        var result: [UInt8] = []
        while place < bytes.count {
            // Whole runs at a time: values can have megabytes.
            let run = bytes[place...].prefix {
                $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
            }
            guard !run.contains(where: { $0 < 0x20 }) else { return nil }
            result += run
            place += run.count
            guard place < bytes.count else { return nil }
            let mark = bytes[place]
            place += 1
            if mark == UInt8(ascii: "\"") { return String(validating: result, as: UTF8.self) }
            guard let scalar = escape() else { return nil }
            result += Array(String(Character(scalar)).utf8)
        }
        return nil
    }

    private mutating func escape() -> Unicode.Scalar? {
        guard place < bytes.count else { return nil }
        let mark = bytes[place]
        place += 1
        switch mark {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(mark)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            guard let first = fourDigits() else { return nil }
            guard (0xD800..<0xDC00).contains(first) else { return Unicode.Scalar(first) }
            // The first half of a pair.
            guard take(word: "\\u"), let second = fourDigits(), (0xDC00..<0xE000).contains(second)
            else { return nil }
            return Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
        default: return nil
        }
    }

    private mutating func fourDigits() -> UInt32? {
        guard place + 4 <= bytes.count else { return nil }
        let digits = bytes[place..<place + 4]
        place += 4
        guard digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }) else { return nil }
        return UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
    }
}
