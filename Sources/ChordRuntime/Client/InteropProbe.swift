// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore
package import ChordHash
import ChordIdentity
package import ChordRPC
import ChordWire

/// Checks a node that somebody else may have written, with questions that change nothing.
package struct InteropProbe: Sendable {
    let address: String
    /// What the ring is taken to be, where the node's dialect does not say.
    let assumed: RingParameters
    let hash: HashFunction
    let transport: any ClientTransport
    let executor: any NodeExecutor
    let silence: SilenceLimits

    /// A probe of the node at `address`.
    package init(
        address: String,
        assumed: RingParameters,
        hash: HashFunction,
        transport: any ClientTransport,
        executor: any NodeExecutor,
        silence: SilenceLimits
    ) {
        self.address = address
        self.assumed = assumed
        self.hash = hash
        self.transport = transport
        self.executor = executor
        self.silence = silence
    }

    private var target: PeerTarget { PeerTarget(bootstrap: address) }

    /// Makes all checks.
    package func run() async -> InteropReport {
        var report = InteropReport(address: address, dialects: [], findings: [])
        let dialects = DialectName.allCases.map { name -> any Dialect in
            Dialects.foreign(name) ?? Dialects.native
        }
        for dialect in dialects {
            var parameters = assumed
            if dialect.name == .native {
                // It says what its ring is to who asks without saying so first.
                let said = await call(dialect.service, "GetSuccessorList", [])
                parameters = (try? GetSuccessorListReply.parameters(of: said.message)) ?? assumed
            }
            let (result, answers) = await say(.state, in: dialect, parameters)
            if report.findings.isEmpty {
                report.findings.append(certificate(result))
                guard result.status.origin == .peer else { return report }
            }
            guard result.status.code != .unimplemented else { continue }
            report.dialects.append(dialect.name)
            report.findings += await check(dialect, result, answers, parameters)
            let state = try? dialect.state(of: nil, from: answers, in: parameters)
            if let state {
                report.neighbours.formUnion(([state.predecessor] + state.successors).map(\.name))
            }
        }
        let names = report.dialects.map(\.rawValue).joined(separator: ", ")
        report.findings.insert(
            InteropFinding(
                "dialect",
                expected: DialectName.allCases.map(\.rawValue).joined(separator: " or "),
                found: names.isEmpty ? "none of them" : names,
                names.isEmpty ? .wrong : .asExpected
            ),
            at: 1
        )
        report.findings.append(
            await unknownMethod(service: "chord.interop.NoSuchService", "an unknown service")
        )
        return report
    }

    private func say(
        _ statement: PeerStatement,
        in dialect: any Dialect,
        _ parameters: RingParameters,
        timeout: Duration? = nil
    ) async -> (ClientResult, [[UInt8]]) {
        var answers: [[UInt8]] = []
        var last = ClientResult(status: .ok)
        for call in dialect.calls(for: statement, in: parameters) {
            last = await self.call(dialect.service, call.method, call.message, timeout)
            guard last.status.isOK else { return (last, []) }
            answers.append(last.message)
        }
        return (last, answers)
    }

    private func call(
        _ service: String,
        _ method: String,
        _ message: [UInt8],
        _ timeout: Duration? = nil
    ) async -> ClientResult {
        await PeerCalls(transport: transport, limits: silence).call(
            RPCMethod(service: service, name: method),
            at: target,
            message: message,
            timeout: timeout ?? silence.cap + silence.connect,
            on: executor
        )
    }

    // MARK: Checks

    private func certificate(_ result: ClientResult) -> InteropFinding {
        let host = PeerTarget.host(of: address)
        let expected = "a certificate of a node that holds for \(host)"
        guard let peer = result.peer else {
            return InteropFinding(
                "certificate",
                expected: expected,
                found: "\(result.status)",
                .wrong
            )
        }
        return InteropFinding(
            "certificate",
            expected: expected,
            found: "\(peer)" + (peer.holds(forHost: host) ? "" : ", which does not hold for it"),
            peer.role == .node && peer.holds(forHost: host) ? .asExpected : .wrong
        )
    }

    private func check(
        _ dialect: any Dialect,
        _ result: ClientResult,
        _ answers: [[UInt8]],
        _ parameters: RingParameters
    ) async -> [InteropFinding] {
        func finding(
            _ subject: String,
            _ expected: String,
            _ found: String,
            _ outcome: InteropFinding.Outcome
        ) -> InteropFinding {
            let subject = "\(dialect.name.rawValue): \(subject)"
            return InteropFinding(subject, expected: expected, found: found, outcome)
        }
        guard result.status.isOK else {
            return [finding("state", "an answer", "\(result.status)", .wrong)]
        }
        var findings: [InteropFinding] = []
        do throws(WireError) {
            let list = try dialect.listed(in: answers, in: parameters)
            let anonymous = try dialect.state(of: nil, from: answers, in: parameters)
            guard let anonymous else {
                findings.append(finding("predecessor", "one, always", "none", .wrong))
                return findings
            }
            let node = await identity(dialect, anonymous, result, parameters)
            let who = node.map { "\($0.name) at \($0.address)" } ?? "it does not say"
            findings.append(
                finding(
                    "who it is",
                    "a name whose place is its identifier",
                    who,
                    node == nil ? .known : .asExpected
                )
            )
            findings.append(
                finding(
                    "predecessor",
                    "one, always",
                    anonymous.predecessor.name,
                    .asExpected
                )
            )
            findings.append(placement(dialect, [anonymous.predecessor] + list, parameters))
            findings.append(order(dialect, node, list))
            if let node { findings += await ownIdentifier(dialect, node, parameters) }
            findings.append(await deadline(dialect, parameters))
            var unknown = await unknownMethod(service: dialect.service, "an unknown method")
            unknown.subject = "\(dialect.name.rawValue): \(unknown.subject)"
            findings.append(unknown)
        } catch {
            findings.append(finding("state", "a message of the contract", "\(error)", .wrong))
        }
        return findings
    }

    /// Who answers: what it says, what its certificate says, or what it names itself in a lookup.
    private func identity(
        _ dialect: any Dialect,
        _ state: RingState,
        _ result: ClientResult,
        _ parameters: RingParameters
    ) async -> NodeReference? {
        guard let question = dialect.selfRevealing(state) else { return state.node }
        let (found, answers) = await say(.owner(of: question), in: dialect, parameters)
        let named = try? dialect.owner(from: answers, in: parameters)
        if found.status.isOK, let named, named.address == address { return named }
        guard let name = result.peer?.name else { return nil }
        let id = parameters.rule.identifier(
            name: name,
            address: address,
            hash: hash,
            space: parameters.space
        )
        return NodeReference(id: id, name: name, address: address, incarnation: 0)
    }

    private func placement(
        _ dialect: any Dialect,
        _ nodes: [NodeReference],
        _ parameters: RingParameters
    ) -> InteropFinding {
        let rule = "\(parameters.hash) of the \(parameters.rule.rawValue)"
        let misplaced = nodes.filter { node in
            parameters.rule.identifier(
                name: node.name,
                address: node.address,
                hash: hash,
                space: parameters.space
            ) != node.id
        }
        return InteropFinding(
            "\(dialect.name.rawValue): identifiers",
            expected: "the first \(parameters.space.width) bits of \(rule)",
            found: misplaced.isEmpty
                ? "so for all \(nodes.count) named"
                : "otherwise for \(Set(misplaced.map(\.name)).sorted().joined(separator: ", "))",
            misplaced.isEmpty ? .asExpected : .wrong
        )
    }

    private func order(
        _ dialect: any Dialect,
        _ node: NodeReference?,
        _ list: [NodeReference]
    ) -> InteropFinding {
        let subject = "\(dialect.name.rawValue): successor list"
        let expected = "nearest first, none twice, without the node itself unless alone"
        let names = list.map(\.name).joined(separator: " ")
        guard let node else {
            return InteropFinding(subject, expected: expected, found: names, .known)
        }
        let orderly = SuccessorList(of: node.id, from: list, limit: list.count).entries
        if orderly.count == list.count || list == [node] {
            return InteropFinding(subject, expected: expected, found: names, .asExpected)
        }
        // Past the node itself a list goes round; that is cut where it is read.
        let goesRound = list[orderly.count].id == node.id
        return InteropFinding(
            subject,
            expected: expected,
            found: names + (goesRound ? ", which goes round" : ", out of order"),
            goesRound ? .known : .wrong
        )
    }

    private func ownIdentifier(
        _ dialect: any Dialect,
        _ node: NodeReference,
        _ parameters: RingParameters
    ) async -> [InteropFinding] {
        let own = await owner(of: node.id, dialect, parameters)
        let after = parameters.space.adding(node.id, powerOfTwo: 0)
        let next = await owner(of: after, dialect, parameters)
        let isKnown =
            dialect.selfRevealing(RingState(node: node, predecessor: node, successors: [node]))
            != nil
        func finding(_ subject: String, _ answer: Result<NodeReference, Status>, isItself: Bool)
            -> InteropFinding
        {
            let expected = isItself ? node.name : "its successor, or itself when alone"
            switch answer {
            case .failure(let status):
                return InteropFinding(subject, expected: expected, found: "\(status)", .wrong)
            case .success(let owner):
                let isRight = !isItself || owner.id == node.id
                let outcome: InteropFinding.Outcome =
                    isRight ? .asExpected : isKnown ? .known : .wrong
                return InteropFinding(subject, expected: expected, found: owner.name, outcome)
            }
        }
        let name = dialect.name.rawValue
        return [
            finding("\(name): owner of its own identifier", own, isItself: true),
            finding("\(name): owner of the one after", next, isItself: false),
        ]
    }

    private func owner(
        of id: Identifier,
        _ dialect: any Dialect,
        _ parameters: RingParameters
    ) async -> Result<NodeReference, Status> {
        let (result, answers) = await say(.owner(of: id), in: dialect, parameters)
        guard result.status.isOK else { return .failure(result.status) }
        do throws(WireError) {
            return .success(try dialect.owner(from: answers, in: parameters))
        } catch {
            return .failure(Status(.internalError, "\(error)"))
        }
    }

    /// A lookup that crosses the ring, with little time.
    private func deadline(
        _ dialect: any Dialect,
        _ parameters: RingParameters
    ) async -> InteropFinding {
        let started = executor.now
        let half = parameters.space.adding(.zero, powerOfTwo: parameters.space.width - 1)
        let limit = Duration.seconds(1)
        let (result, _) = await say(.owner(of: half), in: dialect, parameters, timeout: limit)
        let milliseconds = (executor.now - started).clampedNanoseconds / 1_000_000
        let isAnswered = result.status.origin == .peer
        return InteropFinding(
            "\(dialect.name.rawValue): deadline of 1 s",
            expected: "an answer within it, if only DEADLINE_EXCEEDED",
            found: isAnswered
                ? "\(result.status.code) after \(milliseconds) ms" : "\(result.status)",
            isAnswered ? .asExpected : .wrong
        )
    }

    private func unknownMethod(service: String, _ subject: String) async -> InteropFinding {
        let result = await call(service, "NoSuchMethod", [])
        let isRight = result.status.origin == .peer && result.status.code == .unimplemented
        return InteropFinding(
            subject,
            expected: "UNIMPLEMENTED",
            found: "\(result.status.code)",
            isRight ? .asExpected : .wrong
        )
    }
}
