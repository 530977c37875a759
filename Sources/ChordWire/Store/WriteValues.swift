// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
internal import CProtobufC

/// A condition on the present state of a key.
package enum WireCondition: Hashable, Sendable {
    case absent
    /// The key is present with this version, 1 or more.
    case version(UInt64)
}

/// An operation on one key. Put, Delete and Touch have one, a batch has several.
package struct WireOperation: Hashable, Sendable {
    package enum Action: Hashable, Sendable {
        /// A time to live of nil means that the key does not expire. It is carried in whole milliseconds.
        case put(value: [UInt8], timeToLive: Duration?)
        case delete
        case touch(timeToLive: Duration?)
        /// Only checks the condition, which must be there.
        case check
    }

    package var key: [UInt8]
    package var action: Action
    /// Nil for an operation that is always done. Touch has none.
    package var condition: WireCondition?

    package init(key: [UInt8], _ action: Action, if condition: WireCondition? = nil) {
        self.key = key
        self.action = action
        self.condition = condition
    }
}

/// How an operation ended.
package struct WireOperationResult: Hashable, Sendable {
    /// Whether the operation's own condition held.
    package var conditionHeld: Bool
    /// The version of the key before the write; nil if the key was absent.
    package var previousVersion: UInt64?
    /// The value before the write, if the caller wanted it and the key was present.
    package var previousValue: [UInt8]?

    package init(
        conditionHeld: Bool,
        previousVersion: UInt64?,
        previousValue: [UInt8]? = nil
    ) {
        self.conditionHeld = conditionHeld
        self.previousVersion = previousVersion
        self.previousValue = previousValue
    }
}

// MARK: - Decoding

extension WireCondition {
    init(_ packed: Chord__V1__WriteCondition) throws(WireError) {
        switch packed.condition_case {
        case CHORD__V1__WRITE_CONDITION__CONDITION_ABSENT:
            guard packed.absent != 0 else {
                throw FieldPath.field("absent").error(.malformed, "false, only true has a meaning")
            }
            self = .absent
        case CHORD__V1__WRITE_CONDITION__CONDITION_VERSION:
            self = .version(try packed.version.counted(.field("version")))
        default:
            // Without the condition the write would be done always.
            throw FieldPath.field("condition").error(.malformed, "of an unknown kind")
        }
    }

    static func ifPresent(
        _ packed: UnsafeMutablePointer<Chord__V1__WriteCondition>?
    ) throws(WireError) -> WireCondition? {
        try packed.ifPresent(.field("condition"), WireCondition.init)
    }
}

extension WireOperation {
    init(_ packed: Chord__V1__BatchOperation) throws(WireError) {
        let key = try packed.key.key(.field("key"))
        let value = try packed.value.bytes(WireLimits.valueBytes, .field("value"))
        let timeToLive = try packed.ttl_ms.millisecondsIfSet(.field("ttl_ms"))
        let condition = try WireCondition.ifPresent(packed.condition)
        let action: Action
        switch packed.kind {
        case CHORD__V1__OPERATION_KIND__OPERATION_KIND_PUT:
            action = .put(value: value, timeToLive: timeToLive)
        case CHORD__V1__OPERATION_KIND__OPERATION_KIND_DELETE: action = .delete
        case CHORD__V1__OPERATION_KIND__OPERATION_KIND_TOUCH:
            action = .touch(timeToLive: timeToLive)
        case CHORD__V1__OPERATION_KIND__OPERATION_KIND_CHECK: action = .check
        case CHORD__V1__OPERATION_KIND__OPERATION_KIND_UNSPECIFIED:
            throw FieldPath.field("kind").error(.missing, "absent")
        default:
            throw FieldPath.field("kind").error(
                .malformed,
                "\(packed.kind.rawValue) is an unknown kind of operation"
            )
        }
        self.init(key: key, action, if: condition)
        try checkFields(hasValue: !value.isEmpty, hasTimeToLive: timeToLive != nil)
    }

    /// Refuses fields that the kind of operation has not: its sender expects something else of them.
    private func checkFields(hasValue: Bool, hasTimeToLive: Bool) throws(WireError) {
        func refuse(_ field: StaticString, _ name: StaticString) -> WireError {
            FieldPath.field(field).error(.contradictory, "\(name) has none")
        }
        switch action {
        case .put: break
        case .delete, .check:
            let name: StaticString = action == .check ? "CHECK" : "DELETE"
            if hasValue { throw refuse("value", name) }
            if hasTimeToLive { throw refuse("ttl_ms", name) }
            if action == .check, condition == nil {
                throw FieldPath.field("condition").error(.missing, "absent, and CHECK needs one")
            }
        case .touch:
            if hasValue { throw refuse("value", "TOUCH") }
            if condition != nil { throw refuse("condition", "TOUCH") }
        }
    }
}

extension WireOperationResult {
    init(_ packed: Chord__V1__OperationResult) throws(WireError) {
        conditionHeld = packed.condition_held != 0
        previousVersion = try packed.previous_version.ifSet(.field("previous_version"))
        switch packed.previous_case {
        case CHORD__V1__OPERATION_RESULT__PREVIOUS_PREVIOUS_VALUE:
            let path = FieldPath.field("previous_value")
            guard previousVersion != nil else {
                throw path.error(.contradictory, "the value of an absent key")
            }
            previousValue = try packed.previous_value.bytes(WireLimits.valueBytes, path)
        default: previousValue = nil
        }
    }
}

// MARK: - Encoding

extension EncodingArena {
    mutating func condition(
        _ condition: WireCondition
    ) -> UnsafeMutablePointer<Chord__V1__WriteCondition> {
        let message = message(chord__v1__write_condition__init)
        switch condition {
        case .absent:
            message.pointee.condition_case = CHORD__V1__WRITE_CONDITION__CONDITION_ABSENT
            message.pointee.absent = 1
        case .version(let version):
            message.pointee.condition_case = CHORD__V1__WRITE_CONDITION__CONDITION_VERSION
            message.pointee.version = version
        }
        return message
    }

    mutating func operation(
        _ operation: WireOperation
    ) -> UnsafeMutablePointer<Chord__V1__BatchOperation> {
        let message = message(chord__v1__batch_operation__init)
        message.pointee.key = bytes(operation.key)
        message.pointee.condition = operation.condition.map { condition($0) }
        switch operation.action {
        case .put(let value, let timeToLive):
            message.pointee.kind = CHORD__V1__OPERATION_KIND__OPERATION_KIND_PUT
            message.pointee.value = bytes(value)
            message.pointee.ttl_ms = timeToLive?.wireMilliseconds ?? 0
        case .delete: message.pointee.kind = CHORD__V1__OPERATION_KIND__OPERATION_KIND_DELETE
        case .touch(let timeToLive):
            message.pointee.kind = CHORD__V1__OPERATION_KIND__OPERATION_KIND_TOUCH
            message.pointee.ttl_ms = timeToLive?.wireMilliseconds ?? 0
        case .check: message.pointee.kind = CHORD__V1__OPERATION_KIND__OPERATION_KIND_CHECK
        }
        return message
    }

    mutating func result(
        _ result: WireOperationResult
    ) -> UnsafeMutablePointer<Chord__V1__OperationResult> {
        let message = message(chord__v1__operation_result__init)
        message.pointee.condition_held = result.conditionHeld ? 1 : 0
        message.pointee.previous_version = result.previousVersion ?? 0
        if let value = result.previousValue {
            message.pointee.previous_case = CHORD__V1__OPERATION_RESULT__PREVIOUS_PREVIOUS_VALUE
            message.pointee.previous_value = bytes(value)
        }
        return message
    }
}
