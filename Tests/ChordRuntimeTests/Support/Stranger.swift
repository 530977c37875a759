// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordHash
import ChordIdentity
import ChordRPC
import ChordWire
import NIOConcurrencyHelpers
import ChordTestSupport

@testable import ChordRuntime

/// A node of another implementation that answers what the test sets.
final class Stranger: Sendable {
    struct Answers {
        var state: Result<RingState?, Status>
        var owner: NodeReference?
        var stateQuestions = 0
        /// What it was asked to look up.
        var sought: [Identifier] = []
        /// Whom it names as owners, where it is not told one.
        var circle: [NodeReference] = []
        var notified: [NodeReference] = []
    }

    let node: NodeReference
    let answers: NIOLockedValueBox<Answers>

    /// - Parameter host: what its certificate proves, in place of a name.
    init(_ name: String, in ring: InProcessRing, state: RingState? = nil) {
        let node = NodeReference(
            id: ring.identifier(name),
            name: name,
            address: InProcessRing.address(name),
            incarnation: 0
        )
        self.node = node
        answers = NIOLockedValueBox(Answers(state: .success(state)))
        let dialect = ConcordDialect()
        let parameters = ring.parameters(ring.settings)
        let methods = ConcordMethods.all.map { method in
            ServiceMethod(method) { [answers] bytes, call in
                let name = method.name
                do {
                    switch try dialect.question(name, bytes, in: parameters) {
                    case .state:
                        let state = answers.withLockedValue { answers in
                            answers.stateQuestions += 1
                            return answers.state
                        }
                        guard let state = try state.get() else { return .replied }
                        call.reply += try dialect.encode(.state(state), to: name, in: parameters)
                    case .owner(let id):
                        let owner = answers.withLockedValue { answers in
                            answers.sought.append(id)
                            return answers.owner
                                ?? answers.circle.first { $0.id >= id } ?? answers.circle.first
                        }
                        guard let owner else { return .replied }
                        call.reply += try dialect.encode(.owner(owner), to: name, in: parameters)
                    case .notify(let candidate):
                        answers.withLockedValue { $0.notified.append(candidate) }
                    }
                    return .replied
                } catch let status as Status {
                    return .failed(status)
                } catch {
                    return .failed(Status(.invalidArgument, "\(error)"))
                }
            }
        }
        ring.network.listen(
            address: node.address,
            router: Router(methods),
            identity: Self.identity(name),
            executor: ring.executor
        )
    }

    /// What a certificate without a SPIFFE name proves.
    static func identity(_ host: String) -> PeerIdentity { InProcessRing.hostIdentity(host) }

    func set(_ state: RingState?, owner: NodeReference? = nil) {
        answers.withLockedValue {
            $0.state = .success(state)
            $0.owner = owner
        }
    }
}
