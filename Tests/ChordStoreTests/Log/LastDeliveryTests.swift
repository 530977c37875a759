// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordStore
import ChordTestSupport
import NIOConcurrencyHelpers
import Testing

/// The completion of a close is the last that a thread of the store delivers: a node ends its event loop then.
@Suite(.tags(.unit), .timeLimit(.minutes(1)))
struct LastDeliveryTests {
    /// Calls `end` when nobody holds it any more.
    private final class Released: Sendable {
        private let end: @Sendable () -> Void

        init(_ end: @escaping @Sendable () -> Void) { self.end = end }

        deinit { end() }
    }

    /// What an engine delivers, at once and on the engine's thread, and how much of it after the end.
    private struct Deliveries: Sendable {
        private let state = NIOLockedValueBox((hasEnded: false, late: 0))

        var late: Int { state.withLockedValue { $0.late } }

        func end() {
            state.withLockedValue { $0.hasEnded = true }
        }

        /// A closure to deliver with. The last copy of it goes with the thread of the engine.
        func deliver(
            untilReleased end: @escaping @Sendable () -> Void
        ) -> @Sendable (@escaping @Sendable () -> Void) -> Void {
            let released = Released(end)
            return { [state] work in
                withExtendedLifetime(released) {
                    state.withLockedValue { if $0.hasEnded { $0.late += 1 } }
                    work()
                }
            }
        }
    }

    @Test("A log that is let go in the completion of its close delivers nothing more")
    func log() async {
        let deliveries = Deliveries()
        let tested = LogUnderTest(.systemFiles)
        let held = NIOLockedValueBox<(any RaftLogStore)?>(nil)
        let _: Bool = await handedOver { handOver in
            let log = tested.make(deliver: deliveries.deliver { handOver(true) })
            held.withLockedValue { $0 = log }
            log.open { _ in
                held.withLockedValue { $0 }?.close {
                    deliveries.end()
                    _ = held.withLockedValue { $0.take() }
                }
            }
        }
        #expect(deliveries.late == 0)
    }

    @Test("Rows that are let go in the completion of their close deliver nothing more")
    func rows() async throws {
        let deliveries = Deliveries()
        let folder = try TemporaryFolder()
        let held = NIOLockedValueBox<SQLiteRows?>(nil)
        let _: Bool = await handedOver { handOver in
            let rows = SQLiteRows(
                directory: folder.path + "/rows",
                store: RowEngineDriver.store,
                disk: RowEngineDriver.disk,
                isNew: true,
                host: RowEngineHost(
                    deliver: deliveries.deliver { handOver(true) },
                    schedule: { _, _ in },
                    now: { .zero },
                    report: { _ in }
                )
            )
            held.withLockedValue { $0 = rows }
            rows.open { _ in
                held.withLockedValue { $0 }?.close { _ in
                    deliveries.end()
                    _ = held.withLockedValue { $0.take() }
                }
            }
        }
        #expect(deliveries.late == 0)
    }
}
