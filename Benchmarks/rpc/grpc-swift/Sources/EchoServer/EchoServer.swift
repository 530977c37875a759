// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import GRPCCore
import GRPCNIOTransportHTTP2Posix
import NIOPosix

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A server with a unary method over mutual TLS. It takes a message as bytes, and its answer has a
/// fixed number of bytes. It decodes no message, so a benchmark measures the cost of a call alone.
///
///     EchoServer CERTS_DIR NAME ANSWER_BYTES
@main
struct EchoServer {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 4, let count = Int(arguments[3]), count >= 0 else {
            fatalError("usage: EchoServer CERTS_DIR NAME ANSWER_BYTES")
        }
        let (folder, name) = (arguments[1], arguments[2])
        let server = GRPCServer(
            // The transport would use one thread per core. The other compared servers use one
            // thread.
            transport: .http2NIOPosix(
                address: .ipv4(host: "127.0.0.1", port: 0),
                transportSecurity: .mTLS(
                    certificateChain: [.file(path: "\(folder)/\(name).pem", format: .pem)],
                    privateKey: .file(path: "\(folder)/\(name).key", format: .pem)
                ) {
                    $0.trustRoots = .certificates([.file(path: "\(folder)/ca.pem", format: .pem)])
                    $0.requireALPN = true
                },
                eventLoopGroup: MultiThreadedEventLoopGroup(numberOfThreads: 1)
            ),
            router: router(answer: [UInt8](repeating: 0x2a, count: count))
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.serve() }
            let address = try await server.transport.listeningAddress
            guard let port = address.ipv4?.port else { fatalError("no port: \(address)") }
            print("ready 127.0.0.1:\(port)")
            fflush(nil)
            try await group.waitForAll()
        }
    }

    static func router<Transport: ServerTransport>(answer: [UInt8]) -> RPCRouter<Transport> {
        var router = RPCRouter<Transport>()
        router.registerHandler(
            forMethod: MethodDescriptor(fullyQualifiedService: "bench.Echo", method: "Call"),
            deserializer: Bytes(),
            serializer: Bytes()
        ) { request, _ in
            let single = try await ServerRequest(stream: request)
            precondition(!single.message.isEmpty)
            return StreamingServerResponse(single: ServerResponse(message: answer))
        }
        return router
    }
}

/// Passes a message through as its encoded bytes.
struct Bytes: MessageSerializer, MessageDeserializer {
    func serialize<Wire: GRPCContiguousBytes>(_ message: [UInt8]) throws -> Wire {
        Wire(message)
    }

    func deserialize<Wire: GRPCContiguousBytes>(_ wire: Wire) throws -> [UInt8] {
        wire.withUnsafeBytes { [UInt8]($0) }
    }
}
