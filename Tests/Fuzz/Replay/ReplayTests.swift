// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import FuzzSupport
import ChordTestSupport
import Testing

/// Runs the initial inputs and all former failures in every test run.
@Suite(.tags(.unit)) struct ReplayTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent()

    static var targets: [any FuzzTarget.Type] {
        [
            CertificateTarget.self, FramingTarget.self, GzipTarget.self, HTTP2Target.self,
            IdentityTarget.self, MachineTarget.self, MetadataTarget.self, PercentTarget.self,
            ScenarioTarget.self, StoreTarget.self, WireTarget.self,
        ]
    }

    static func inputs(_ kind: String, _ target: any FuzzTarget.Type) throws -> [URL] {
        let place = folder.appending(path: kind).appending(path: target.name)
        guard FileManager.default.fileExists(atPath: place.path) else { return [] }
        return try FileManager.default.contentsOfDirectory(
            at: place,
            includingPropertiesForKeys: nil
        )
        .sorted { $0.path < $1.path }
    }

    @Test(arguments: targets.indices, ["Corpus", "Crashes"])
    func recordedInputsCauseNoFailure(index: Int, kind: String) throws {
        let target = Self.targets[index]
        for file in try Self.inputs(kind, target) {
            let bytes = [UInt8](try Data(contentsOf: file))
            #expect(throws: Never.self, "\(kind)/\(target.name)/\(file.lastPathComponent)") {
                try bytes.withUnsafeBytes { try target.run($0) }
            }
        }
    }

    @Test(arguments: targets.indices)
    func everyTargetHasSeedInputs(index: Int) throws {
        let target = Self.targets[index]
        #expect(!target.seeds.isEmpty)
        for seed in target.seeds {
            #expect(throws: Never.self) { try seed.withUnsafeBytes { try target.run($0) } }
        }
        #expect(try !Self.inputs("Corpus", target).isEmpty)
    }
}
