// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCommandLine

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Events of the processes of a cluster, in order.
enum ClusterEvent: Sendable {
    /// A node is a member, and listens at this address.
    case ready(name: String, address: String)
    /// A process has ended.
    case ended(name: String, ChildProcess.Ending)
    /// The ring is ideal, or did not become ideal.
    case settled(Result<Int, CommandFailure>)
    /// The user wants the cluster to end.
    case signal
    /// Processes that were asked to end have used up their time.
    case graceIsOver
}

/// One node of a cluster: a process that runs this program.
///
/// It is confined to the task that runs the cluster; the process reports through events.
final class ClusterNode {
    let name: String
    /// The path of the log.
    let log: String
    private(set) var address: String?
    /// The process while it runs. It ends when this command ends, in any way.
    private var process: ChildProcess?

    var isRunning: Bool { process != nil }

    init(name: String, stateDirectory: String) {
        self.name = name
        log = "\(stateDirectory)/\(name).log"
    }

    /// Starts the process.
    ///
    /// - Throws: a `CommandFailure` if the log or the process cannot be created.
    func start(
        arguments: [String],
        reportingTo events: AsyncStream<ClusterEvent>.Continuation
    ) throws(CommandFailure) {
        let logFile = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard logFile >= 0 else {
            throw CommandFailure(
                .configuration,
                "cannot write the log: \(FileError(last: log))",
                hint: "use another folder with --state-dir"
            )
        }
        defer { close(logFile) }
        do throws(FileError) {
            process = try ChildProcess(
                ChildProcess.ownProgram,
                arguments,
                log: logFile,
                onLine: { [name] line in
                    if let address = Self.address(inReadyLine: line) {
                        events.yield(.ready(name: name, address: address))
                    }
                },
                onEnd: { [name] ending in events.yield(.ended(name: name, ending)) }
            )
        } catch {
            throw CommandFailure(.failed, "cannot start a node: \(error)")
        }
    }

    func isReady(at address: String) { self.address = address }
    func hasEnded() { process = nil }

    func terminate() { process?.terminate() }
    func kill() { process?.kill() }

    /// The last lines of the log.
    func logTail(_ count: Int) -> [String] {
        let text = (try? Files.text(of: log)) ?? ""
        return text.split(separator: "\n").suffix(count).map { "  \($0)".printable }
    }

    /// The address in the line that `serve` prints when it is ready.
    static func address(inReadyLine line: String) -> String? {
        guard line.hasPrefix("ready: "), let at = line.firstRange(of: ") at ") else { return nil }
        return line[at.upperBound...].split(separator: " ").first.map(String.init)
    }
}
