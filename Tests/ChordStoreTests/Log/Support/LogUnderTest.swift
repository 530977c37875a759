// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordStore
import ChordTestSupport
import Foundation

/// The implementations that must behave alike.
enum LogKind: String, CaseIterable, Sendable {
    case memory, systemFiles, lyingFiles
}

/// A log of some kind, with what it keeps from one opening to the next.
final class LogUnderTest: Sendable {
    /// A disk that the thread of one log at a time uses: the test touches it only before and after.
    struct ConfinedDisk: @unchecked Sendable {
        let disk: LyingDisk
    }

    let kind: LogKind
    let folder: String
    let disk = ConfinedDisk(disk: LyingDisk(seed: 1))
    private let memory: MemoryLog

    init(_ kind: LogKind) {
        self.kind = kind
        folder = FileManager.default.temporaryDirectory.path + "/log-\(UUID().uuidString)"
        // Delivered at once: order is that of the calls.
        memory = MemoryLog { $0() }
    }

    deinit {
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// The log as a node's start makes it.
    ///
    /// - Parameter deliver: runs what a segmented log delivers.
    func make(
        _ settings: SegmentedLogSettings = .small,
        isNew: Bool = true,
        deliver: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void = { $0() }
    ) -> any RaftLogStore {
        let (kind, folder, disk) = (kind, folder, disk)
        if kind == .memory { return memory }
        return SegmentedLog(
            settings: settings,
            identity: .test,
            isNew: isNew,
            now: { .zero },
            deliver: deliver,
            files: { () throws(StoreError) -> any LogFiles in
                if kind == .systemFiles { return try SystemLogFiles(directory: folder) }
                return disk.disk.start()
            }
        )
    }
}

extension RaftLogStore {
    func opened() async -> Result<RecoveredLog, StoreError> {
        await handedOver { open($0) }
    }

    /// Why the batch is not durable; nil where it is.
    func outcome(of batch: LogBatch) async -> StoreError? {
        let result: Result<Void, StoreError> = await handedOver { submit(batch, $0) }
        if case .failure(let error) = result { return error }
        return nil
    }

    func closed() async {
        let _: Bool = await handedOver { handOver in close { handOver(true) } }
    }
}
