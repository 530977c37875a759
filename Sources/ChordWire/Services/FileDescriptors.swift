// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos

/// A .proto file as a serialised `google.protobuf.FileDescriptorProto`, with its declarations.
struct FileDescriptor: Sendable {
    let name: String
    let bytes: [UInt8]
    private(set) var imports: [String] = []
    /// Full names of services, methods, messages, fields, enumerations and their values.
    private(set) var symbols: Set<String> = []

    /// The files in Protos/.
    static let all: [FileDescriptor] = {
        var files: [FileDescriptor] = []
        while let file = chord_file_descriptor(files.count)?.pointee {
            let bytes = UnsafeBufferPointer(start: file.bytes, count: file.count)
            files.append(FileDescriptor(bytes: Array(bytes)))
        }
        return files
    }()

    /// Finds the names in a descriptor. Numbers of fields are those of descriptor.proto.
    init(bytes: [UInt8]) {
        self.bytes = bytes
        let fields = ProtobufFields(bytes[...])
        name = fields.name
        let package = fields.texts(2).first.map { $0 + "." } ?? ""
        imports = fields.texts(3)
        for message in fields.messages(4) { add(message: message, in: package) }
        for enumeration in fields.messages(5) { add(enumeration: enumeration, in: package) }
        for service in fields.messages(6) {
            let full = package + service.name
            symbols.insert(full)
            for method in service.messages(2) { symbols.insert("\(full).\(method.name)") }
        }
    }

    private mutating func add(message: ProtobufFields, in scope: String) {
        let full = scope + message.name
        symbols.insert(full)
        // Fields, and the groups of which one is set.
        for field in message.messages(2) + message.messages(8) {
            symbols.insert("\(full).\(field.name)")
        }
        for nested in message.messages(3) { add(message: nested, in: full + ".") }
        for enumeration in message.messages(4) { add(enumeration: enumeration, in: full + ".") }
    }

    private mutating func add(enumeration: ProtobufFields, in scope: String) {
        symbols.insert(scope + enumeration.name)
        // A value's scope is that of its enumeration.
        for value in enumeration.messages(2) { symbols.insert(scope + value.name) }
    }

    /// The file and all that it imports, as far as they are among `all`, each once.
    func withImports(from all: [FileDescriptor]) -> [FileDescriptor] {
        var files = [self]
        var index = 0
        while index < files.count {
            for name in files[index].imports where !files.contains(where: { $0.name == name }) {
                files += all.filter { $0.name == name }
            }
            index += 1
        }
        return files
    }
}

/// The length-delimited fields of a protobuf message that is our own: descriptors have no C code.
private struct ProtobufFields {
    private var fields: [(number: Int, bytes: ArraySlice<UInt8>)] = []

    init(_ bytes: ArraySlice<UInt8>) {
        var rest = bytes
        while let tag = Self.number(from: &rest) {
            switch tag & 7 {
            case 0: _ = Self.number(from: &rest)
            case 2:
                guard let count = Self.number(from: &rest), count <= rest.count else { return }
                fields.append((tag >> 3, rest.prefix(count)))
                rest = rest.dropFirst(count)
            default: return
            }
        }
    }

    private static func number(from rest: inout ArraySlice<UInt8>) -> Int? {
        var value = 0
        var shift = 0
        while shift < 63, let byte = rest.popFirst() {
            value |= Int(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        return nil
    }

    func texts(_ number: Int) -> [String] {
        fields.filter { $0.number == number }.map { String(decoding: $0.bytes, as: UTF8.self) }
    }

    func messages(_ number: Int) -> [ProtobufFields] {
        fields.filter { $0.number == number }.map { ProtobufFields($0.bytes) }
    }

    /// Field 1 of all descriptors.
    var name: String { texts(1).first ?? "" }
}
