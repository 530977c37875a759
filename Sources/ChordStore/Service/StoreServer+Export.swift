// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordRPC
import ChordRuntime
import ChordWire
import NIOConcurrencyHelpers

extension ExportRequest: RoutedRequest {
    typealias Reply = ExportReply
    static var method: RPCMethod { StoreMethods.export }
    static var needsAdministrator: Bool { true }

    func position(in context: NodeContext) -> Identifier { position }

    func serve(
        at server: isolated StoreServer,
        _ node: StoreNode,
        caller: StoreCaller,
        _ completion: @escaping @Sendable (Result<ExportReply, StoreObstacle>) -> Void
    ) {
        let request = self
        // A majority confirms that this node leads, so the copy has every write that was answered before.
        server.read(at: node, position, isStale: false, { state, _ in state.descriptor.id }) {
            [weak server] result in
            server?.assumeIsolated { server in
                switch result {
                case .failure(let obstacle): completion(.failure(obstacle))
                case .success(let read):
                    server.export(request, of: read.output, as: read.view, node, completion)
                }
            }
        }
    }
}

/// A copy of a range's rows that is being exported. Confined to the executor of its ``StoreServer``.
final class RangeCopy {
    let range: RangeID
    /// The range at the moment of the copy, and the rows; nil while they are being copied.
    var content: (view: RangeView, rows: any RowSnapshot)?
    /// Calls that wait for the copy.
    var waiting: [@Sendable (Result<Void, StoreObstacle>) -> Void] = []
    var lastUse: Duration

    init(of range: RangeID, now: Duration) {
        self.range = range
        lastUse = now
    }
}

/// The copies that a node keeps for exports. Each is a file of the size of its range.
struct RangeCopies {
    /// More let more exports go on at a time, and take more of the disk.
    static let most = 4
    /// How long a copy is kept without a call.
    static let patience: Duration = .seconds(60)

    var byName: [UInt128: RangeCopy] = [:]
}

extension StoreServer {
    fileprivate typealias Exported = @Sendable (Result<ExportReply, StoreObstacle>) -> Void

    /// Answers with a part of a copy, after making it where it is the first.
    fileprivate func export(
        _ request: ExportRequest,
        of range: RangeID,
        as view: RangeView,
        _ node: StoreNode,
        _ completion: @escaping Exported
    ) {
        if copies.byName[request.copy] == nil {
            guard request.offset == 0 else { return completion(.failure(.failed(.copyGone))) }
            guard copies.byName.count < RangeCopies.most else {
                return completion(
                    .failure(.failed(.tooManyCopies(node: name, limit: RangeCopies.most)))
                )
            }
            copy(range, as: request.copy, node)
        }
        guard let copy = copies.byName[request.copy] else {
            return completion(.failure(.failed(.copyGone)))
        }
        copy.lastUse = now
        guard copy.content != nil else {
            copy.waiting.append { [weak self] result in
                self?.assumeIsolated { server in
                    switch result {
                    case .failure(let obstacle): completion(.failure(obstacle))
                    case .success: server.readPart(request, view, completion)
                    }
                }
            }
            return
        }
        readPart(request, view, completion)
    }

    /// Copies the range to a file, by a connection that does not hold up the writer.
    private func copy(_ range: RangeID, as name: UInt128, _ node: StoreNode) {
        copies.byName[name] = RangeCopy(of: range, now: now)
        forgetCopyLater(name, after: RangeCopies.patience)
        let space = space
        let copied = NIOLockedValueBox<RangeView?>(nil)
        node.assumeIsolated { node in
            node.rows.snapshot(
                { records throws(StoreError) in
                    guard
                        let stored = try StoredReplica.loadHeader(range, in: space, from: &records),
                        stored.state.hasData
                    else { throw StoreError(.closed, "range \(range) was removed from this disk") }
                    let view = RangeView(stored.state)
                    copied.withLockedValue { $0 = view }
                    return RowSelection(
                        records: [],
                        slot: stored.state.slot,
                        bounds: stored.state.bounds
                    )
                },
                { [weak self] result in
                    let view = copied.withLockedValue { $0 }
                    self?.assumeIsolated { $0.copied(name, result, view, node) }
                }
            )
        }
    }

    private func copied(
        _ name: UInt128,
        _ result: Result<any RowSnapshot, StoreError>,
        _ view: RangeView?,
        _ node: StoreNode
    ) {
        guard let copy = copies.byName[name] else { return }
        let waiting = copy.waiting
        copy.waiting = []
        switch result {
        case .success(let rows):
            if let view { copy.content = (view, rows) }
            for call in waiting { call(.success(())) }
        case .failure(let error):
            copies.byName[name] = nil
            let range = copy.range
            if error.code == .corrupted { node.assumeIsolated { $0.failed(error, of: range) } }
            let obstacle: StoreObstacle =
                switch error.code {
                case .diskFull: .failed(.diskFull(node: self.name))
                // Another replica may have the rows.
                case .corrupted, .closed: .refused(.notHere)
                default: .refused(.unavailable(error))
                }
            for call in waiting { call(.failure(obstacle)) }
        }
    }

    private func readPart(
        _ request: ExportRequest,
        _ present: RangeView,
        _ completion: @escaping Exported
    ) {
        guard let (view, rows) = copies.byName[request.copy]?.content,
            request.offset < UInt64(rows.byteCount)
        else { return completion(.failure(.failed(.copyGone))) }
        // A split between the confirmation and the copy has moved the position.
        guard view.descriptor.bounds.contains(request.position) else {
            forgetCopy(request.copy)
            return completion(.failure(.refused(.notHere)))
        }
        let most = WireLimits.chunkBytes.upperBound
        rows.read(at: Int(request.offset), atMost: most) { [weak self] result in
            self?.assumeIsolated { server in
                guard case .success(let bytes) = result, !bytes.isEmpty else {
                    server.forgetCopy(request.copy)
                    return completion(.failure(.failed(.copyGone)))
                }
                if request.offset + UInt64(bytes.count) == UInt64(rows.byteCount) {
                    server.forgetCopy(request.copy)
                }
                let content = ExportReply.Content(
                    descriptor: WireRangeDescriptor(view.descriptor),
                    version: view.version.number,
                    timeMilliseconds: view.time.milliseconds,
                    rows: UInt64(rows.rowCount),
                    totalBytes: UInt64(rows.byteCount),
                    bytes: bytes
                )
                let answer = WireRangeAnswer(present, version: present.version)
                completion(.success(ExportReply(.answer(answer, content))))
            }
        }
    }

    private func forgetCopy(_ name: UInt128) {
        copies.byName.removeValue(forKey: name)?.content?.rows.discard()
    }

    private func forgetCopyLater(_ name: UInt128, after wait: Duration) {
        _ = executor.schedule(after: wait) { [weak self] in
            self?.assumeIsolated { server in
                guard let copy = server.copies.byName[name] else { return }
                let silence = server.now - copy.lastUse
                guard silence >= RangeCopies.patience else {
                    return server.forgetCopyLater(name, after: RangeCopies.patience - silence)
                }
                server.forgetCopy(name)
            }
        }
    }
}
