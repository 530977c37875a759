// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
// Copyright the swift-chord contributors.

import PackageDescription

// It sees only the products of swift-chord. In your own package the dependency is a URL and a version.
let package = Package(
    name: "EmbeddedStore",
    platforms: [.macOS(.v26)],
    dependencies: [
        .package(name: "swift-chord", path: "../.."),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    ],
    targets: [
        .executableTarget(
            name: "EmbeddedStore",
            dependencies: [
                .product(name: "Chord", package: "swift-chord"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "."
        )
    ],
    swiftLanguageModes: [.v6]
)
