// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The directory of a log, as the few operations that the log needs.
///
/// A write, a new size, and a name are durable only after the sync that belongs to them: `LogFile.sync` for
/// contents and size, `syncDirectory` for names. Until then a crash may keep any part of them.
///
/// Operations block. Their errors have the codes `diskFull`, `readOnly`, `inUse` and `ioFailed`; the message
/// names operation and file.
package protocol LogFiles: AnyObject {
    /// Takes the directory for this opener until `close`.
    ///
    /// - Throws: `inUse` if another has it, in this process or another one.
    func lock() throws(StoreError)
    /// The names of all files, in any order.
    func list() throws(StoreError) -> [String]
    /// Makes an empty file. There must be none of this name.
    func create(_ name: String) throws(StoreError) -> any LogFile
    func open(_ name: String) throws(StoreError) -> any LogFile
    /// Gives a file another name, which replaces a file that had it.
    func rename(_ name: String, to newName: String) throws(StoreError)
    func remove(_ name: String) throws(StoreError)
    /// Makes names durable.
    func syncDirectory() throws(StoreError)
    /// Bytes that files can still grow by.
    func availableBytes() throws(StoreError) -> UInt64
    /// Gives up the lock.
    func close()
}

/// An open file of a log.
package protocol LogFile: AnyObject {
    func size() throws(StoreError) -> Int
    /// Up to `count` bytes from `offset`; fewer only at the end of the file.
    func read(at offset: Int, count: Int) throws(StoreError) -> [UInt8]
    /// Writes all the bytes. After an error any part of them may be written.
    func write(_ bytes: [UInt8], at offset: Int) throws(StoreError)
    /// Makes the file at least this large, with zeros at its end, and reserves the room where the file
    /// system can.
    func allocate(_ size: Int) throws(StoreError)
    func truncate(to size: Int) throws(StoreError)
    /// Makes contents and size durable. After an error nothing is known about any of the writes since the
    /// last sync, and another sync tells nothing about them.
    func sync() throws(StoreError)
    func close()
}
