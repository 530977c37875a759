// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordWire

/// Checks what a caller asks for before it is sent, so that the error names the caller's own words.
enum StoreBounds {
    static func check(_ key: StoreKey) throws(StoreClientError) {
        guard let partition = key.partition else {
            guard !key.name.isEmpty else {
                throw refuse("the key is empty; only a key in a partition may be")
            }
            return try check(name: key.name)
        }
        try check(partition: partition)
        try check(name: key.name)
    }

    static func check(partition: [UInt8]) throws(StoreClientError) {
        guard !partition.isEmpty else { throw refuse("the partition is empty") }
        guard WireLimits.keyBytes.contains(partition.count) else {
            throw refuse(
                "the partition has \(partition.count) bytes, at most \(WireLimits.keyBytes.upperBound)"
            )
        }
    }

    static func check(
        name: [UInt8],
        _ what: StaticString = "the key"
    ) throws(StoreClientError) {
        guard WireLimits.keyBytes.contains(name.count) else {
            throw refuse(
                "\(what) has \(name.count) bytes, at most \(WireLimits.keyBytes.upperBound)"
            )
        }
    }

    static func check(value: [UInt8]) throws(StoreClientError) {
        guard WireLimits.valueBytes.contains(value.count) else {
            throw refuse(
                "the value has \(value.count) bytes, at most \(WireLimits.valueBytes.upperBound)"
            )
        }
    }

    static func check(timeToLive: Duration?) throws(StoreClientError) {
        // 0 means on the wire that the key does not expire.
        guard let timeToLive, timeToLive <= .zero else { return }
        throw refuse("the time to live is \(timeToLive), and must be more than 0")
    }

    static func check(count: Int, _ what: StaticString) throws(StoreClientError) {
        guard WireLimits.batchKeys.contains(count) else {
            throw refuse(
                "\(count) \(what), from \(WireLimits.batchKeys.lowerBound)"
                    + " to \(WireLimits.batchKeys.upperBound) are possible"
            )
        }
    }

    static func check(pageRows: Int?) throws(StoreClientError) {
        guard let pageRows, !(1...WireLimits.pageRows).contains(pageRows) else { return }
        throw refuse("a page of \(pageRows) rows, from 1 to \(WireLimits.pageRows) are possible")
    }

    static func wire(_ condition: StoreCondition?) throws(StoreClientError) -> WireCondition? {
        switch condition {
        case nil: return nil
        case .absent?: return .absent
        case .version(let version)?:
            guard version > 0, WireLimits.counter.contains(version) else {
                throw refuse("version \(version) is none: versions are 1 or more")
            }
            return .version(version)
        }
    }

    static func wire(
        _ operations: [StoreOperation]
    ) throws(StoreClientError) -> [WireOperation] {
        try check(count: operations.count, "operations")
        var names: Set<[UInt8]> = []
        var bytes = 0
        var result: [WireOperation] = []
        for operation in operations {
            try check(name: operation.name)
            guard names.insert(operation.name).inserted else {
                throw refuse("two operations of the batch have the same key")
            }
            let action: WireOperation.Action
            switch operation.action {
            case .put(let value, let timeToLive):
                try check(value: value)
                try check(timeToLive: timeToLive)
                bytes += value.count
                action = .put(value: value, timeToLive: timeToLive)
            case .delete: action = .delete
            case .touch(let timeToLive):
                try check(timeToLive: timeToLive)
                action = .touch(timeToLive: timeToLive)
            case .check: action = .check
            }
            result.append(
                WireOperation(key: operation.name, action, if: try wire(operation.condition))
            )
        }
        guard bytes <= WireLimits.valuesBytes else {
            throw refuse(
                "the values of the batch have \(bytes) bytes, at most \(WireLimits.valuesBytes)"
            )
        }
        return result
    }

    static func refuse(_ message: String) -> StoreClientError {
        StoreClientError(.invalidArgument, message)
    }
}
