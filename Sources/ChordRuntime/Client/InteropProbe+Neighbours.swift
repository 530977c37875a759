// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordIdentity
import ChordRPC
import ChordWire

// Finds out the node's identity. Some dialects do not tell it; then the neighbours are asked.

extension InteropProbe {
    /// The neighbours of the checked node, and their answers about it.
    struct Neighbourhood {
        var isAlone: Bool
        /// The predecessor and its answer; nil if the node is alone.
        var before: Look?
        /// The successor and its answer; nil if the node is alone.
        var after: Look?
        /// The identity of the node; nil if no source tells it.
        var node: NodeReference?
        /// Why the node does not answer at the address that its ring uses; nil if it does.
        var unreachable: String?
        /// Whether the predecessor names the node as its first successor, and the successor names
        /// it as its predecessor.
        var isNamedBefore = false
        var isNamedAfter = false
    }

    func neighbourhood(
        of state: RingState,
        _ look: Look,
        _ dialect: any Dialect,
        _ parameters: RingParameters
    ) async -> Neighbourhood {
        let (before, after) = (state.predecessor, look.list.first ?? state.predecessor)
        let saysWho = dialect.name == .native
        let isAlone =
            look.list.allSatisfy { $0.id == before.id }
            && (!saysWho || state.node.id == before.id)
        var around = Neighbourhood(isAlone: isAlone)
        var candidates: [NodeReference] = []
        let first = await lookAnyhow(at: before, dialect, parameters)
        if isAlone, saysWho || isSame(first, look) || first.result.status.isUnreachable {
            // The node names only itself.
            candidates = [before]
        } else {
            around.isAlone = false
            around.before = first
            around.after =
                after.id == before.id
                ? first : await lookAnyhow(at: after, dialect, parameters)
            candidates = [around.before?.list.first, around.after?.state?.predecessor]
                .compactMap { $0 }
            candidates += look.list
            candidates.removeAll { node in
                node.id == before.id || node.id == after.id
                    || before.id != after.id && !node.id.isBetween(before.id, and: after.id)
            }
        }
        if saysWho { candidates = [state.node] }
        if let name = look.result.peer?.name { candidates.removeAll { $0.name != name } }
        await find(among: candidates, look, dialect, parameters, &around)
        if around.node == nil, let name = look.result.peer?.name {
            // The certificate is the only source of its name.
            let node = NodeReference(id: .zero, name: name, address: address, incarnation: 0)
            around.node = PlaceRule(parameters, hash: hash).node(node, at: 0)
        }
        if let node = around.node {
            around.isNamedBefore = around.before?.list.first?.id == node.id
            around.isNamedAfter = around.after?.state?.predecessor.id == node.id
        }
        return around
    }

    /// Asks a neighbour for its state, in the checked dialect or, if it does not speak that, in
    /// another one.
    private func lookAnyhow(
        at node: NodeReference,
        _ dialect: any Dialect,
        _ parameters: RingParameters
    ) async -> Look {
        let target = PeerTarget(node)
        let look = await look(at: target, dialect, parameters)
        guard look.result.status.code == .unimplemented else { return look }
        for name in DialectName.allCases where name != dialect.name {
            let other = Dialects.foreign(name) ?? Dialects.native
            var parameters = parameters
            if name == .native {
                let said = await call(other.service, "GetSuccessorList", [], at: target)
                parameters =
                    (try? GetSuccessorListReply.parameters(of: said.message)) ?? parameters
            }
            let look = await self.look(at: target, other, parameters)
            if look.result.status.code != .unimplemented { return look }
        }
        return look
    }

    /// Finds the checked node among the nodes that its neighbours name. The right one gives the
    /// same answer at its address as the checked node, with the same certificate.
    private func find(
        among candidates: [NodeReference],
        _ look: Look,
        _ dialect: any Dialect,
        _ parameters: RingParameters,
        _ around: inout Neighbourhood
    ) async {
        var asked: Set<NodeReference> = []
        for node in candidates where asked.insert(node).inserted {
            if node.address == address {
                around.node = node
                around.unreachable = nil
                return
            }
            let other = await self.look(at: PeerTarget(node), dialect, parameters)
            if isSame(other, look) {
                around.node = node
                around.unreachable = nil
                return
            }
            guard around.node == nil else { continue }
            around.node = node
            around.unreachable =
                other.result.status.isOK
                ? "\(node.address), where another node answers"
                : other.result.status.told(by: node.address)
        }
    }

    private func isSame(_ one: Look, _ other: Look) -> Bool {
        guard let state = one.state, let peer = one.result.peer else { return false }
        return state.predecessor.id == other.state?.predecessor.id
            && one.list.map(\.id) == other.list.map(\.id)
            && peer.serial == other.result.peer?.serial
    }

    func identity(
        _ look: Look,
        _ state: RingState,
        _ around: Neighbourhood,
        _ dialect: any Dialect
    ) -> [Judged] {
        let subject = "identity"
        let expected = "a name that belongs to its identifier"
        let sides =
            around.isAlone
            ? ""
            : ", between \(state.predecessor.name) and "
                + (look.list.first?.name ?? state.predecessor.name)
        let isLonely = around.before?.state == nil && around.after?.state == nil && !around.isAlone
        guard let node = around.node else {
            return [
                Judged(
                    subject,
                    expected: expected,
                    found: "neither it nor its neighbours tell its name\(sides)",
                    isLonely ? .known : .wrong,
                    mayPass: true
                )
            ]
        }
        var judged = [
            Judged(subject, expected: expected, found: "\(node.name)\(sides)", .asExpected),
            Judged(
                "address",
                expected: "it answers at the address that its ring dials",
                found: around.unreachable ?? node.address,
                around.unreachable == nil ? .asExpected : .wrong,
                mayPass: true
            ),
        ]
        guard !around.isAlone else { return judged }
        judged.append(known(node, state, look, around))
        return judged
    }

    /// Whether both neighbours know the node.
    private func known(
        _ node: NodeReference,
        _ state: RingState,
        _ look: Look,
        _ around: Neighbourhood
    ) -> Judged {
        let after = look.list.first ?? state.predecessor
        func said(_ side: Look?, _ name: String, _ isRight: Bool, _ other: String?) -> String? {
            guard !isRight else { return nil }
            guard let side, side.state != nil else { return "\(name) does not answer as a member" }
            return "\(name) has \(other ?? "no node") there"
        }
        let missing = [
            said(
                around.before,
                state.predecessor.name,
                around.isNamedBefore,
                around.before?.list.first?.name
            ),
            said(
                around.after,
                after.name,
                around.isNamedAfter,
                around.after?.state?.predecessor.name
            ),
        ].compactMap { $0 }
        // After a crash the neighbours' pointers are wrong until their next ticks.
        let isExcused = around.before?.state == nil || around.after?.state == nil
        return Judged(
            "neighbours",
            expected: "its predecessor lists it first, and its successor names it as predecessor",
            found: missing.isEmpty
                ? "so do \(state.predecessor.name) and \(after.name)"
                : missing.joined(separator: ", "),
            missing.isEmpty ? .asExpected : isExcused ? .known : .wrong,
            mayPass: true
        )
    }
}
