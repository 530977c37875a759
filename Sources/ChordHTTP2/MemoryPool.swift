// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CNGHTTP2

/// Memory for one nghttp2 session: small blocks are kept for reuse instead of freed.
///
/// nghttp2 makes and drops about seven small blocks per call, always of the same few sizes. One
/// thread and one session use the pool, so taking a block is two loads and a store.
struct MemoryPool: ~Copyable {
    private static let grain = 64
    private static let classes = 16
    /// Keeps the blocks aligned as `malloc` would.
    private static let headBytes = 16
    /// The most that a pool keeps: enough for a burst of a few hundred streams.
    private static let mostKeptBytes = 128 << 10

    /// What stands before each block: the number of grains, or of bytes for a large block.
    private struct Head: BitwiseCopyable {
        var size: Int
        var isPooled: Bool
    }

    private let free: UnsafeMutablePointer<UnsafeMutableRawPointer?>
    private var keptBytes = 0

    init() {
        free = .allocate(capacity: Self.classes + 1)
        free.initialize(repeating: nil, count: Self.classes + 1)
    }

    deinit {
        for index in 0...Self.classes {
            while let block = free[index] {
                free[index] = block.load(as: UnsafeMutableRawPointer?.self)
                (block - Self.headBytes).deallocate()
            }
        }
        free.deallocate()
    }

    mutating func take(_ size: Int) -> UnsafeMutableRawPointer {
        let grains = (size + Self.grain - 1) / Self.grain
        guard grains <= Self.classes else {
            return Self.make(size, Head(size: size, isPooled: false))
        }
        if let block = free[grains] {
            free[grains] = block.load(as: UnsafeMutableRawPointer?.self)
            keptBytes -= grains * Self.grain
            return block
        }
        return Self.make(max(grains, 1) * Self.grain, Head(size: grains, isPooled: true))
    }

    private static func make(_ size: Int, _ head: Head) -> UnsafeMutableRawPointer {
        let start = UnsafeMutableRawPointer.allocate(
            byteCount: size + headBytes,
            alignment: headBytes
        )
        start.storeBytes(of: head, as: Head.self)
        return start + headBytes
    }

    mutating func giveBack(_ block: UnsafeMutableRawPointer) {
        let start = block - Self.headBytes
        let head = start.load(as: Head.self)
        let bytes = head.size * Self.grain
        guard head.isPooled, keptBytes + bytes <= Self.mostKeptBytes else {
            start.deallocate()
            return
        }
        block.storeBytes(of: free[head.size], as: UnsafeMutableRawPointer?.self)
        free[head.size] = block
        keptBytes += bytes
    }

    static func capacity(of block: UnsafeMutableRawPointer) -> Int {
        let head = (block - headBytes).load(as: Head.self)
        return head.isPooled ? head.size * grain : head.size
    }

    /// Frees what is kept.
    mutating func releaseMemory() {
        for index in 0...Self.classes {
            while let block = free[index] {
                free[index] = block.load(as: UnsafeMutableRawPointer?.self)
                (block - Self.headBytes).deallocate()
            }
        }
        keptBytes = 0
    }
}

extension MemoryPool {
    typealias Pointer = UnsafeMutablePointer<MemoryPool>

    /// The pool as nghttp2 calls it. It must outlive the session.
    static func allocator(_ pool: Pointer) -> nghttp2_mem {
        nghttp2_mem(
            mem_user_data: pool,
            malloc: { size, pool in MemoryPool.at(pool).pointee.take(size) },
            free: { block, pool in
                if let block { MemoryPool.at(pool).pointee.giveBack(block) }
            },
            calloc: { count, size, pool in
                let (bytes, overflow) = count.multipliedReportingOverflow(by: size)
                guard !overflow else { return nil }
                let block = MemoryPool.at(pool).pointee.take(bytes)
                block.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
                return block
            },
            realloc: { block, size, pool in
                guard let block else { return MemoryPool.at(pool).pointee.take(size) }
                let capacity = MemoryPool.capacity(of: block)
                guard size > capacity else { return block }
                let larger = MemoryPool.at(pool).pointee.take(size)
                larger.copyMemory(from: block, byteCount: capacity)
                MemoryPool.at(pool).pointee.giveBack(block)
                return larger
            }
        )
    }

    private static func at(_ pool: UnsafeMutableRawPointer?) -> Pointer {
        pool.unsafelyUnwrapped.assumingMemoryBound(to: MemoryPool.self)
    }
}
