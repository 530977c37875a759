// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
// Copyright the swift-chord contributors.

import PackageDescription

/// `make fuzz` sets CHORD_FUZZ: the same modules, instrumented, with a program for each fuzz target and
/// without tests and commands. Fuzz targets reach into modules, and only a target of this package may.
let isFuzzing = Context.environment["CHORD_FUZZ"] == "1"

/// `make test-tsan` sets CHORD_NETWORK_TESTS: only the modules that have several threads, with their tests. The
/// thread sanitizer makes a build take minutes, and finds nothing in the others.
let isNetworkTesting = Context.environment["CHORD_NETWORK_TESTS"] == "1"
let networkTests: Set<String> = [
    "ChordTransportTests", "ChordTLSTests", "ChordRuntimeTests", "ChordTests",
]

let instrumented: [SwiftSetting] = [
    .define("FUZZING"),
    .unsafeFlags([
        "-sanitize=fuzzer,address", "-enable-testing", "-enforce-exclusivity=checked",
        "-assert-config", "Debug",
    ]),
]
let strict: [SwiftSetting] =
    [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
    ] + (isFuzzing ? instrumented : [])

let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioLocks: Target.Dependency = .product(name: "NIOConcurrencyHelpers", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let metrics: Target.Dependency = .product(name: "Metrics", package: "swift-metrics")
let metricsTestKit: Target.Dependency = .product(
    name: "MetricsTestKit",
    package: "swift-metrics"
)
let lifecycle: Target.Dependency = .product(
    name: "ServiceLifecycle",
    package: "swift-service-lifecycle"
)
let signals: Target.Dependency = .product(
    name: "UnixSignals",
    package: "swift-service-lifecycle"
)
let arguments: Target.Dependency = .product(
    name: "ArgumentParser",
    package: "swift-argument-parser"
)

let configuration: Target.Dependency = .product(
    name: "Configuration",
    package: "swift-configuration"
)

/// A module of the house and its test target, in mirrored folders. Every module may import ChordBase.
/// What else it may import is its row in scripts/import-rows; `scripts/check-imports` checks that.
func module(
    _ name: String,
    _ dependencies: [Target.Dependency],
    tests: [Target.Dependency] = [],
    exclude: [String] = []
) -> [Target] {
    let dependencies = name == "ChordBase" ? [] : ["ChordBase"] + dependencies
    return [
        .target(name: name, dependencies: dependencies, swiftSettings: strict),
        .testTarget(
            name: "\(name)Tests",
            dependencies: [.init(stringLiteral: name), "ChordTestSupport"] + dependencies + tests,
            exclude: exclude,
            swiftSettings: strict
        ),
    ]
}

var targets: [Target] = [
    .systemLibrary(
        name: "COpenSSL",
        pkgConfig: "openssl",
        providers: [.apt(["libssl-dev"]), .brew(["openssl@3"])]
    ),
    .systemLibrary(
        name: "CNGHTTP2",
        pkgConfig: "libnghttp2",
        providers: [.apt(["libnghttp2-dev"]), .brew(["libnghttp2"])]
    ),
    .systemLibrary(
        name: "CProtobufC",
        pkgConfig: "libprotobuf-c",
        providers: [.apt(["libprotobuf-c-dev"]), .brew(["protobuf-c"])]
    ),
    .systemLibrary(
        name: "CZlib",
        pkgConfig: "zlib",
        providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]
    ),
    .systemLibrary(
        name: "CSQLite",
        pkgConfig: "sqlite3",
        providers: [.apt(["libsqlite3-dev"]), .brew(["sqlite3"])]
    ),
    .systemLibrary(
        name: "CLibEdit",
        pkgConfig: "libedit",
        providers: [.apt(["libedit-dev"]), .brew(["libedit"])]
    ),
    .target(name: "CChordProtos", dependencies: ["CProtobufC"]),
]
targets += module("ChordBase", [])
targets += module("ChordCore", [], exclude: ["Interaction/Scripts"])
targets += module("ChordHash", ["COpenSSL", "ChordCore"])
targets += module("ChordIdentity", [])
targets += module("ChordRPC", ["CZlib", "ChordIdentity", nioLocks])
targets += module(
    "ChordTLS",
    ["COpenSSL", "ChordIdentity", nioCore, nioLocks],
    tests: [nioEmbedded]
)
targets += module("ChordHTTP2", ["CNGHTTP2", nioCore])
targets += module("ChordWire", ["ChordCore", "CChordProtos", "CProtobufC"])
targets += module(
    "ChordTransport",
    [
        "ChordRPC", "ChordTLS", "ChordHTTP2", "ChordIdentity", nioCore, nioPosix, nioLocks,
        logging, metrics,
    ],
    tests: [metricsTestKit]
)
targets += module(
    "ChordRuntime",
    [
        "ChordCore", "ChordHash", "ChordIdentity", "ChordRPC", "ChordWire", nioLocks, logging,
        metrics,
    ],
    tests: [metricsTestKit]
)
targets += module(
    "ChordStore",
    [
        .target(name: "CSQLite", condition: .when(traits: ["SQLite"])), "CZlib", "ChordCore",
        "ChordHash", "ChordIdentity", "ChordRPC", "ChordRuntime", "ChordWire", nioLocks, logging,
        metrics,
    ],
    exclude: ["Raft/Interaction/Scripts"]
)
targets += module(
    "Chord",
    [
        "ChordRuntime", "ChordStore", "ChordTransport", "ChordCore", "ChordHash", "ChordIdentity",
        "ChordRPC", "ChordTLS", "ChordHTTP2", "ChordWire", nioCore, nioPosix, nioLocks, logging,
        metrics, lifecycle,
    ],
    tests: [signals, metricsTestKit]
)
targets += module(
    "ChordSimulator",
    [
        "ChordCore", "ChordHash", "ChordIdentity", "ChordRPC", "ChordRuntime", "ChordStore",
        "ChordWire", nioLocks, logging,
    ],
    exclude: ["Scenarios", "Node/Scenarios"]
)
targets += [
    // What several test targets need: certificates, by the command that users have, and a service.
    .target(
        name: "ChordTestSupport",
        dependencies: [
            "ChordBase", "ChordRPC", "ChordIdentity", "ChordTLS", "ChordHTTP2", nioCore, nioLocks,
            logging, metricsTestKit,
        ],
        path: "Tests/ChordTestSupport",
        swiftSettings: strict
    ),
    // What the two programs share: output, files, failures.
    .target(
        name: "ChordCommandLine",
        dependencies: ["ChordBase", nioLocks, arguments],
        swiftSettings: strict
    ),
    .executableTarget(
        name: "ChordCLI",
        dependencies: [
            "CLibEdit", "CZlib", "Chord", "ChordBase", "ChordCommandLine", "ChordIdentity",
            "ChordTLS",
            nioLocks,
            arguments,
            configuration, logging, lifecycle, signals,
        ],
        swiftSettings: strict
    ),
    .executableTarget(
        name: "ChordSimulatorCLI",
        dependencies: ["ChordBase", "ChordCommandLine", "ChordSimulator", nioLocks, arguments],
        swiftSettings: strict
    ),
    .testTarget(
        name: "ChordCLITests",
        dependencies: [
            "ChordBase", "ChordCLI", "ChordCommandLine", "Chord", "ChordRuntime", "ChordStore",
            "ChordTransport",
            "ChordTLS",
            "ChordWire",
            "ChordRPC", "ChordHash", "ChordIdentity", "ChordCore", "ChordTestSupport", arguments,
            logging, nioPosix,
        ],
        exclude: ["Mistakes"],
        swiftSettings: strict
    ),
    // Against programs that are not ours: grpcio in Tests/Interop, and the openssl command.
    .testTarget(
        name: "InteropTests",
        dependencies: [
            "Chord", "ChordBase", "ChordTransport", "ChordTLS", "ChordRPC", "ChordIdentity",
            "ChordTestSupport", nioCore, nioPosix, nioLocks, logging,
        ],
        swiftSettings: strict
    ),
]

// Fuzz targets, and the test that feeds each its corpus and the inputs that once failed.
targets.append(.target(name: "FuzzSupport", path: "Tests/Fuzz/Support", swiftSettings: strict))
let fuzzTargets: [(name: String, dependencies: [Target.Dependency])] = [
    ("Certificate", ["ChordTLS", "ChordIdentity", "COpenSSL"]),
    ("Framing", ["ChordTransport", "ChordRPC"]),
    ("Gzip", ["ChordRPC"]),
    ("HTTP2", ["ChordHTTP2", nioCore]),
    ("Identity", ["ChordIdentity", "ChordTransport"]),
    ("Machine", ["ChordCore"]),
    ("Metadata", ["ChordBase", "ChordTransport", "ChordRPC"]),
    ("Percent", ["ChordRPC"]),
    ("Scenario", ["ChordSimulator"]),
    ("Store", ["ChordWire", "ChordCore"]),
    ("Wire", ["ChordWire", "ChordCore"]),
]
if isFuzzing {
    targets.removeAll { $0.type == .test || $0.type == .executable || $0.name == "Chord" }
    targets += fuzzTargets.map { name, dependencies in
        .executableTarget(
            name: "Fuzz\(name)",
            dependencies: ["FuzzSupport"] + dependencies,
            path: "Tests/Fuzz/Targets/\(name)",
            swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])],
            linkerSettings: [.unsafeFlags(["-sanitize=fuzzer,address", "-use-ld=lld"])]
        )
    }
} else {
    targets.append(
        .testTarget(
            name: "FuzzTests",
            dependencies: [
                "COpenSSL", "ChordCore", "ChordHTTP2", "ChordIdentity", "ChordRPC",
                "ChordSimulator", "ChordTLS", "ChordTransport", "ChordWire", "ChordTestSupport",
                "FuzzSupport", nioCore,
            ],
            path: "Tests/Fuzz",
            exclude: ["Corpus", "Crashes", "README.md", "Support"],
            swiftSettings: strict
        )
    )
}

if isNetworkTesting {
    targets.removeAll { target in
        target.type == .executable || target.type == .test && !networkTests.contains(target.name)
            || ["ChordCommandLine", "ChordSimulator", "FuzzSupport"].contains(target.name)
    }
}

let package = Package(
    name: "swift-chord",
    platforms: [.macOS(.v26)],
    products: isFuzzing || isNetworkTesting
        ? []
        : [
            .library(name: "Chord", targets: ["Chord"]),
            .executable(name: "chord", targets: ["ChordCLI"]),
            .executable(name: "chord-sim", targets: ["ChordSimulatorCLI"]),
        ],
    traits: [
        .trait(
            name: "SQLite",
            description: "Stores on disk. Without it a node keeps its part in memory, or has none."
        ),
        .default(enabledTraits: ["SQLite"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        // Without its traits: we read no JSON or YAML, and reload nothing.
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: []),
        .package(
            url: "https://github.com/swift-server/swift-service-lifecycle",
            from: "2.13.0"
        ),
    ],
    targets: targets,
    swiftLanguageModes: [.v6]
)
