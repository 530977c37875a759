// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A fuzz target: takes arbitrary bytes and checks the result.
///
/// A program for each is made by `make fuzz`; the tests feed each its corpus.
package protocol FuzzTarget {
    /// The folder of its inputs in `Corpus` and `Crashes`.
    static var name: String { get }
    /// Initial inputs: real encodings. They are used once written to the corpus.
    static var seeds: [[UInt8]] { get }
    /// Tries one input. No input may trap or throw.
    ///
    /// - Throws: ``FuzzFinding``.
    static func run(_ input: UnsafeRawBufferPointer) throws
}

/// Something that must never be, and was.
package struct FuzzFinding: Error, CustomStringConvertible {
    /// The failure.
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}

/// Checks a condition that must always hold.
package func require(_ condition: Bool, _ finding: @autoclosure () -> String) throws {
    if !condition { throw FuzzFinding(finding()) }
}

extension FuzzTarget {
    /// Called by libFuzzer.
    package static func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
        do {
            try run(UnsafeRawBufferPointer(start: start, count: count))
        } catch {
            // Only a trap makes libFuzzer keep the input.
            fatalError("\(name): \(error)")
        }
        return 0
    }
}

#if FUZZING
/// A program's arguments as C has them.
package typealias FuzzArguments = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?

/// Called by libFuzzer for each input.
package typealias FuzzInputHandler = @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt

/// Part of libFuzzer, which has no header that Swift could import.
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<FuzzArguments>,
    _ handler: FuzzInputHandler
) -> CInt

extension FuzzTarget {
    /// The program: libFuzzer with its options, or with `seeds` each seed as a line of hexadecimal
    /// digits.
    ///
    /// The package manager names the entry point of a program after its module, so that libFuzzer's
    /// own is not found.
    package static func start(
        _ count: CInt,
        _ arguments: FuzzArguments,
        _ handler: FuzzInputHandler
    ) -> CInt {
        if count == 2, let word = arguments?[1], String(cString: word) == "seeds" {
            for seed in seeds {
                print(seed.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())
            }
            return 0
        }
        var count = count
        var arguments = arguments
        return runDriver(&count, &arguments, handler)
    }
}
#endif
