// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A JSON value whose members keep their order, because people read the output too.
package enum JSON {
    case string(String)
    case integer(Int)
    /// A number and its decimal places.
    case number(Double, digits: Int)
    case boolean(Bool)
    case array([JSON])
    case object([(String, JSON)])

    /// The value on one line.
    package var line: String {
        var text = ""
        write(into: &text, indent: nil)
        return text
    }

    /// The value with one line per member of the outer two levels.
    package var lines: String {
        var text = ""
        write(into: &text, indent: 0)
        return text
    }

    private func write(into text: inout String, indent: Int?) {
        switch self {
        case .string(let value): Self.quote(value, into: &text)
        case .integer(let value): text += String(value)
        case .number(let value, let digits): text += value.formatted(digits: digits)
        case .boolean(let value): text += value ? "true" : "false"
        case .array(let values):
            Self.list(values, brackets: ("[", "]"), into: &text, indent: indent) {
                value,
                text,
                deeper in
                value.write(into: &text, indent: deeper)
            }
        case .object(let members):
            Self.list(members, brackets: ("{", "}"), into: &text, indent: indent) {
                member,
                text,
                deeper in
                Self.quote(member.0, into: &text)
                text += ": "
                member.1.write(into: &text, indent: deeper)
            }
        }
    }

    private static func list<Element>(
        _ elements: [Element],
        brackets: (String, String),
        into text: inout String,
        indent: Int?,
        _ write: (Element, inout String, Int?) -> Void
    ) {
        text += brackets.0
        let deeper = indent.flatMap { $0 < 2 ? $0 + 1 : nil }
        for (index, element) in elements.enumerated() {
            if index > 0 { text += deeper == nil ? ", " : "," }
            if let deeper { text += "\n" + String(repeating: "  ", count: deeper) }
            write(element, &text, deeper)
        }
        if let indent, deeper != nil, !elements.isEmpty {
            text += "\n" + String(repeating: "  ", count: indent)
        }
        text += brackets.1
    }

    private static func quote(_ value: String, into text: inout String) {
        text += "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case _ where scalar.value < 0x20 || scalar.value == 0x7f:
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}

extension Double {
    /// The number with this many decimal places, in every locale.
    package func formatted(digits: Int) -> String {
        guard isFinite, magnitude < 1e12 else { return "0" }
        let scale = (0..<digits).reduce(1.0) { power, _ in power * 10 }
        let scaled = Int64((magnitude * scale).rounded())
        var text = String(scaled)
        if text.count <= digits {
            text = String(repeating: "0", count: digits + 1 - text.count) + text
        }
        if digits > 0 { text.insert(".", at: text.index(text.endIndex, offsetBy: -digits)) }
        return self < 0 && scaled != 0 ? "-" + text : text
    }
}

extension Duration {
    /// The duration in milliseconds.
    package var milliseconds: Double {
        Double(components.seconds) * 1_000 + Double(components.attoseconds) / 1e15
    }
}

extension Duration {
    /// The duration in readable form, with one decimal: `350 ms`, `10.7 s`, `3 min 5 s`, `2 h 10
    /// min`, `3 d 4 h`.
    package var inWords: String {
        let seconds = components.seconds
        func two(_ first: Int64, _ unit: String, _ second: Int64, _ smaller: String) -> String {
            second == 0 ? "\(first) \(unit)" : "\(first) \(unit) \(second) \(smaller)"
        }
        switch seconds {
        case ..<1: return "\(milliseconds.formatted(digits: 0)) ms"
        case ..<60: return "\((milliseconds / 1_000).formatted(digits: 1)) s"
        case ..<3_600: return two(seconds / 60, "min", seconds % 60, "s")
        case ..<86_400: return two(seconds / 3_600, "h", seconds % 3_600 / 60, "min")
        default: return two(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h")
        }
    }
}
