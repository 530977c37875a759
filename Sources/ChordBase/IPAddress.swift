// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// An IPv4 or IPv6 address, so that addresses are compared as addresses and not as text.
package struct IPAddress: Sendable, Hashable, CustomStringConvertible {
    /// The address in network order: 4 bytes or 16.
    package let bytes: [UInt8]

    /// Makes an address from 4 or 16 bytes in network order; nil for any other count.
    package init?(bytes: [UInt8]) {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        self.bytes = bytes
    }

    /// Reads dotted decimal IPv4, or IPv6 with or without brackets; nil for anything else.
    ///
    /// A zone (`%eth0`) is no part of an address that a certificate can hold and makes it nil.
    package init?(_ text: String) {
        if text.hasPrefix("["), text.hasSuffix("]") {
            guard let bytes = Self.parseVersion6(text.dropFirst().dropLast()) else { return nil }
            self.bytes = bytes
        } else if let bytes = Self.parseVersion4(text[...]) ?? Self.parseVersion6(text[...]) {
            self.bytes = bytes
        } else {
            return nil
        }
    }

    /// The canonical text: dotted decimal, or IPv6 as RFC 5952 writes it.
    package var description: String {
        if bytes.count == 4 {
            return bytes.map { String($0) }.joined(separator: ".")
        }
        let groups = stride(from: 0, to: 16, by: 2).map { index in
            UInt16(bytes[index]) << 8 | UInt16(bytes[index + 1])
        }
        let zeros = Self.longestZeroRun(in: groups)
        func hexadecimal(_ part: ArraySlice<UInt16>) -> String {
            part.map { String($0, radix: 16) }.joined(separator: ":")
        }
        guard let zeros else { return hexadecimal(groups[...]) }
        return hexadecimal(groups[..<zeros.lowerBound]) + "::"
            + hexadecimal(groups[zeros.upperBound...])
    }

    /// The first of the longest runs of at least two zero groups.
    private static func longestZeroRun(in groups: [UInt16]) -> Range<Int>? {
        var best: Range<Int>?
        var start = 0
        while start < groups.count {
            guard groups[start] == 0 else {
                start += 1
                continue
            }
            let end = groups[start...].firstIndex { $0 != 0 } ?? groups.count
            if end - start >= 2, end - start > (best?.count ?? 0) {
                best = start..<end
            }
            start = end
        }
        return best
    }

    private static func parseVersion4(_ text: Substring) -> [UInt8]? {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bytes: [UInt8] = []
        for part in parts {
            // A leading zero means octal to some readers and decimal to others: refused.
            guard (1...3).contains(part.count), part.count == 1 || part.first != UInt8(ascii: "0"),
                part.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
                let value = UInt8(Substring(part))
            else {
                return nil
            }
            bytes.append(value)
        }
        return bytes
    }

    private static func parseVersion6(_ text: Substring) -> [UInt8]? {
        guard text.utf8.count >= 2, text.utf8.count <= 45 else { return nil }
        if let gap = doubleColon(in: text) {
            guard let head = groups(text[..<gap.lowerBound], mayEndInVersion4: false),
                let tail = groups(text[gap.upperBound...], mayEndInVersion4: true),
                head.count + tail.count <= 14
            else {
                return nil
            }
            return head + [UInt8](repeating: 0, count: 16 - head.count - tail.count) + tail
        }
        guard let bytes = groups(text, mayEndInVersion4: true), bytes.count == 16 else {
            return nil
        }
        return bytes
    }

    private static func doubleColon(in text: Substring) -> Range<Substring.Index>? {
        var index = text.utf8.startIndex
        while index < text.utf8.endIndex {
            let next = text.utf8.index(after: index)
            if next < text.utf8.endIndex, text.utf8[index] == UInt8(ascii: ":"),
                text.utf8[next] == UInt8(ascii: ":")
            {
                return index..<text.utf8.index(after: next)
            }
            index = next
        }
        return nil
    }

    private static func groups(_ text: Substring, mayEndInVersion4: Bool) -> [UInt8]? {
        if text.isEmpty { return [] }
        let parts = text.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard parts.count <= 8 else { return nil }
        var bytes: [UInt8] = []
        for (position, part) in parts.enumerated() {
            if part.contains(UInt8(ascii: ".")) {
                guard mayEndInVersion4, position == parts.count - 1,
                    let embedded = parseVersion4(Substring(part))
                else {
                    return nil
                }
                bytes += embedded
                continue
            }
            // UInt16(_:radix:) would take a sign as well.
            guard (1...4).contains(part.count), part.first != UInt8(ascii: "+"),
                part.first != UInt8(ascii: "-"), let value = UInt16(Substring(part), radix: 16)
            else {
                return nil
            }
            bytes += [UInt8(value >> 8), UInt8(value & 0xFF)]
        }
        return bytes.count <= 16 ? bytes : nil
    }
}
