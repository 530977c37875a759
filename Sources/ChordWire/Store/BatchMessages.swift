// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
internal import ChordCore

/// "Do all of these operations, or none."
package struct BatchRequest: StoreMessage, Hashable {
    package var route: WireRoute
    /// Identifies the write for repeated requests; nil for a caller that has no such identity.
    package var id: WireWriteID?
    package var partition: [UInt8]
    /// Each on another key.
    package var operations: [WireOperation]
    package var wantsPrevious: Bool

    package init(
        route: WireRoute = WireRoute(),
        id: WireWriteID? = nil,
        partition: [UInt8],
        operations: [WireOperation],
        wantsPrevious: Bool = false
    ) {
        self.route = route
        self.id = id
        self.partition = partition
        self.operations = operations
        self.wantsPrevious = wantsPrevious
    }

    static let codec = StoreMessageCodec(
        "BatchRequest",
        .store(StoreMessageBytes.batch),
        chord__v1__batch_request__init,
        chord__v1__batch_request__unpack
    )

    init(_ packed: Chord__V1__BatchRequest, _ space: IdentifierSpace) throws(WireError) {
        route = try WireRoute(packed.route)
        id = try packed.id.ifPresent(.field("id"), WireWriteID.init)
        partition = try packed.partition.partition()
        operations = try packed.operations.list(
            count: packed.n_operations,
            of: WireLimits.batchKeys,
            "operations",
            .field("operations"),
            WireOperation.init
        )
        wantsPrevious = packed.want_previous != 0
        try checkOperations()
    }

    private func checkOperations() throws(WireError) {
        var places: [[UInt8]: Int] = [:]
        var valueBytes = 0
        let path = FieldPath.field("operations")
        for (index, operation) in operations.enumerated() {
            if let earlier = places.updateValue(index, forKey: operation.key) {
                throw path.element(index).appending("key").error(
                    .contradictory,
                    "the key of operation \(earlier) too"
                )
            }
            if case .put(let value, _) = operation.action { valueBytes += value.count }
        }
        guard valueBytes <= WireLimits.valuesBytes else {
            throw path.error(
                .tooLarge,
                "values of \(valueBytes) bytes, at most \(WireLimits.valuesBytes)"
            )
        }
    }

    func fill(
        _ packed: inout Chord__V1__BatchRequest,
        _ arena: inout EncodingArena,
        _ space: IdentifierSpace
    ) {
        packed.route = arena.route(route)
        packed.id = id.map { arena.writeID($0) }
        packed.partition = arena.bytes(partition)
        (packed.n_operations, packed.operations) = arena.messages(operations) { $0.operation($1) }
        packed.want_previous = wantsPrevious ? 1 : 0
    }
}

/// The answer to Put, Delete, Touch and Batch.
package struct WriteReply: StoreMessage, Hashable {
    package struct Content: Hashable, Sendable {
        /// Whether all conditions held, so that the write was done.
        package var applied: Bool
        /// One for each operation. Empty if the write was answered before and the details are forgotten.
        package var results: [WireOperationResult]
        /// Whether the write had been answered before.
        package var isReplayed: Bool

        package init(
            applied: Bool,
            results: [WireOperationResult],
            isReplayed: Bool = false
        ) {
            self.applied = applied
            self.results = results
            self.isReplayed = isReplayed
        }
    }

    package var outcome: WireOutcome<Content>

    package init(_ outcome: WireOutcome<Content>) {
        self.outcome = outcome
    }

    static let codec = StoreMessageCodec(
        "WriteReply",
        .page,
        chord__v1__write_reply__init,
        chord__v1__write_reply__unpack
    )

    init(_ packed: Chord__V1__WriteReply, _ space: IdentifierSpace) throws(WireError) {
        outcome = try WireOutcome(redirect: packed.redirect, answer: packed.answer, space) {
            () throws(WireError) in
            let content = Content(
                applied: packed.applied != 0,
                results: try packed.results.list(
                    count: packed.n_results,
                    of: 0...WireLimits.batchKeys.upperBound,
                    "results",
                    .field("results"),
                    WireOperationResult.init
                ),
                isReplayed: packed.replayed != 0
            )
            try content.check()
            return content
        }
    }

    func fill(
        _ packed: inout Chord__V1__WriteReply,
        _ arena: inout EncodingArena,
        _ space: IdentifierSpace
    ) {
        switch outcome {
        case .redirect(let hint): packed.redirect = arena.hint(hint, space)
        case .answer(let answer, let content):
            packed.answer = arena.answer(answer, space)
            packed.applied = content.applied ? 1 : 0
            (packed.n_results, packed.results) = arena.messages(content.results) { $0.result($1) }
            packed.replayed = content.isReplayed ? 1 : 0
        }
    }
}

extension WriteReply.Content {
    fileprivate func check() throws(WireError) {
        guard !results.isEmpty || isReplayed else {
            throw FieldPath.field("results").error(.missing, "empty")
        }
        if applied, let failed = results.firstIndex(where: { !$0.conditionHeld }) {
            throw FieldPath.field("results").element(failed).error(
                .contradictory,
                "a condition that did not hold in a write that was applied"
            )
        }
    }
}
