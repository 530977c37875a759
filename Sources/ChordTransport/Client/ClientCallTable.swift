// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The open calls of one connection by their stream. The events of one answer follow each other, so the
/// call found last is the one looked for next in most cases.
struct ClientCallTable {
    private var byStream: [Int32: NetworkCall] = [:]
    private var last: NetworkCall?

    var count: Int { byStream.count }
    var isEmpty: Bool { byStream.isEmpty }
    var all: [NetworkCall] { Array(byStream.values) }

    mutating func insert(_ call: NetworkCall) {
        byStream[call.stream] = call
    }

    mutating func find(_ stream: Int32) -> NetworkCall? {
        if let last, last.stream == stream { return last }
        guard let call = byStream[stream] else { return nil }
        last = call
        return call
    }

    /// - Returns: whether it was there.
    mutating func remove(_ call: NetworkCall) -> Bool {
        if last === call { last = nil }
        return byStream.removeValue(forKey: call.stream) != nil
    }

    mutating func removeAll() -> [NetworkCall] {
        let calls = all
        byStream = [:]
        last = nil
        return calls
    }
}
