// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Chord
import ChordCommandLine

/// `chord bench`.
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure how many calls a ring answers, and how fast.",
        discussion: """
            lookup asks for the owners of random keys. put stores values under the keys bench/0, bench/1 and so on, \
            which expire an hour later; get reads them, and stores them first.

            Without --rate each caller makes its next call when the last one was answered. With --rate calls begin \
            at a steady rate, and each time counts from when the call was to begin: the wait behind a slow answer \
            is part of it. Put this command and the nodes on different machines to measure the nodes alone.

            The exit code is 1 if no call was answered. Ctrl-C ends the measurement and shows what was measured.
            """
    )

    @Argument(help: "What to call: lookup, put or get.")
    var kind: BenchSettings.Kind

    @Option(help: ArgumentHelp("Connections, 1 to 256.", valueName: "n"))
    var connections = 1

    @Option(help: ArgumentHelp("Callers on each connection, 1 to 4096.", valueName: "n"))
    var callers = 16

    @Option(
        help: ArgumentHelp(
            "Calls that begin in a second, on all connections together. Default: as many as are answered.",
            valueName: "calls"
        )
    )
    var rate: Double?

    @Option(help: ArgumentHelp("How long to measure, \(Interval.help).", valueName: "time"))
    var duration = Interval(seconds: 10)

    @Option(help: ArgumentHelp("How long to call before, which does not count.", valueName: "time"))
    var warmUp = Interval(seconds: 2)

    @Option(
        help: ArgumentHelp("The time after which a put or get has failed.", valueName: "time")
    )
    var timeout = Interval(seconds: 5)

    @Option(help: ArgumentHelp("Keys of put and get, 1 to 1000000.", valueName: "n"))
    var keys = 1_000

    @Option(help: ArgumentHelp("Bytes of each value of put and get, 0 to 1048576.", valueName: "n"))
    var size = 100

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup(title: "The ring")
    var ring: RingOptions

    func validate() throws {
        func check(_ value: Int, _ range: ClosedRange<Int>, _ name: String) throws {
            guard range.contains(value) else {
                throw ValidationError(
                    "\(name) is \(value), but must be from \(range.lowerBound) to \(range.upperBound)."
                )
            }
        }
        try check(connections, 1...256, "--connections")
        try check(callers, 1...4_096, "--callers")
        try check(keys, 1...1_000_000, "--keys")
        try check(size, 0...1_048_576, "--size")
        if let rate, !(0.001...1_000_000).contains(rate) {
            throw ValidationError("--rate must be from 0.001 to 1000000.")
        }
        guard duration.duration > .zero, timeout.duration > .zero else {
            throw ValidationError("--duration and --timeout must be more than 0.")
        }
    }

    private var settings: BenchSettings {
        BenchSettings(
            kind: kind,
            connections: connections,
            callers: callers,
            rate: rate,
            duration: duration.duration,
            warmUp: warmUp.duration,
            timeout: timeout.duration,
            keys: keys,
            size: size
        )
    }

    func run() async throws {
        try await reportingFailures {
            let settings = settings
            let load = BenchLoad(settings, Self.call(of: settings))
            try await withClients(settings.connections) { clients in
                // A ring that cannot be reached is told of at once, and not as many failed calls.
                _ = try await clients[0].parameters()
                if settings.kind == .get { try await Self.store(settings, with: clients) }
                try await EndingSignals.untilEnded {
                    await Self.showingProgress(of: load) { await load.run(with: clients) }
                }
            }
            let report = BenchReport(settings: settings, tally: load.tally)
            let lines = json ? [report.json.lines] : report.lines(width: StandardStreams.columns)
            for line in lines { StandardStreams.output(line) }
            if load.tally.times.count == 0 {
                throw CommandFailure(
                    .failed,
                    "no call was answered in \(settings.duration.inWords)",
                    hint: "chord ring --check tells what is wrong with the ring"
                )
            }
        }
    }

    private func withClients(
        _ count: Int,
        _ clients: [ChordClient] = [],
        _ body: ([ChordClient]) async throws -> Void
    ) async throws {
        guard clients.count < count else { return try await body(clients) }
        try await ring.withClient { client in
            try await withClients(count, clients + [client], body)
        }
    }

    // MARK: Calls

    private static let lifetime = Duration.seconds(3_600)

    private static func key(_ number: Int) -> StoreKey { StoreKey("bench/\(number)") }

    private static func call(of settings: BenchSettings) -> BenchLoad.Call {
        let value = [UInt8](repeating: UInt8(ascii: "v"), count: settings.size)
        switch settings.kind {
        case .lookup:
            return { client, number in
                // Numbers that were used by an earlier run are other keys.
                _ = try await client.lookup(key: "bench/\(UInt64.random(in: 0...(.max)))/\(number)")
            }
        case .put:
            return { client, number in
                _ = try await client.store.put(
                    key(number % settings.keys),
                    value,
                    timeToLive: lifetime,
                    timeout: settings.timeout
                )
            }
        case .get:
            return { client, number in
                _ = try await client.store.get(
                    key(number % settings.keys),
                    timeout: settings.timeout
                )
            }
        }
    }

    /// Stores the keys that `get` reads.
    private static func store(_ settings: BenchSettings, with clients: [ChordClient]) async throws {
        var puts = settings
        puts.kind = .put
        let put = call(of: puts)
        var progress = Progress()
        for first in stride(from: 0, to: settings.keys, by: 256) {
            progress.tell("storing the keys: \(first) of \(settings.keys)")
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in first..<min(first + 256, settings.keys) {
                    group.addTask { try await put(clients[number % clients.count], number) }
                }
                try await group.waitForAll()
            }
        }
        progress.end()
    }

    // MARK: Progress

    private static func showingProgress(
        of load: BenchLoad,
        _ body: @escaping @Sendable () async -> Void
    ) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                var progress = Progress()
                while (try? await Task.sleep(for: .seconds(1))) != nil {
                    let tally = load.tally
                    progress.tell(
                        "\(tally.times.count) calls answered, \(tally.failed) failed, p50"
                            + " \(tally.times.quantile(0.5).milliseconds.formatted(digits: 2)) ms"
                    )
                }
                progress.end()
            }
            group.addTask { await body() }
            // The progress never ends by itself.
            await group.next()
            group.cancelAll()
        }
    }
}
