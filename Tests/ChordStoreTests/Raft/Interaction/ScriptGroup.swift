// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

@testable import ChordStore

/// A group that a script drives: messages are delivered in order, each replica has a clock of its own, and
/// disks write at once unless the script says otherwise.
struct ScriptGroup {
    struct Node {
        var machine: RaftMachine?
        var disk: ClusterDisk
        var state: AppliedState
        var clock = Duration.zero
        var writes: [RaftPersistence] = []
        var isDiskSlow = false
        var incoming: AppliedState?
        /// A copy of the disk that was put aside.
        var copy: ClusterDisk?
    }

    struct Item {
        var message: RaftMessage
        var data: AppliedState?
    }

    struct Link: Hashable {
        var from: UInt64
        var to: UInt64
    }

    var settings = RaftSettings.local
    var nodes: [UInt64: Node] = [:]
    var queue: [Item] = []
    /// Links that lose every message.
    var cut: Set<Link> = []
    /// Messages that come later, after `release`.
    var shelf: [Item] = []
    var trace: [String] = []
    var isTracing = true
    /// Whether messages of heartbeats are shown.
    var showsHeartbeats = false

    init() {
        settings.quietAfter = nil
    }

    var numbers: [UInt64] { nodes.keys.sorted() }

    mutating func note(_ line: String) {
        if isTracing { trace.append(line) }
    }

    // MARK: Replicas

    mutating func add(_ number: UInt64, _ snapshot: RaftSnapshot) throws {
        let state = AppliedState(snapshot: snapshot)
        var disk = ClusterDisk(base: snapshot.position, state: state)
        disk.hardState = HardState(term: snapshot.term, commit: snapshot.index)
        nodes[number] = Node(disk: disk, state: state)
        try start(number)
    }

    mutating func start(_ number: UInt64) throws {
        guard let node = nodes[number] else { return }
        nodes[number]?.state = node.disk.state
        nodes[number]?.writes = []
        nodes[number]?.machine = try RaftMachine(
            number: ReplicaNumber(number),
            restored: RaftMachine.Restored(
                hardState: node.disk.hardState,
                base: node.disk.base,
                entries: node.disk.entries,
                applied: node.disk.state.snapshot
            ),
            settings: settings,
            seed: number,
            now: node.clock
        )
        try perform(number) { _ in }
    }

    /// What is not written is lost; messages under way to it too.
    mutating func crash(_ number: UInt64) {
        nodes[number]?.machine = nil
        queue.removeAll { $0.message.to.number == number }
    }

    // MARK: Inputs and directives

    mutating func perform(
        _ number: UInt64,
        data: AppliedState? = nil,
        _ input: (inout RaftMachine) throws -> Void
    ) throws {
        guard var machine = nodes[number]?.machine, let clock = nodes[number]?.clock else { return }
        machine.advance(to: clock)
        do {
            try input(&machine)
        } catch let refusal as RaftRefusal {
            note("  \(number) refuses: \(refusal)")
        }
        let directives = machine.takeDirectives()
        nodes[number]?.machine = machine
        for directive in directives { try carryOut(directive, number, data) }
        // What is fed back comes after everything that was directed.
        if nodes[number]?.isDiskSlow == false { try write(number) }
        if let state = nodes[number]?.state.index, let applied = nodes[number]?.machine?.applied,
            applied < state, nodes[number]?.machine?.halt == nil
        {
            try perform(number) { $0.applied(through: state) }
        }
    }

    private mutating func carryOut(
        _ directive: RaftDirective,
        _ number: UInt64,
        _ data: AppliedState?
    ) throws {
        if let text = Self.text(of: directive) { note("  \(number) \(text)") }
        switch directive {
        case .persist(let persistence):
            nodes[number]?.writes.append(persistence)
        case .send(let message):
            let link = Link(from: message.from.number, to: message.to.number)
            guard !cut.contains(link) else { return }
            var item = Item(message: message)
            if case .snapshot = message.body { item.data = nodes[number]?.state }
            queue.append(item)
        case .apply(let entries):
            for entry in entries { try nodes[number]?.state.apply(entry) }
            if let state = nodes[number]?.state { nodes[number]?.disk.state = state }
        case .needsSnapshot(let replica):
            guard let index = nodes[number]?.state.index else { return }
            try perform(number) { try $0.sendSnapshot(to: replica, at: index) }
        case .installSnapshot: nodes[number]?.incoming = data
        case .readsReady, .readsFailed, .statusChanged, .configurationChanged, .transferAborted,
            .quietChanged, .halted:
            break
        }
    }

    /// The writes of a replica are done.
    mutating func write(_ number: UInt64) throws {
        while let write = nodes[number]?.writes.first {
            nodes[number]?.writes.removeFirst()
            nodes[number]?.disk.write(write)
            try perform(number) { $0.persisted(write.token) }
        }
    }

    mutating func install(_ number: UInt64) throws {
        guard let data = nodes[number]?.incoming else { return }
        nodes[number]?.incoming = nil
        nodes[number]?.state = data
        nodes[number]?.disk.state = data
        try perform(number) { $0.snapshotInstalled(data.snapshot) }
    }

    /// Makes a snapshot of the applied state take the place of the log.
    mutating func compact(_ number: UInt64) throws {
        guard let index = nodes[number]?.state.index else { return }
        nodes[number]?.disk.compact(through: index)
        try perform(number) { $0.compact(through: index) }
    }

    // MARK: Messages

    mutating func deliver(at place: Int) throws {
        let item = queue.remove(at: place)
        let message = item.message
        let isHeartbeat = Self.isHeartbeat(message)
        if showsHeartbeats || !isHeartbeat { note(Self.text(of: message)) }
        try perform(message.to.number, data: item.data) { machine in
            try machine.step(message, from: message.from)
        }
    }

    mutating func drain() throws {
        for _ in 0..<10_000 {
            if queue.isEmpty { return }
            try deliver(at: 0)
        }
        throw RaftScriptRunner.Failure(description: "no end of messages")
    }

    func index(from: UInt64, to: UInt64) -> Int? {
        queue.firstIndex { $0.message.from.number == from && $0.message.to.number == to }
    }
}
