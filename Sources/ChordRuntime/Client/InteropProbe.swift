// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore
package import ChordHash
import ChordIdentity
package import ChordRPC
import ChordWire

/// Checks a node of any implementation. Its questions change nothing and harm no node: a node of
/// another implementation is not asked for the owner of a member's identifier.
package struct InteropProbe: Sendable {
    let address: String
    /// The assumed parameters of the ring, used where the node's dialect does not tell them.
    let assumed: RingParameters
    let hash: HashFunction
    let transport: any ClientTransport
    let executor: any NodeExecutor
    let failureDetection: FailureDetection
    /// How long a wrong answer is asked again before it counts, because the ring may be repairing
    /// itself.
    let settling: Duration

    /// The wait between two attempts.
    private static let pause = Duration.milliseconds(250)

    /// A probe of the node at `address`.
    package init(
        address: String,
        assumed: RingParameters,
        hash: HashFunction,
        transport: any ClientTransport,
        executor: any NodeExecutor,
        failureDetection: FailureDetection,
        settling: Duration
    ) {
        self.address = address
        self.assumed = assumed
        self.hash = hash
        self.transport = transport
        self.executor = executor
        self.failureDetection = failureDetection
        self.settling = settling
    }

    /// A finding, and whether it may be temporary. A temporary finding is checked again.
    struct Judged {
        var finding: InteropFinding
        var mayPass: Bool

        init(
            _ subject: String,
            expected: String,
            found: String,
            _ outcome: InteropFinding.Outcome,
            mayPass: Bool = false
        ) {
            finding = InteropFinding(subject, expected: expected, found: found, outcome)
            self.mayPass = mayPass && outcome != .asExpected
        }
    }

    /// A node's answer to the question for its state.
    struct Look {
        var result: ClientResult
        /// The state; nil if the answer has none, or says that the node is not a member. In
        /// dialects that do not name the answering node, the state does not either.
        var state: RingState?
        /// The list as received.
        var list: [NodeReference] = []
        /// The decoding error, if there is one.
        var problem: WireError?
    }

    /// Runs all checks.
    package func run() async -> InteropReport {
        var report = InteropReport(address: address, dialects: [], findings: [])
        let dialects = DialectName.allCases.map { name -> any Dialect in
            Dialects.foreign(name) ?? Dialects.native
        }
        let end = executor.now + settling
        let target = PeerTarget(bootstrap: address)
        for dialect in dialects {
            var parameters = assumed
            if dialect.name == .native {
                // The node tells its parameters to a caller that sends none.
                let said = await call(dialect.service, "GetSuccessorList", [], at: target)
                parameters = (try? GetSuccessorListReply.parameters(of: said.message)) ?? assumed
            }
            var look = await look(at: target, dialect, parameters)
            if report.findings.isEmpty {
                report.findings.append(certificate(look.result))
                guard look.result.status.origin == .peer else { return report }
            }
            guard look.result.status.code != .unimplemented else { continue }
            report.dialects.append(dialect.name)
            var judged = await check(look, dialect, parameters)
            while judged.contains(where: \.mayPass), executor.now < end {
                await pause()
                look = await self.look(at: target, dialect, parameters)
                judged = await check(look, dialect, parameters)
            }
            for var finding in judged.map(\.finding) {
                finding.subject = "\(dialect.name.rawValue): \(finding.subject)"
                report.findings.append(finding)
            }
            if let state = look.state {
                report.neighbours.formUnion(([state.predecessor] + state.successors).map(\.name))
            }
        }
        let names = report.dialects.map(\.rawValue).joined(separator: ", ")
        report.findings.insert(
            InteropFinding(
                "dialect",
                expected: DialectName.allCases.map(\.rawValue).joined(separator: " or "),
                found: names.isEmpty ? "none of these" : names,
                names.isEmpty ? .wrong : .asExpected
            ),
            at: 1
        )
        let unknown = "chord.interop.NoSuchService"
        report.findings.append(await unknownMethod(of: unknown, "an unknown service").finding)
        return report
    }

    private func pause() async {
        await withCheckedContinuation { continuation in
            executor.runOrExecute { [executor] in
                _ = executor.schedule(after: Self.pause) { continuation.resume() }
            }
        }
    }

    // MARK: Calls

    func look(at target: PeerTarget, _ dialect: any Dialect, _ parameters: RingParameters) async
        -> Look
    {
        let (result, answers) = await say(.state, to: target, in: dialect, parameters)
        var look = Look(result: result)
        guard result.status.isOK else { return look }
        do throws(WireError) {
            look.list = try dialect.listed(in: answers, in: parameters)
            look.state = try dialect.state(of: nil, from: answers, in: parameters)?.state
        } catch {
            look.problem = error
        }
        return look
    }

    func say(
        _ statement: PeerOperation,
        to target: PeerTarget,
        in dialect: any Dialect,
        _ parameters: RingParameters,
        timeout: Duration? = nil
    ) async -> (ClientResult, [[UInt8]]) {
        var answers: [[UInt8]] = []
        var last = ClientResult(status: .ok)
        for call in dialect.calls(for: statement, in: parameters) {
            last = await self.call(dialect.service, call.method, call.message, at: target, timeout)
            guard last.status.isOK else { return (last, []) }
            answers.append(last.message)
        }
        return (last, answers)
    }

    func call(
        _ service: String,
        _ method: String,
        _ message: [UInt8],
        at target: PeerTarget,
        _ timeout: Duration? = nil
    ) async -> ClientResult {
        await PeerCalls(transport: transport, limits: failureDetection).call(
            RPCMethod(calling: method, of: service),
            at: target,
            message: message,
            timeout: timeout ?? failureDetection.cap + failureDetection.connect,
            on: executor
        )
    }

    // MARK: Checks

    private func certificate(_ result: ClientResult) -> InteropFinding {
        let host = NetworkAddress.host(of: address)
        let expected = "a node's certificate that is valid for \(host)"
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
            found: "\(peer)" + (peer.holds(forHost: host) ? "" : ", which is not valid for it"),
            peer.role == .node && peer.holds(forHost: host) ? .asExpected : .wrong
        )
    }

    private func check(
        _ look: Look,
        _ dialect: any Dialect,
        _ parameters: RingParameters
    ) async -> [Judged] {
        guard look.result.status.isOK else {
            let found = "\(look.result.status)"
            return [Judged("state", expected: "an answer", found: found, .wrong, mayPass: true)]
        }
        if let problem = look.problem {
            let expected =
                "a message of the contract, with identifiers of \(parameters.space.width) bits"
            return [Judged("state", expected: expected, found: "\(problem)", .wrong)]
        }
        let always = "one, always"
        guard let state = look.state else {
            return [Judged("predecessor", expected: always, found: "none", .wrong, mayPass: true)]
        }
        let around = await neighbourhood(of: state, look, dialect, parameters)
        var judged = identity(look, state, around, dialect)
        let before = state.predecessor.name
        judged.append(Judged("predecessor", expected: always, found: before, .asExpected))
        judged.append(placement([state.predecessor] + look.list, parameters))
        judged.append(await order(look, around, dialect, parameters))
        judged += await lookups(look, state, around, dialect, parameters)
        judged.append(await unknownMethod(of: dialect.service, "an unknown method"))
        return judged
    }

    private func placement(_ nodes: [NodeReference], _ parameters: RingParameters) -> Judged {
        var seen: Set<NodeReference> = []
        let misplaced = nodes.filter { seen.insert($0).inserted }
            .compactMap { Misplacement(of: $0, in: parameters, hash: hash) }
        let rule = "\(parameters.hash) of the \(parameters.rule.rawValue)"
        return Judged(
            "identifiers",
            expected: "the first \(parameters.space.width) bits of \(rule)",
            found: misplaced.isEmpty
                ? "right for all \(nodes.count) named nodes"
                : misplaced.map(\.description).joined(separator: ", and "),
            misplaced.isEmpty ? .asExpected : .wrong
        )
    }

    /// Checks the list's order, and whether all of its entries answer.
    private func order(
        _ look: Look,
        _ around: Neighbourhood,
        _ dialect: any Dialect,
        _ parameters: RingParameters
    ) async -> Judged {
        let subject = "successor list"
        let expected = "nearest first, no node twice, and not the node itself unless it is alone"
        let list = look.list
        let names = list.map(\.name).joined(separator: " ")
        // Where the node's identity is unknown, the order is judged from its predecessor, which is
        // not in the list.
        guard let place = around.node?.id ?? look.state?.predecessor.id else {
            return Judged(subject, expected: expected, found: names, .wrong, mayPass: true)
        }
        if !list.isEmpty, list.allSatisfy({ $0.id == place }) {
            let isAlone = look.state?.predecessor.id == place
            let found = isAlone ? names : "\(names), but it is not alone"
            let outcome: InteropFinding.Outcome = isAlone ? .asExpected : .wrong
            return Judged(subject, expected: expected, found: found, outcome, mayPass: true)
        }
        let orderly = SuccessorList(of: place, from: list, limit: list.count).entries
        var found = names
        var outcome = InteropFinding.Outcome.asExpected
        if orderly.isEmpty || orderly.count < list.count {
            // The rest of the list, from the node itself on, has wrapped around; readers cut it
            // there.
            let goesRound = list.isEmpty ? false : list[orderly.count].id == place
            outcome = goesRound && !orderly.isEmpty ? .known : .wrong
            found += goesRound ? ", which wraps around" : ", out of order"
        }
        var gone: [String] = []
        for node in orderly {
            let answer = await self.look(at: PeerTarget(node), dialect, parameters)
            if answer.result.status.isUnreachable { gone.append(node.name) }
        }
        guard gone.isEmpty else {
            // The node learns of one dead entry per tick.
            found += "; \(gone.joined(separator: " and ")) cannot be reached"
            let isKnown = outcome != .wrong
            return Judged(
                subject,
                expected: expected,
                found: found,
                isKnown ? .known : .wrong,
                mayPass: true
            )
        }
        return Judged(
            subject,
            expected: expected,
            found: found,
            outcome,
            mayPass: outcome == .wrong
        )
    }

    func unknownMethod(of service: String, _ subject: String) async -> Judged {
        let target = PeerTarget(bootstrap: address)
        let result = await call(service, "NoSuchMethod", [], at: target)
        let isRight = result.status.origin == .peer && result.status.code == .unimplemented
        return Judged(
            subject,
            expected: "UNIMPLEMENTED",
            found: "\(result.status.code)",
            isRight ? .asExpected : .wrong
        )
    }
}
