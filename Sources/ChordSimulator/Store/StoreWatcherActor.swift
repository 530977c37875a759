// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordStore
import ChordWire

/// Somebody in the simulation who watches keys: reads one step after the other, now and then slowly, goes away and comes
/// back, and goes on at other nodes after its last version.
///
/// `@unchecked Sendable`: it is used only on the thread that drives the run.
final class StoreWatcherActor: @unchecked Sendable {
    /// Time without a word after which a stream counts as broken.
    private static let silence: Int64 = 4_000_000_000

    private unowned let world: StoreWorld
    let name: String
    private var generator: SeededGenerator
    private var isStopped = true
    private var key = 0
    private var reader: WatchReader
    private var leader: String?
    /// Counts streams: what belongs to earlier ones is void.
    private var stream = 0
    private var heardAt: Int64 = 0
    /// What was told, in order.
    private(set) var records: [WatchRecord] = []

    init(number: Int, world: StoreWorld, seed: UInt64) {
        self.world = world
        name = "watcher\(number)"
        generator = SeededGenerator(seed: seed)
        reader = Self.reader()
    }

    private static func reader() -> WatchReader { WatchReader(after: nil) { StoreKey($0) } }

    func start() {
        guard isStopped else { return }
        isStopped = false
        begin()
    }

    func stop() {
        isStopped = true
        stream += 1
    }

    /// The version up to which everything of the watched key was told; nil while the state is being told.
    var version: UInt64? { reader.version }

    /// Begins with the state of a random key.
    private func begin() {
        key = Int(generator.below(StoreClientActor.keys))
        reader = Self.reader()
        records.append(WatchRecord(key: key, watcher: name, hasGap: false))
        leader = nil
        open(after: 0)
    }

    // MARK: - Streams

    /// Opens a stream after a pause.
    private func open(after pause: Int64) {
        stream += 1
        let current = stream
        world.scheduler.schedule(at: world.now + pause, for: nil) { [self] in
            guard current == stream, !isStopped else { return }
            open()
        }
    }

    private func open() {
        let names = world.names
        let target = leader ?? names[Int(generator.below(UInt64(names.count)))]
        let subject = WatchTarget(
            position: StoreWorld.position(ofKey: key),
            partition: StoreWorld.name(ofKey: key),
            prefix: generator.below(2) == 0 ? [] : StoreWorld.name(ofKey: key),
            isSingleKey: false,
            after: reader.version.map { LogIndex($0) }
        )
        let current = stream
        heardAt = world.now
        watchSilence(of: current)
        sendOnce(from: name, to: target) { [world] in
            guard let receiver = world.nodes[target], let node = receiver.node,
                let executor = receiver.executor
            else { return }
            executor.execute {
                node.assumeIsolated { node in
                    let opened = node.watch(subject)
                    self.sendOnce(from: target, to: self.name) { [self] in
                        guard current == stream else { return }
                        self.opened(opened, at: target)
                    }
                }
            }
        }
    }

    private func opened(_ opened: Result<RangeWatch, StoreRefusal>, at target: String) {
        switch opened {
        case .success(let watch): ask(watch, at: target)
        case .failure(let refusal): moved(refusal)
        }
    }

    private func moved(_ refusal: StoreRefusal) {
        leader = nil
        if case .elsewhere(let hint) = refusal {
            leader = hint.leader.flatMap { hint.descriptor.replica($0)?.node }
        }
        open(after: Int64(1_000_000 + generator.below(100_000_000)))
    }

    /// Sends a message of a stream. The network may deliver messages twice, and a stream does not.
    private func sendOnce(
        from sender: String,
        to receiver: String,
        _ deliver: @escaping @Sendable () -> Void
    ) {
        let delivery = Once()
        world.network.send(from: sender, to: receiver) {
            if delivery.claim() { deliver() }
        }
    }

    /// A stream that says nothing is opened anew, elsewhere.
    private func watchSilence(of current: Int) {
        world.scheduler.schedule(at: world.now + Self.silence, for: nil) { [self] in
            guard current == stream, !isStopped else { return }
            guard world.now >= heardAt + Self.silence else { return watchSilence(of: current) }
            leader = nil
            open(after: 0)
        }
    }

    /// Asks for the next step.
    private func ask(_ watch: RangeWatch, at target: String) {
        let current = stream
        sendOnce(from: name, to: target) { [world] in
            guard let receiver = world.nodes[target], let node = receiver.node,
                let executor = receiver.executor
            else { return }
            executor.execute {
                node.assumeIsolated { node in
                    node.next(of: watch) { result in
                        self.sendOnce(from: target, to: self.name) { [self] in
                            guard current == stream else { return }
                            take(result, watch, at: target)
                        }
                    }
                }
            }
        }
    }

    // MARK: - Steps

    private func take(
        _ result: Result<WatchStep, StoreRefusal>,
        _ watch: RangeWatch,
        at target: String
    ) {
        heardAt = world.now
        switch result {
        case .failure(let refusal): moved(refusal)
        case .success(let step):
            do {
                for event in try reader.take(StoreWatchReply.Content(step)) { note(event) }
            } catch {
                world.ring.problems.append("\(name): \(error)")
            }
            leader = target
            goOn(watch, at: target)
        }
    }

    private func goOn(_ watch: RangeWatch, at target: String) {
        switch generator.below(100) {
        case 0: begin()
        // Away for a while: the next stream goes on after the last version.
        case 1..<6: open(after: Int64(generator.below(10_000_000_000)))
        case 6..<10: pause(Int64(generator.below(15_000_000_000)), watch, at: target)
        default: pause(Int64(generator.below(20_000_000)), watch, at: target)
        }
    }

    private func pause(_ time: Int64, _ watch: RangeWatch, at target: String) {
        let current = stream
        heardAt = world.now + time
        world.scheduler.schedule(at: world.now + time, for: nil) { [self] in
            guard current == stream, !isStopped else { return }
            ask(watch, at: target)
        }
    }

    private func note(_ event: StoreWatchEvent) {
        let last = records.count - 1
        switch event {
        case .stateBegins(let afterGap):
            if records[last].start != nil, !afterGap {
                world.ring.problems.append("\(name): the state begins again, and no gap is said")
            }
            if records[last].start != nil || afterGap {
                records.append(WatchRecord(key: key, watcher: name, hasGap: afterGap))
            } else {
                // A state that was told in part is void.
                records[last] = WatchRecord(key: key, watcher: name, hasGap: records[last].hasGap)
            }
        case .row(let row): records[last].row(row.value)
        case .stateIsComplete(let version): records[last].complete(at: version)
        case .changed(let change): records[last].add(change)
        case .progress(let version): records[last].through = version
        case .interrupted: break
        }
    }
}

/// Tells the first caller of `claim` from all later ones.
///
/// `@unchecked Sendable`: it is used only on the thread that drives the run.
final class Once: @unchecked Sendable {
    private var isClaimed = false
    /// How often the network delivers the question.
    var questions = 0

    func claim() -> Bool {
        defer { isClaimed = true }
        return !isClaimed
    }
}
