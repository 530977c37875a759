// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A growable list of trivial values that is emptied without freeing its memory.
///
/// An Array checks uniqueness and exclusivity on every append, which is measurable in callbacks that run
/// about twenty times per request.
struct Arena<Element: BitwiseCopyable>: ~Copyable {
    private(set) var base: UnsafeMutablePointer<Element>?
    private(set) var count = 0
    private(set) var capacity = 0

    init() {}

    deinit {
        base?.deallocate()
    }

    subscript(index: Int) -> Element {
        get {
            precondition(index >= 0 && index < count, "index \(index) of \(count)")
            return base.unsafelyUnwrapped[index]
        }
        _modify {
            precondition(index >= 0 && index < count, "index \(index) of \(count)")
            yield &base.unsafelyUnwrapped[index]
        }
    }

    mutating func append(_ element: Element) {
        if count == capacity { grow(to: count + 1) }
        (base.unsafelyUnwrapped + count).initialize(to: element)
        count += 1
    }

    mutating func append(copying source: UnsafePointer<Element>?, count added: Int) {
        guard let source, added > 0 else { return }
        if capacity - count < added { grow(to: count + added) }
        (base.unsafelyUnwrapped + count).initialize(from: source, count: added)
        count += added
    }

    private mutating func grow(to needed: Int) {
        let larger = max(needed, capacity * 2, 256 / max(MemoryLayout<Element>.stride, 1), 4)
        let memory = UnsafeMutablePointer<Element>.allocate(capacity: larger)
        if let base {
            memory.moveInitialize(from: base, count: count)
            base.deallocate()
        }
        base = memory
        capacity = larger
    }

    /// The elements from an index to the end. Valid until the next change.
    func elements(from start: Int) -> UnsafeBufferPointer<Element> {
        precondition(start >= 0 && start <= count, "elements from \(start) of \(count)")
        return UnsafeBufferPointer(start: base.map { $0 + start }, count: count - start)
    }

    /// Removes the elements before `start`.
    mutating func removeFirst(_ start: Int) {
        guard start > 0, let base else { return }
        let kept = count - start
        if kept > 0 { base.update(from: base + start, count: kept) }
        count = kept
    }

    /// Removes all elements; frees memory above `retained` elements, which only a burst needs.
    mutating func removeAll(retaining retained: Int) {
        count = 0
        if capacity > retained {
            base?.deallocate()
            base = nil
            capacity = 0
        }
    }
}
