// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
// Copyright the swift-chord contributors.

import PackageDescription

// A package of its own, like an embedder's: it sees only the products of swift-chord.
let package = Package(
    name: "Examples",
    platforms: [.macOS(.v26)],
    dependencies: [
        .package(name: "swift-chord", path: ".."),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    ],
    targets: [
        .executableTarget(
            name: "CustomService",
            dependencies: [
                .product(name: "Chord", package: "swift-chord"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "CustomService"
        ),
        .executableTarget(
            name: "MovingData",
            dependencies: [
                .product(name: "Chord", package: "swift-chord"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "MovingData"
        ),
        .executableTarget(
            name: "EmbeddedStore",
            dependencies: [
                .product(name: "Chord", package: "swift-chord"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "EmbeddedStore"
        ),
        .executableTarget(
            name: "SharedCache",
            dependencies: [
                .product(name: "Chord", package: "swift-chord"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "SharedCache"
        ),
        .executableTarget(
            name: "StoreLock",
            dependencies: [
                .product(name: "Chord", package: "swift-chord"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "StoreLock"
        ),
        .executableTarget(
            name: "FleetSettings",
            dependencies: [
                .product(name: "Chord", package: "swift-chord"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "FleetSettings"
        ),
    ],
    swiftLanguageModes: [.v6]
)
