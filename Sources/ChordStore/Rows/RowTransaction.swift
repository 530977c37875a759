package struct Slot: Hashable, Sendable { package var number: UInt64; package init(_ n: UInt64) { number = n } }
package struct RowKey: Hashable, Sendable {
    package var slot: Slot, position: [UInt8], partition: [UInt8], key: [UInt8]
    package init(slot: Slot, position: [UInt8], partition: [UInt8], key: [UInt8]) { self.slot = slot; self.position = position; self.partition = partition; self.key = key }
}
package struct Row: Hashable, Sendable {
    package var value: [UInt8], version: LogIndex, expiry: RangeTime?
    package init(value: [UInt8], version: LogIndex, expiry: RangeTime?) { self.value = value; self.version = version; self.expiry = expiry }
}
package protocol RowTransaction {
    mutating func get(_ key: RowKey) throws(StoreError) -> Row?
    mutating func put(_ row: Row, at key: RowKey) throws(StoreError)
    mutating func delete(_ key: RowKey) throws(StoreError)
    mutating func expired(in slot: Slot, at time: RangeTime, atMost limit: Int) throws(StoreError) -> [RowKey]
}
