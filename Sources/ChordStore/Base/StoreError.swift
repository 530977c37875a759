// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ChordBase

/// Why the store cannot do what it was asked.
public typealias StoreError = ModuleError<StoreErrorCode>

/// The kind of a ``StoreError``.
public struct StoreErrorCode: ErrorCode {
    private enum Kind: String {
        case corrupted, unknownVersion, wrongDisk, wrongStore, inUse, diskFull, readOnly, ioFailed
        case closed, invalidSettings, invalidConfiguration, invalidBatch, tooLarge, givenUp
    }

    private let kind: Kind

    /// Stored data fail their checksum or contradict each other.
    public static let corrupted = Self(kind: .corrupted)
    /// Stored data have a format version that this release does not know.
    public static let unknownVersion = Self(kind: .unknownVersion)
    /// The data directory holds another disk identifier than the one expected.
    public static let wrongDisk = Self(kind: .wrongDisk)
    /// The data belong to another store.
    public static let wrongStore = Self(kind: .wrongStore)
    /// Another process uses the data directory.
    public static let inUse = Self(kind: .inUse)
    /// The disk is full.
    public static let diskFull = Self(kind: .diskFull)
    /// The disk or the file system can only be read.
    public static let readOnly = Self(kind: .readOnly)
    /// The operating system failed to read, write or sync.
    public static let ioFailed = Self(kind: .ioFailed)
    /// The engine is closed, by its owner or after an error that it cannot recover from.
    public static let closed = Self(kind: .closed)
    /// A setting is outside its range; the message names it.
    public static let invalidSettings = Self(kind: .invalidSettings)
    /// A set of voters and learners cannot be the configuration of a group.
    public static let invalidConfiguration = Self(kind: .invalidConfiguration)

    /// A batch contradicts what the log holds; the message says how.
    public static let invalidBatch = Self(kind: .invalidBatch)
    /// Something has more bytes than a limit allows; the message names the limit.
    public static let tooLarge = Self(kind: .tooLarge)

    /// The disk was given up by a recovery of its ranges, and must be wiped.
    public static let givenUp = Self(kind: .givenUp)

    /// The name of the code.
    public var description: String { kind.rawValue }
}
