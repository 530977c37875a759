// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A first-in, first-out queue with constant cost per element.
struct Queue<Element> {
    private var elements: [Element?] = []
    private var head = 0

    var count: Int { elements.count - head }
    var isEmpty: Bool { head == elements.count }
    var first: Element? { isEmpty ? nil : elements[head] }

    /// The element at an index; zero is the first element.
    subscript(place: Int) -> Element? { elements[head + place] }

    mutating func append(_ element: Element) {
        elements.append(element)
    }

    mutating func append(contentsOf more: [Element]) {
        for element in more { elements.append(element) }
    }

    @discardableResult
    mutating func popFirst() -> Element? {
        guard head < elements.count else { return nil }
        let element = elements[head].take()
        head += 1
        // The elements are moved when at least half of the array is used up.
        if head >= 32, head * 2 >= elements.count {
            elements.removeFirst(head)
            head = 0
        }
        return element
    }

    mutating func removeAll() {
        elements = []
        head = 0
    }
}

extension Queue: Sendable where Element: Sendable {}
