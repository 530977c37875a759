// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
internal import CProtobufC

/// The answers of `grpc.reflection.v1`.
package struct Reflection: Sendable {
    private let services: [String]
    private let files: [FileDescriptor]

    /// - Parameters:
    ///   - services: the full names of the served services.
    ///   - files: the names of our files that declare them; their imports are added.
    ///   - others: further files, each a serialised `google.protobuf.FileDescriptorProto`.
    package init(services: [String], files: [String], others: [[UInt8]] = []) {
        self.services = services.sorted()
        let all = others.map { FileDescriptor(bytes: $0) } + FileDescriptor.all
        let named = Set(files)
        let declaring = all.prefix(others.count) + all.filter { named.contains($0.name) }
        var found: [FileDescriptor] = []
        for file in declaring.flatMap({ $0.withImports(from: all) })
        where !found.contains(where: { $0.name == file.name }) {
            found.append(file)
        }
        self.files = found
    }

    /// A request as it came to the response as it goes.
    ///
    /// - Throws: ``WireError`` where the request cannot be read, or asks for nothing.
    package func answer(_ request: [UInt8]) throws(WireError) -> [UInt8] {
        let name: StaticString = "ServerReflectionRequest"
        return try request.span.bytes.withUnsafeBytes { bytes throws(WireError) in
            try withUnpacked(
                name,
                bytes,
                grpc__reflection__v1__server_reflection_request__unpack
            ) { request throws(WireError) in
                let path = FieldPath(message: name)
                let asked = try Question(request, path)
                let response = Response(asked, services, files)
                return withUnsafeMutablePointer(to: &request) { response.encoded(to: $0) }
            }
        }
    }

    /// The query of a request.
    private enum Question {
        case file(String)
        case symbol(String)
        case extensions(String)
        case services

        init(
            _ request: Grpc__Reflection__V1__ServerReflectionRequest,
            _ path: FieldPath
        ) throws(WireError) {
            let bounds = WireLimits.symbolBytes
            switch request.message_request_case.rawValue {
            case 3: self = .file(try request.file_by_filename.text(bounds, path))
            case 4: self = .symbol(try request.file_containing_symbol.text(bounds, path))
            case 5:
                let type = request.file_containing_extension?.pointee.containing_type
                self = .extensions(try (type ?? ProtobufCBinaryData()).text(bounds, path))
            case 6: self = .extensions(try request.all_extension_numbers_of_type.text(bounds, path))
            case 7: self = .services
            default: throw path.error(.missing, "nothing is asked for")
            }
        }
    }

    /// The content of a reply.
    private enum Response {
        case files([FileDescriptor])
        case services([String])
        case failure(code: Int32, String)

        private static let notFound: Int32 = 5

        init(_ question: Question, _ services: [String], _ known: [FileDescriptor]) {
            switch question {
            case .services: self = .services(services)
            case .file(let name):
                self = .init(known.first { $0.name == name }, known, "file \(name)")
            case .symbol(let symbol):
                let file = known.first { $0.symbols.contains(symbol) }
                self = .init(file, known, "symbol \(symbol)")
            case .extensions(let type):
                self = .failure(code: Self.notFound, "there are no extensions of \(type)")
            }
        }

        private init(_ file: FileDescriptor?, _ known: [FileDescriptor], _ what: String) {
            self =
                file.map { .files($0.withImports(from: known)) }
                ?? .failure(code: Self.notFound, "this node knows no \(what)")
        }

        func encoded(
            to request: UnsafeMutablePointer<Grpc__Reflection__V1__ServerReflectionRequest>
        ) -> [UInt8] {
            var arena = EncodingArena()
            var message = Grpc__Reflection__V1__ServerReflectionResponse()
            grpc__reflection__v1__server_reflection_response__init(&message)
            message.valid_host = request.pointee.host
            message.original_request = request
            typealias Case = Grpc__Reflection__V1__ServerReflectionResponse__MessageResponseCase
            switch self {
            case .files(let files):
                message.message_response_case = Case(rawValue: 4)
                message.file_descriptor_response = arena.files(files)
            case .services(let names):
                message.message_response_case = Case(rawValue: 6)
                message.list_services_response = arena.services(names)
            case .failure(let code, let text):
                message.message_response_case = Case(rawValue: 7)
                message.error_response = arena.error(code, text)
            }
            var output: [UInt8] = []
            arena.pack(&message, appendingTo: &output)
            return output
        }
    }
}

extension EncodingArena {
    fileprivate mutating func files(
        _ files: [FileDescriptor]
    ) -> UnsafeMutablePointer<Grpc__Reflection__V1__FileDescriptorResponse> {
        let message = allocate(Grpc__Reflection__V1__FileDescriptorResponse.self, count: 1)
        grpc__reflection__v1__file_descriptor_response__init(message)
        (message.pointee.n_file_descriptor_proto, message.pointee.file_descriptor_proto) = list(
            files[...]
        ) { $0.bytes($1.bytes) }
        return message
    }

    fileprivate mutating func services(
        _ names: [String]
    ) -> UnsafeMutablePointer<Grpc__Reflection__V1__ListServiceResponse> {
        let message = allocate(Grpc__Reflection__V1__ListServiceResponse.self, count: 1)
        grpc__reflection__v1__list_service_response__init(message)
        typealias Service = UnsafeMutablePointer<Grpc__Reflection__V1__ServiceResponse>?
        let first = allocate(Service.self, count: max(names.count, 1))
        for (index, name) in names.enumerated() {
            let service = allocate(Grpc__Reflection__V1__ServiceResponse.self, count: 1)
            grpc__reflection__v1__service_response__init(service)
            service.pointee.name = text(name)
            (first + index).initialize(to: service)
        }
        message.pointee.n_service = names.count
        message.pointee.service = first
        return message
    }

    fileprivate mutating func error(
        _ code: Int32,
        _ reason: String
    ) -> UnsafeMutablePointer<Grpc__Reflection__V1__ErrorResponse> {
        let message = allocate(Grpc__Reflection__V1__ErrorResponse.self, count: 1)
        grpc__reflection__v1__error_response__init(message)
        message.pointee.error_code = code
        message.pointee.error_message = text(reason)
        return message
    }
}
