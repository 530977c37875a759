// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordIdentity
import ChordRPC
import ChordTestSupport
import NIOConcurrencyHelpers
import Testing

@testable import ChordRuntime

/// A service that writes down what it hears.
private final class Witness: NodeService {
    enum Event: Equatable, Sendable {
        case started, willChange(PlaceChange), didChange(PlaceChange), willLeave, stopped
    }

    struct Refusal: Error {}

    let name: String
    let isFailing: Bool
    /// How long it holds up leaving; nil stands for ever.
    let holding: Duration?
    private let journal: NIOLockedValueBox<[String]>
    private let heard = NIOLockedValueBox<[Event]>([])
    private let context = NIOLockedValueBox<NodeContext?>(nil)

    init(
        _ name: String = "a",
        journal: NIOLockedValueBox<[String]> = NIOLockedValueBox([]),
        isFailing: Bool = false,
        holding: Duration? = .zero
    ) {
        self.name = name
        self.journal = journal
        self.isFailing = isFailing
        self.holding = holding
    }

    var events: [Event] { heard.withLockedValue { $0 } }

    /// The changes that have happened.
    var changes: [PlaceChange] {
        events.compactMap { if case .didChange(let change) = $0 { change } else { nil } }
    }

    private func note(_ event: Event, _ word: String) {
        heard.withLockedValue { $0.append(event) }
        journal.withLockedValue { $0.append("\(name) \(word)") }
    }

    var methods: [ServiceMethod] {
        [
            ServiceMethod(
                RPCMethod(service: "test.\(name)", name: "Echo", callers: .clients),
                answer: { request, _ in request }
            )
        ]
    }

    nonisolated(nonsending) func start(_ node: NodeContext) async throws {
        if isFailing { throw Refusal() }
        context.withLockedValue { $0 = node }
        note(.started, "started")
    }

    /// On the node's actor the published view is the old one before, and the new one after.
    private func view() -> (predecessor: Identifier?, isMember: Bool) {
        context.withLockedValue { $0 }.map { node in
            let view = node.shell.view
            return (view.predecessor.id, view.isMember)
        } ?? (nil, false)
    }

    func placeWillChange(_ change: PlaceChange) {
        if let old = change.from.predecessor { #expect(view().predecessor == old.id) }
        note(.willChange(change), "will change")
    }

    func placeDidChange(_ change: PlaceChange) {
        if let new = change.to.predecessor { #expect(view().predecessor == new.id) }
        note(.didChange(change), "did change")
    }

    nonisolated(nonsending) func nodeWillLeave(within allowance: Duration) async {
        note(.willLeave, "will leave")
        guard holding != .zero, let node = context.withLockedValue({ $0 }) else { return }
        let executor = node.shell.executor
        let gate = AsyncStream.makeStream(of: Void.self)
        let timer = holding.map { executor.schedule(after: $0) { gate.continuation.finish() } }
        // Ends when the task is cancelled, too.
        for await _ in gate.stream {}
        timer?.cancel()
        note(.willLeave, Task.isCancelled ? "is cancelled" : "is ready")
    }

    nonisolated(nonsending) func stop() async { note(.stopped, "stopped") }
}

@Suite("Services of a node", .tags(.unit), .timeLimit(.minutes(5)))
struct NodeServiceTests {
    private func ring(_ witnesses: [Witness]) throws -> (InProcessRing, NodeShell) {
        let ring = InProcessRing()
        let shell = ring.add("n0")
        try ring.executor.wait { try await shell.start(witnesses) }
        try ring.executor.wait { await shell.create() }
        return (ring, shell)
    }

    @Test func changesFollowEachOtherWithoutAGap() throws {
        let witness = Witness()
        let (ring, shell) = try ring([witness])
        for name in ["n1", "n2", "n3", "n4"] { try ring.join(name, through: "n0") }
        #expect(ring.settle(limit: .seconds(60)))
        ring.kill("n2")
        #expect(ring.settle(limit: .seconds(120)))
        try ring.leave("n3")
        #expect(ring.settle(limit: .seconds(60)))

        let changes = witness.changes
        #expect(changes.first?.from == .outside)
        for (former, next) in zip(changes, changes.dropFirst()) { #expect(former.to == next.from) }
        let view = shell.view
        #expect(changes.last?.to.successors == view.successors)
        #expect(changes.last?.to.predecessor == view.predecessor)
        #expect(changes.last?.to.range == view.range)
        // Each change is announced, and nothing comes between the two.
        var announced: PlaceChange?
        for event in witness.events {
            switch event {
            case .willChange(let change):
                #expect(announced == nil)
                announced = change
            case .didChange(let change):
                #expect(announced == change)
                announced = nil
            default: #expect(announced == nil)
            }
        }
    }

    @Test func lostRangeNamesItsNewOwner() throws {
        let witness = Witness()
        let (ring, shell) = try ring([witness])
        let whole = try #require(witness.changes.last)
        #expect(whole.gained.first?.isWholeCircle == true)
        #expect(whole.newOwner == nil)
        try ring.join("n1", through: "n0")
        #expect(ring.settle(limit: .seconds(60)))
        let other = ring.shell("n1").view.node
        let loss = try #require(witness.changes.first { !$0.lost.isEmpty })
        #expect(loss.newOwner == other)
        #expect(loss.lost.allSatisfy { $0.contains(other.id) })

        try ring.executor.wait { await shell.leave() }
        let last = try #require(witness.changes.last)
        #expect(last.to == .outside)
        #expect(last.cause == .left)
        #expect(last.newOwner == other)
    }

    @Test func nodeLeavesOnceAllServicesAreReady() throws {
        let journal = NIOLockedValueBox<[String]>([])
        let witnesses = [
            Witness("a", journal: journal, holding: .seconds(3)), Witness("b", journal: journal),
        ]
        let (ring, shell) = try ring(witnesses)
        journal.withLockedValue { $0 = [] }
        let begun = ring.executor.now
        let leaving = ring.executor.start { await shell.leave() }
        ring.executor.run(for: .seconds(2))
        #expect(shell.view.isMember)
        try leaving.value()
        #expect(ring.executor.now - begun >= .seconds(3))
        try ring.executor.wait { await shell.stopServices() }
        #expect(
            journal.withLockedValue { $0 } == [
                "a will leave", "b will leave", "a is ready", "a will change", "b will change",
                "a did change", "b did change", "b stopped", "a stopped",
            ]
        )
    }

    @Test func slowServiceHoldsLeavingUpToTheDeadlineAndNoLonger() throws {
        let journal = NIOLockedValueBox<[String]>([])
        let (ring, shell) = try ring([Witness("a", journal: journal, holding: nil)])
        let allowance = shell.configuration.handoverTimeout
        let leaving = ring.executor.start { await shell.leave() }
        // A second request joins the first.
        let again = ring.executor.start { await shell.leave() }
        ring.executor.run(for: allowance - .milliseconds(1))
        #expect(shell.view.isMember)
        ring.executor.run(for: .milliseconds(2))
        #expect(!shell.view.isMember)
        try leaving.value()
        try again.value()
        #expect(journal.withLockedValue { $0 }.contains("a is cancelled"))
        #expect(journal.withLockedValue { $0.filter { $0 == "a will leave" }.count } == 1)
    }

    @Test func failingStartStopsTheOnesBeforeIt() throws {
        let journal = NIOLockedValueBox<[String]>([])
        let witnesses = [
            Witness("a", journal: journal), Witness("b", journal: journal),
            Witness("c", journal: journal, isFailing: true), Witness("d", journal: journal),
        ]
        let ring = InProcessRing()
        let shell = ring.add("n0")
        let error = #expect(throws: ChordError.self) {
            try ring.executor.wait { try await shell.start(witnesses) }
        }
        #expect(error?.code == .serviceFailed)
        #expect(error?.cause is Witness.Refusal)
        #expect(
            journal.withLockedValue { $0 } == ["a started", "b started", "b stopped", "a stopped"]
        )
    }

    @Test func nodeThatCannotGoOnDoesNotWaitForItsServices() throws {
        let witness = Witness(holding: nil)
        let (ring, shell) = try ring([witness])
        let leaving = ring.executor.start { await shell.leave() }
        ring.executor.run(for: .seconds(1))
        ring.executor.run {
            shell.assumeIsolated { $0.fail(ChordError(.replaced, "by another")) }
        }
        try leaving.value()
        #expect(witness.changes.last?.to == .outside)
    }

    @Test func servicesWithOneMethodTwiceAreRefused() {
        let objection = NodeShell.objection(to: [Witness(), Witness()])
        #expect(objection?.contains("/test.a/Echo") == true)
        #expect(NodeShell.objection(to: [Witness("a"), Witness("b")]) == nil)
    }
}
