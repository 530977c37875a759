// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordTestSupport
import Testing

/// Rules about who may do what.
@Suite(.tags(.unit)) struct PolicyTests {
    private func parse(_ text: String) -> PolicyParser { PolicyParser(Array(text.utf8)) }

    private func client(_ name: String, of domain: String = "chord.test") -> PolicySubject {
        PolicySubject(role: .client, name: name, trustDomain: domain)
    }

    private static let text = """
        # Applications keep to their own keys.
        old:      deny client app-old to put, delete
        app:      allow client app-* to get, put, delete, watch on app/, "a \\"b\\" \\x00"
        shared:   allow client * to get,watch on public/   # a comment
        people:   allow client * of chord.test to lookup, walk
        ops:      allow admin * to everything
        """

    @Test("The first rule that fits decides, and nothing is allowed that no rule allows")
    func decisions() throws {
        let parser = parse(Self.text)
        #expect(parser.mistakes.isEmpty)
        #expect(parser.warnings.isEmpty)
        let policy = parser.policy
        func decide(
            _ permission: Permission,
            _ place: String,
            _ subject: PolicySubject
        ) -> (Bool, String?) {
            let decision = policy.decision(on: permission, at: Array(place.utf8), by: subject)
            return (decision.isAllowed, decision.rule?.name)
        }
        #expect(decide(.put, "app/x", client("app-1")) == (true, "app"))
        #expect(decide(.put, "app/x", client("app-old")) == (false, "old"))
        #expect(decide(.get, "app/x", client("app-old")) == (true, "app"))
        #expect(decide(.put, "a \"b\" \0!", client("app-1")) == (true, "app"))
        #expect(decide(.put, "public/x", client("app-1")) == (false, nil))
        #expect(decide(.get, "public/x", client("alice")) == (true, "shared"))
        #expect(decide(.get, "publi", client("alice")) == (false, nil))
        #expect(decide(.lookup, "", client("alice")) == (true, "people"))
        #expect(decide(.lookup, "", client("alice", of: "other")) == (false, nil))
        #expect(decide(.administer, "", client("alice")) == (false, nil))
        let bob = PolicySubject(role: .admin, name: "bob", trustDomain: "chord.test")
        for permission in Permission.allCases {
            #expect(decide(permission, "anything", bob) == (true, "ops"))
        }
        let node = PolicySubject(role: .node, name: "app-1", trustDomain: "chord.test")
        #expect(decide(.get, "app/x", node) == (false, nil))
    }

    @Test("A decision names its rule")
    func reasons() {
        let policy = parse(Self.text).policy
        let place = Array("app/x".utf8)
        #expect(
            policy.decision(on: .put, at: place, by: client("app-old")).reason
                == "rule old (line 2 of the policy) denies it"
        )
        #expect(
            policy.decision(on: .put, at: place, by: client("alice")).reason
                == "no rule of the policy allows it"
        )
        #expect("\(client("al\nice"))" == "client 'al\\u{a}ice' of chord.test")
    }

    @Test(
        "A mistake is told with its line and what was expected",
        arguments: [
            (
                "allow client a to get",
                "line 1: expected the rule's name and a colon, such as app-reads:, not 'allow'"
            ),
            ("\n\nr: permit client a to get", "line 3: expected allow or deny, not 'permit'"),
            (
                "r: allow user a to get",
                "line 1: expected a role: node, client, admin or anyone, not 'user'"
            ),
            ("r: allow client", "line 1: a name or a pattern such as app-* is missing at the end"),
            ("r: allow client a get", "line 1: expected 'to', not 'get'"),
            (
                "r: allow client a to gett",
                "line 1: expected one of get, put, delete, watch, lookup, walk, administer, everything, not 'gett'"
            ),
            (
                "r: allow client a to get,",
                "line 1: one of get, put, delete, watch, lookup, walk, administer, everything is missing at the end"
            ),
            ("r: allow client a to get on", "line 1: the beginning of keys is missing at the end"),
            ("r: allow client a to get on x y", "line 1: expected the end of the line, not 'y'"),
            ("r: allow client a to get on \"x", "line 1: a quotation mark at its end is missing"),
            (
                "r: allow client a to get on \"\\q\"",
                "line 1: after a backslash comes a quotation mark, a backslash, or x and two hexadecimal digits"
            ),
            (
                "r: allow client a to get\nr: deny client b to get",
                "line 2: the rule r is in line 1 already: give each its own name"
            ),
            (
                "r/s: allow client a to get",
                "line 1: a rule's name has up to 63 letters, digits, '-', '_' and '.', unlike 'r/s:'"
            ),
        ]
    )
    func mistakes(text: String, message: String) {
        #expect(parse(text).mistakes.map(\.description) == [message])
    }

    @Test("Parts without effect are warned of")
    func warnings() {
        let texts = parse(
            "a: allow client x to lookup on y\nb: allow client x to administer\nc: allow client x to get on app/*"
        ).warnings.map(\.description)
        #expect(
            texts == [
                "line 1: rule a: 'on' has no effect: lookup is not about keys",
                "line 2: rule b: it has no effect: only certificates of role admin can administer",
                "line 3: rule c: 'app/*' means keys that begin with these characters, the star included: leave the star out",
            ]
        )
    }

    @Test("Lines may end as on Windows, and be empty")
    func lineEnds() {
        let parser = parse("\r\n# x\r\na: allow client x to get on y\r\n")
        #expect(parser.mistakes.isEmpty)
        #expect(parser.policy.rules.first?.prefixes == [[UInt8(ascii: "y")]])
    }

    @Test(
        "Patterns of names",
        arguments: [
            ("alice", "alice", true), ("alice", "alice2", false), ("alice", "", false),
            ("*", "", true), ("*", "x", true), ("app-*", "app-", true), ("app-*", "app", false),
            ("*-app", "my-app", true), ("*-app", "-ap", false), ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxcyyb", false), ("a*a", "a", false), ("a*a", "aa", true),
            ("*ab*ab*", "ab", false), ("*ab*ab*", "xabab", true), ("**", "x", true), ("", "", true),
            ("", "x", false),
        ]
    )
    func patterns(pattern: String, name: String, fits: Bool) {
        #expect(NamePattern(pattern).matches(name) == fits)
    }

    @Test("Any bytes are read without a crash, and a policy of too many rules is refused")
    func anything() {
        var generator = SystemRandomNumberGenerator()
        let pieces = [
            "r:", "allow", "client", "*", "to", "get", ",", "on", "\"", "\\", "\n", " ", "#", "\0",
        ]
        for _ in 0..<2_000 {
            let count = Int.random(in: 0..<30, using: &generator)
            let text = (0..<count).map { _ in pieces.randomElement(using: &generator)! }.joined()
            _ = parse(text)
            _ = PolicyParser((0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) })
        }
        let many = (0...PolicyParser.mostRules).map { "r\($0): allow client a to get" }
        #expect(
            parse(many.joined(separator: "\n")).mistakes.map(\.message) == ["more than 10000 rules"]
        )
    }
}
