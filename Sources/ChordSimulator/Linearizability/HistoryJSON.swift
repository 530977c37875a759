// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import ChordBase

/// A JSON value of a history: without fractions, which a history does not have.
enum HistoryJSON: Equatable {
    case null
    case boolean(Bool)
    case integer(Int64)
    case string(String)
    case array([HistoryJSON])
    case object([String: HistoryJSON])

    /// What is wrong with a text, for a message.
    struct Problem: Error, Equatable {
        var text: String
    }

    /// Reads a value that is all of a text.
    init(_ bytes: ArraySlice<UInt8>) throws(Problem) {
        var parser = Parser(rest: bytes)
        self = try parser.value(depth: 0)
        parser.skipBlanks()
        guard parser.rest.isEmpty else { throw Problem(text: "there is more after the JSON value") }
    }

    private struct Parser {
        private static let mostDepth = 16
        var rest: ArraySlice<UInt8>

        mutating func skipBlanks() {
            rest = rest.drop { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D || $0 == 0x0A }
        }

        private mutating func take(_ character: Unicode.Scalar) -> Bool {
            skipBlanks()
            guard rest.first == UInt8(ascii: character) else { return false }
            rest = rest.dropFirst()
            return true
        }

        private mutating func expect(_ character: Unicode.Scalar) throws(Problem) {
            guard take(character) else { throw Problem(text: "a \"\(character)\" is missing") }
        }

        private mutating func takeWord(_ word: String) -> Bool {
            guard rest.starts(with: word.utf8) else { return false }
            rest = rest.dropFirst(word.utf8.count)
            return true
        }

        mutating func value(depth: Int) throws(Problem) -> HistoryJSON {
            guard depth <= Self.mostDepth else {
                throw Problem(text: "values lie more than \(Self.mostDepth) deep in each other")
            }
            skipBlanks()
            switch rest.first {
            case UInt8(ascii: "{"): return try object(depth)
            case UInt8(ascii: "["): return try array(depth)
            case UInt8(ascii: "\""): return .string(try string())
            case UInt8(ascii: "-"): return try integer()
            case let digit? where (0x30...0x39).contains(digit): return try integer()
            default: break
            }
            if takeWord("null") { return .null }
            if takeWord("true") { return .boolean(true) }
            if takeWord("false") { return .boolean(false) }
            throw Problem(text: "this is not a JSON value")
        }

        private mutating func object(_ depth: Int) throws(Problem) -> HistoryJSON {
            try expect("{")
            var members: [String: HistoryJSON] = [:]
            if take("}") { return .object(members) }
            repeat {
                skipBlanks()
                let name = try string()
                try expect(":")
                guard members.updateValue(try value(depth: depth + 1), forKey: name) == nil else {
                    throw Problem(text: "\"\(name)\" is there twice")
                }
            } while take(",")
            try expect("}")
            return .object(members)
        }

        private mutating func array(_ depth: Int) throws(Problem) -> HistoryJSON {
            try expect("[")
            var elements: [HistoryJSON] = []
            if take("]") { return .array(elements) }
            repeat { elements.append(try value(depth: depth + 1)) } while take(",")
            try expect("]")
            return .array(elements)
        }

        private mutating func integer() throws(Problem) -> HistoryJSON {
            let digits = rest.prefix { $0 == UInt8(ascii: "-") || (0x30...0x39).contains($0) }
            rest = rest.dropFirst(digits.count)
            let isWhole = rest.first.map { ![0x2E, 0x45, 0x65].contains($0) } ?? true
            guard isWhole, let number = Int64(String(decoding: digits, as: UTF8.self)) else {
                throw Problem(text: "a number is not whole, or not within 64 bits")
            }
            return .integer(number)
        }

        private mutating func string() throws(Problem) -> String {
            try expect("\"")
            var bytes: [UInt8] = []
            while let byte = rest.popFirst() {
                switch byte {
                case UInt8(ascii: "\""):
                    guard let text = String(validating: bytes, as: UTF8.self) else {
                        throw Problem(text: "a string is not UTF-8")
                    }
                    return text
                case UInt8(ascii: "\\"): bytes += try escaped()
                case ..<0x20: throw Problem(text: "a string has a control character")
                default: bytes.append(byte)
                }
            }
            throw Problem(text: "a string does not end")
        }

        private mutating func escaped() throws(Problem) -> [UInt8] {
            switch rest.popFirst() {
            case UInt8(ascii: "n"): return [0x0A]
            case UInt8(ascii: "r"): return [0x0D]
            case UInt8(ascii: "t"): return [0x09]
            case UInt8(ascii: "b"): return [0x08]
            case UInt8(ascii: "f"): return [0x0C]
            case UInt8(ascii: "u"): return Array(String(try unicodeScalar()).utf8)
            case let byte? where "\"\\/".utf8.contains(byte): return [byte]
            default: throw Problem(text: "a string has an unknown escape")
            }
        }

        private mutating func unicodeScalar() throws(Problem) -> Unicode.Scalar {
            let first = try codeUnit()
            guard UTF16.isLeadSurrogate(first) else {
                guard let scalar = Unicode.Scalar(first) else {
                    throw Problem(text: "a string has half a character")
                }
                return scalar
            }
            guard rest.popFirst() == UInt8(ascii: "\\"), rest.popFirst() == UInt8(ascii: "u") else {
                throw Problem(text: "a string has half a character")
            }
            let second = try codeUnit()
            guard UTF16.isTrailSurrogate(second) else {
                throw Problem(text: "a string has half a character")
            }
            let value = 0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00)
            guard let scalar = Unicode.Scalar(value) else {
                throw Problem(text: "a string has half a character")
            }
            return scalar
        }

        private mutating func codeUnit() throws(Problem) -> UInt16 {
            let digits = rest.prefix(4)
            rest = rest.dropFirst(digits.count)
            let isHexadecimal = digits.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x46).contains($0)
                    || (0x61...0x66).contains($0)
            }
            guard digits.count == 4, isHexadecimal,
                let unit = UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
            else { throw Problem(text: "an escape \\u has not four hexadecimal digits") }
            return unit
        }
    }
}
