// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import Chord
import ChordCommandLine
import Logging
import UnixSignals

/// A ring of processes on this machine: starts, watches and ends them.
struct Cluster {
    let names: [String]
    let ring: String
    let certificatesDirectory: String
    let basePort: Int
    let stateDirectory: String
    /// Whether events are printed as JSON, one object per line.
    let asJSON: Bool
    /// How long the ring may take to form.
    let patience: Duration
    /// How long processes may take to end.
    let grace: Duration

    private let events: AsyncStream<ClusterEvent>
    private let sender: AsyncStream<ClusterEvent>.Continuation

    init(
        names: [String],
        ring: String,
        certificatesDirectory: String,
        basePort: Int,
        stateDirectory: String,
        asJSON: Bool = false,
        patience: Duration = .seconds(60),
        grace: Duration = .seconds(10)
    ) {
        self.names = names
        self.ring = ring
        self.certificatesDirectory = certificatesDirectory
        self.basePort = basePort
        self.stateDirectory = stateDirectory
        self.asJSON = asJSON
        self.patience = patience
        self.grace = grace
        (events, sender) = AsyncStream.makeStream()
    }

    /// Runs the cluster until the user ends it.
    ///
    /// - Throws: a `CommandFailure` if a node cannot start or the ring does not form; all processes
    ///   have then ended.
    func run() async throws {
        let nodes = names.map { ClusterNode(name: $0, stateDirectory: stateDirectory) }
        // Each cluster is a new ring, so the state of an earlier one must not be used.
        for node in nodes { Files.remove("\(data(of: node))/state.json") }
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { [sender] in
                var requests = EndingRequests()
                for await _ in signals {
                    if case .repetition = requests.meaning(at: .now) { continue }
                    sender.yield(.signal)
                }
            }
            var iterator = events.makeAsyncIterator()
            var failure: (any Error)?
            do {
                try await start(nodes, &iterator, &tasks)
            } catch {
                failure = error
            }
            if nodes.contains(where: \.isRunning) {
                let count = nodes.count(where: \.isRunning)
                tell("ending", [("nodes", .integer(count))], "ending \(count.counted("node"))")
            }
            await end(nodes, &iterator, &tasks)
            tasks.cancelAll()
            if let failure { throw failure }
        }
    }

    private func data(of node: ClusterNode) -> String { "\(stateDirectory)/\(node.name).data" }

    // MARK: Starting

    private func start(
        _ nodes: [ClusterNode],
        _ iterator: inout AsyncStream<ClusterEvent>.Iterator,
        _ tasks: inout ThrowingTaskGroup<Void, any Error>
    ) async throws {
        let began = ContinuousClock.now
        for (index, node) in nodes.enumerated() {
            var arguments = [
                "serve", "--name", node.name, "--ring", ring, "--listen",
                "127.0.0.1:\(basePort == 0 ? 0 : basePort + index)", "--certs-dir",
                certificatesDirectory, "--end-with-input", "--data-dir",
                data(of: node),
            ]
            // The first node begins the ring; the others need its address.
            if index > 0, let first = nodes[0].address { arguments += ["--join", first] }
            try node.start(arguments: arguments, reportingTo: sender)
            if index == 0 {
                guard try await awaitReady(nodes, count: 1, &iterator) else { return }
            }
        }
        guard try await awaitReady(nodes, count: nodes.count, &iterator) else { return }
        let addresses = nodes.compactMap(\.address)
        tasks.addTask { [self] in sender.yield(.settled(await settle(addresses))) }
        while let event = await iterator.next() {
            switch event {
            case .settled(.success(let count)):
                let time = ContinuousClock.now - began
                tell(
                    "ideal",
                    [
                        ("nodes", .integer(count)), ("ring", .object([("name", .string(ring))])),
                        ("after_ms", .number(time.milliseconds, digits: 0)),
                        ("certs_dir", .string(certificatesDirectory)), ("as", .string(asker)),
                        ("logs", .string(stateDirectory)),
                    ],
                    "one ideal ring of \(count) after \(time.inWords)"
                )
                if !asJSON { showNext(addresses) }
            case .settled(.failure(let failure)): throw failure
            case .ended(let name, let ending):
                guard let node = nodes.first(where: { $0.name == name }) else { continue }
                node.hasEnded()
                let left = nodes.count(where: \.isRunning)
                guard left > 0 else {
                    throw CommandFailure(.failed, "the last node, \(name), has ended: \(ending)")
                }
                tell(
                    "ended",
                    [
                        ("node", .object([("name", .string(name))])),
                        ("ending", .string("\(ending)")), ("nodes", .integer(left)),
                    ],
                    "\(name) has ended (\(ending)); \(left) go\(left == 1 ? "es" : "") on without it"
                )
            case .signal: return
            case .ready, .graceIsOver: break
            }
        }
    }

    /// Waits until this number of nodes are members.
    ///
    /// - Returns: false if the user ends the cluster.
    private func awaitReady(
        _ nodes: [ClusterNode],
        count: Int,
        _ iterator: inout AsyncStream<ClusterEvent>.Iterator
    ) async throws -> Bool {
        while nodes.count(where: { $0.address != nil }) < count, let event = await iterator.next() {
            switch event {
            case .ready(let name, let address):
                nodes.first { $0.name == name }?.isReady(at: address)
                tell(
                    "started",
                    [
                        (
                            "node",
                            .object([("name", .string(name)), ("address", .string(address))])
                        )
                    ],
                    "started  \(name.padding(toLength: 6)) \(address)"
                )
            case .ended(let name, let ending):
                guard let node = nodes.first(where: { $0.name == name }) else { continue }
                node.hasEnded()
                for line in ["--- the end of \(node.log)"] + node.logTail(5) {
                    StandardStreams.error(line)
                }
                throw CommandFailure(
                    .failed,
                    "\(name) ended while it started (\(ending))",
                    hint: "its log above shows the reason"
                )
            case .signal: return false
            case .settled, .graceIsOver: break
            }
        }
        return true
    }

    /// Asks the ring, with the first node's certificate, until it is ideal.
    private func settle(_ addresses: [String]) async -> Result<Int, CommandFailure> {
        do {
            var configuration = ChordClientConfiguration(
                nodes: addresses,
                certificates: Certificates(directory: certificatesDirectory, name: names[0])
            )
            configuration.logger = Logger(label: "chord.client") { _ in SwiftLogNoOpLogHandler() }
            let client = try ChordClient(configuration)
            let waiting = RingWait(client: client, members: addresses.count)
            let walk: Result<RingWalk, any Error>
            do {
                walk = .success(try await waiting.run(for: Interval(patience)))
            } catch {
                walk = .failure(error)
            }
            await client.close()
            return .success(try walk.get().members.count)
        } catch {
            return .failure(CommandFailure(explaining: error, in: .cluster))
        }
    }

    /// Prints an event: a line of text, or a JSON object.
    private func tell(_ event: String, _ members: [(String, JSON)], _ text: String) {
        let object: [(String, JSON)] =
            [("time", .string(Duration.sinceEpoch.stamp)), ("event", .string(event))] + members
        StandardStreams.output(asJSON ? JSON.object(object).line : text)
    }

    /// The certificate that the printed example commands use.
    private var asker: String {
        Files.exists("\(certificatesDirectory)/client-demo.pem") ? "client-demo" : names[0]
    }

    private func showNext(_ addresses: [String]) {
        let flags =
            "--node \(addresses[0]) --certs-dir \(certificatesDirectory.shellWord) --as \(asker)"
        StandardStreams.output(
            """

            Try, in another terminal:
            chord ring \(flags)
            chord lookup 'any key' --trace \(flags)
            Logs are in \(stateDirectory)/. Ctrl-C ends the ring.
            """
        )
    }

    // MARK: Ending

    private func end(
        _ nodes: [ClusterNode],
        _ iterator: inout AsyncStream<ClusterEvent>.Iterator,
        _ tasks: inout ThrowingTaskGroup<Void, any Error>
    ) async {
        for node in nodes { node.terminate() }
        tasks.addTask { [sender, grace] in
            try await ContinuousClock().sleep(for: grace)
            sender.yield(.graceIsOver)
        }
        while nodes.contains(where: \.isRunning), let event = await iterator.next() {
            switch event {
            case .ended(let name, _): nodes.first { $0.name == name }?.hasEnded()
            case .signal, .graceIsOver:
                let stragglers = nodes.filter(\.isRunning)
                StandardStreams.error(
                    "killing nodes that did not end: \(stragglers.map(\.name).joined(separator: ", "))"
                )
                for node in stragglers { node.kill() }
            case .ready, .settled: break
            }
        }
    }
}

extension String {
    /// The text quoted as one shell word.
    fileprivate var shellWord: String {
        let plain = allSatisfy {
            $0.isASCII && ($0.isLetter || $0.isNumber || "/._-+:@%".contains($0))
        }
        return plain && !isEmpty ? self : "'" + replacing("'", with: "'\\''") + "'"
    }
}
