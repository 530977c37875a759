// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordCore
import ChordRPC
import ChordStore
import ChordWire
import NIOConcurrencyHelpers

/// One range that the nodes of a test share, and that the test makes fail: for tests of clients, without disks and
/// without consensus.
final class ScriptedRange: Sendable {
    /// What a node does with its next call instead of answering.
    enum Trouble: Sendable {
        /// Fails with the status, before or after it has done the operation.
        case fails(Status, afterwards: Bool = false)
        /// Accepts the call, does the operation, and never answers.
        case isSilent
    }

    /// A call as a node received it.
    struct Call: Sendable {
        var node: String
        var method: String
        var route: WireRoute
        var id: WireWriteID?
    }

    struct Row: Sendable {
        var value: [UInt8]
        var version: UInt64
        var timeToLive: Duration?
    }

    struct State {
        var rows: [[UInt8]: [[UInt8]: Row]] = [:]
        var version: UInt64 = 100
        var time: UInt64 = 5_000
        var answers: [WireWriteID: (version: UInt64, content: WriteReply.Content)] = [:]
        var hint: WireRangeHint?
        var troubles: [String: [Trouble]] = [:]
        var calls: [Call] = []
        /// Calls that are never answered.
        var held: [Responder] = []
        var pageRows = 1_000
    }

    let state = NIOLockedValueBox(State())

    /// The node that leads the range, and all that have a replica.
    func place(on nodes: [NodeReference], leader: NodeReference, term: UInt64 = 1) {
        let hint = WireRangeHint(
            WireRangeDescriptor(
                range: 7,
                epoch: WireRangeEpoch(configuration: 1, bounds: 1),
                bounds: IdentifierRange(after: Identifier(1), through: Identifier(1)),
                replicas: nodes.enumerated().map { index, node in
                    WireReplica(
                        number: UInt64(index + 1),
                        node: node.name,
                        address: node.address,
                        disk: UInt128(index + 1)
                    )
                },
                nextReplica: UInt64(nodes.count + 1),
                wantedVoters: 3
            ),
            leader: nodes.firstIndex { $0.name == leader.name }.map { UInt64($0 + 1) },
            term: term
        )
        state.withLockedValue { $0.hint = hint }
    }

    /// The next calls of a node meet these troubles, one each.
    func trouble(_ node: String, _ troubles: Trouble...) {
        state.withLockedValue { $0.troubles[node, default: []] += troubles }
    }

    /// The calls since the last time, as `node method`, with `>` for those that wanted a redirect.
    func takeCalls() -> [Call] {
        state.withLockedValue { state in
            defer { state.calls = [] }
            return state.calls
        }
    }
}

extension ScriptedRange.Call {
    /// `n1 Put`, with `>` for a call that wants a redirect.
    var text: String { "\(node) \(method)\(route.wantsRedirect ? " >" : "")" }
}

/// A node's part of the scripted store.
struct ScriptedStore: NodeService {
    let node: String
    let range: ScriptedRange

    var methods: [ServiceMethod] {
        [
            routed(StoreMethods.get, \GetRequest.route, { _ in nil }, { GetReply($0) }) {
                $0.get($1)
            },
            routed(StoreMethods.list, \ListRequest.route, { _ in nil }, { ListReply($0) }) {
                $0.list($1)
            },
            routed(StoreMethods.count, \CountRequest.route, { _ in nil }, { CountReply($0) }) {
                $0.count($1)
            },
            write(StoreMethods.put, of: PutRequest.self),
            write(StoreMethods.delete, of: DeleteRequest.self),
            write(StoreMethods.touch, of: TouchRequest.self),
            routed(StoreMethods.batch, \BatchRequest.route, \.id, { WriteReply($0) }) {
                $0.write($1.id, $1.partition, $1.operations, $1.wantsPrevious)
            },
            ServiceMethod(StoreMethods.status) { [self] request, call in
                guard let request = try? StoreStatusRequest(decoding: request, space: .standard)
                else { return .failed(Status(.invalidArgument, "no request")) }
                status(request).encode(appendingTo: &call.reply, space: .standard)
                return .replied
            },
            ServiceMethod(StoreMethods.scan) { [self] request, call in
                let rows = range.state.withLockedValue { $0.scan() }
                rows.encode(appendingTo: &call.reply, space: .standard)
                return .replied
            },
        ]
    }

    private func write<Request: SingleWriteRequest>(
        _ method: RPCMethod,
        of: Request.Type
    ) -> ServiceMethod {
        routed(method, { (request: Request) in request.route }, { $0.id }, { WriteReply($0) }) {
            state,
            request in
            let operation = request.operation
            let partition = request.partition.isEmpty ? operation.key : request.partition
            return state.write(request.id, partition, [operation], request.wantsPrevious)
        }
    }

    private func routed<Request: WireMessage, Content: Hashable & Sendable, Reply: WireMessage>(
        _ method: RPCMethod,
        _ route: @escaping @Sendable (Request) -> WireRoute,
        _ id: @escaping @Sendable (Request) -> WireWriteID?,
        _ reply: @escaping @Sendable (WireOutcome<Content>) -> Reply,
        _ body:
            @escaping @Sendable (
                inout ScriptedRange.State, Request
            ) -> Result<(WireRangeAnswer, Content), Status>
    ) -> ServiceMethod {
        ServiceMethod(method) { [self] bytes, call in
            guard let request = try? Request(decoding: bytes, space: .standard) else {
                return .failed(Status(.invalidArgument, "no request"))
            }
            let outcome = range.state.withLockedValue { state -> Result<Reply, Status>? in
                state.calls.append(
                    .init(node: node, method: method.name, route: route(request), id: id(request))
                )
                var trouble: ScriptedRange.Trouble?
                if state.troubles[node]?.isEmpty == false {
                    trouble = state.troubles[node]?.removeFirst()
                }
                if case .fails(let status, afterwards: false)? = trouble { return .failure(status) }
                if let hint = state.hint, route(request).wantsRedirect, trouble == nil,
                    hint.descriptor.replicas.first(where: { $0.number == hint.leader })?.node
                        != node
                {
                    return .success(reply(.redirect(hint)))
                }
                let answer = body(&state, request).map { answer, content in
                    var answer = answer
                    if route(request).wantsRedirect, route(request).range == nil {
                        answer.place = state.hint
                    }
                    return reply(.answer(answer, content))
                }
                switch trouble {
                case .fails(let status, afterwards: _)?: return .failure(status)
                case .isSilent?: return nil
                case nil: return answer
                }
            }
            switch outcome {
            case .success(let message)?:
                message.encode(appendingTo: &call.reply, space: .standard)
                return .replied
            case .failure(let status)?: return .failed(status)
            case nil:
                let responder = call.makeResponder()
                responder.accept()
                range.state.withLockedValue { $0.held.append(responder) }
                return .deferred
            }
        }
    }

    private func status(_ request: StoreStatusRequest) -> StoreStatusReply {
        range.state.withLockedValue { state in
            let hint = state.hint
            let isFirstPage = request.token.isEmpty
            let range = hint.map { hint in
                WireRangeStatus(
                    descriptor: hint.descriptor,
                    replica: hint.descriptor.replicas.first { $0.node == node }?.number ?? 9,
                    leader: hint.leader,
                    term: hint.term,
                    commit: state.version,
                    applied: state.version,
                    rows: 3,
                    bytes: 300,
                    lag: WireReplicaLag(entries: 0, silence: .milliseconds(5)),
                    isQuiet: false,
                    issues: isFirstPage ? [WireRangeIssue(.fewMembers, "2 of 3")] : []
                )
            }
            return StoreStatusReply(
                store: 1,
                disk: 2,
                node: node,
                state: .serving,
                starts: 4,
                totals: .init(replicas: 2, leaders: 1, rangesWithIssues: 1, rows: 6, bytes: 600),
                ranges: range.map { [$0] } ?? [],
                token: isFirstPage ? [1] : []
            )
        }
    }
}

// MARK: - The range

extension ScriptedRange.State {
    private var answer: WireRangeAnswer {
        WireRangeAnswer(
            range: 7,
            epoch: WireRangeEpoch(configuration: 1, bounds: 1),
            version: version,
            timeMilliseconds: time
        )
    }

    private func value(_ row: ScriptedRange.Row) -> WireValue {
        WireValue(row.value, version: row.version, timeToLive: row.timeToLive)
    }

    func get(
        _ request: GetRequest
    ) -> Result<(WireRangeAnswer, GetReply.Content), Status> {
        let values = request.keys.map { key in
            rows[request.partition.isEmpty ? key : request.partition]?[key].map(value)
        }
        let lag = WireReplicaLag(entries: 2, silence: .milliseconds(30))
        return .success(
            (answer, .init(values: values, lag: request.level == .stale ? lag : nil))
        )
    }

    private func names(_ partition: [UInt8], _ prefix: [UInt8]) -> [[UInt8]] {
        (rows[partition] ?? [:]).keys.filter { $0.starts(with: prefix) }
            .sorted { $0.lexicographicallyPrecedes($1) }
    }

    func list(
        _ request: ListRequest
    ) -> Result<(WireRangeAnswer, ListReply.Content), Status> {
        let first = Int(request.token.first ?? 0)
        if first > 0, request.token.last != UInt8(truncatingIfNeeded: version) {
            return .failure(Status(.aborted, "the partition has changed"))
        }
        let all = names(request.partition, request.prefix)
        let last = min(all.count, first + (request.limit ?? pageRows))
        let page = all[first..<last].compactMap { name in
            rows[request.partition]?[name].map { row in
                var shown = value(row)
                if request.keysOnly { shown.bytes = [] }
                return WireRow(key: name, value: shown)
            }
        }
        let token = last < all.count ? [UInt8(last), UInt8(truncatingIfNeeded: version)] : []
        return .success((answer, .init(rows: page, token: token)))
    }

    func count(
        _ request: CountRequest
    ) -> Result<(WireRangeAnswer, CountReply.Content), Status> {
        let all = names(request.partition, request.prefix).count
        let first = Int(request.token.first ?? 0)
        let last = min(all, first + pageRows)
        return .success(
            (
                answer,
                .init(rows: UInt64(last - first), token: last < all ? [UInt8(last)] : [])
            )
        )
    }

    func scan() -> ScanReply {
        let all = rows.flatMap { partition, names in
            names.map { WireRow(partition: partition, key: $0.key, value: value($0.value)) }
        }
        return ScanReply(answer: answer, rows: all)
    }

    mutating func write(
        _ id: WireWriteID?,
        _ partition: [UInt8],
        _ operations: [WireOperation],
        _ wantsPrevious: Bool
    ) -> Result<(WireRangeAnswer, WriteReply.Content), Status> {
        if let id, let known = answers[id] {
            var content = known.content
            content.isReplayed = true
            var answer = answer
            answer.version = known.version
            return .success((answer, content))
        }
        version += 1
        time += 10
        var results: [WireOperationResult] = []
        for operation in operations {
            let row = rows[partition]?[operation.key]
            var holds = true
            switch operation.condition {
            case .absent?: holds = row == nil
            case .version(let wanted)?: holds = row?.version == wanted
            case nil:
                if case .touch = operation.action { holds = row != nil }
            }
            results.append(
                WireOperationResult(
                    conditionHeld: holds,
                    previousVersion: row?.version,
                    previousValue: wantsPrevious ? row?.value : nil
                )
            )
        }
        let applied = results.allSatisfy(\.conditionHeld)
        if applied { apply(operations, partition) }
        let content = WriteReply.Content(applied: applied, results: results)
        if let id { answers[id] = (version, content) }
        return .success((answer, content))
    }

    private mutating func apply(_ operations: [WireOperation], _ partition: [UInt8]) {
        for operation in operations {
            switch operation.action {
            case .put(let value, let timeToLive):
                rows[partition, default: [:]][operation.key] = ScriptedRange.Row(
                    value: value,
                    version: version,
                    timeToLive: timeToLive
                )
            case .delete: rows[partition]?[operation.key] = nil
            case .touch(let timeToLive):
                rows[partition]?[operation.key]?.timeToLive = timeToLive
            case .check: break
            }
        }
    }
}
