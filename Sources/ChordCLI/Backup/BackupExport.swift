// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordCommandLine

/// Writes an export into a sink.
struct BackupExport {
    let store: StoreClient
    let sink: any BackupSink
    let width: Int
    var encoder: BackupEncoder
    /// What the sink has already.
    var place: StoreExportPlace?
    /// Whether it is worth while to go on after a failure.
    private(set) var hasWholeRange = false

    init(
        store: StoreClient,
        sink: any BackupSink,
        width: Int,
        encoder: BackupEncoder,
        place: StoreExportPlace? = nil
    ) {
        self.store = store
        self.sink = sink
        self.width = width
        self.encoder = encoder
        self.place = place
        hasWholeRange = place != nil
    }

    /// Writes all ranges that the sink lacks, and the end.
    ///
    /// - Parameter progress: gets the totals after each block.
    /// - Throws: `FileError`, `StoreClientError`.
    mutating func run(
        timeout: Duration,
        _ progress: (BackupTotals) -> Void
    ) async throws -> BackupTotals {
        var atRange = encoder
        var time = Duration.zero
        var isInside = false
        for try await block in store.export(after: place, timeout: timeout) {
            if block.isFirst {
                if isInside {
                    // The copy of the range was lost.
                    try sink.takeBack()
                    encoder = atRange
                } else {
                    try sink.mark()
                    atRange = encoder
                }
                time = .sinceEpoch
            }
            isInside = !block.isLast
            hasWholeRange = hasWholeRange || block.isLast
            try sink.append(encoder.block(block, time: time))
            progress(encoder.totals)
        }
        try sink.append(encoder.end())
        try sink.finish()
        return encoder.totals
    }
}

extension StoreExportPlace {
    /// A place from the bounds in a file; nil if they do not fit the ring.
    init?(_ whole: BackupReading.Whole, in space: IdentifierSpace) {
        guard let beginning = try? space.identifier(hexadecimal: whole.beginning),
            let reached = try? space.identifier(hexadecimal: whole.reached)
        else { return nil }
        self.init(beginning: beginning, reached: reached)
    }
}
