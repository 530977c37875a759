// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import ChordTestSupport
import Testing

@testable import ChordSimulator

#if canImport(FoundationXML)
import FoundationXML
#endif

@Suite(.tags(.unit)) struct SVGPlotTests {
    @Test("A plot is well-formed XML, with any texts", arguments: [false, true])
    func wellFormed(isLogarithmic: Bool) throws {
        let points = [1.0, 2, 4, 8].map {
            ExperimentPlot.Point($0, $0 / 3, low: $0 / 4, high: $0 / 2)
        }
        let plot = ExperimentPlot(
            title: "<a & \"b\">",
            xTitle: "x < y",
            yTitle: "R&D",
            isLogarithmic: isLogarithmic,
            series: [
                .init("ours & theirs", .ours, points),
                .init("published", .published, Array(points.dropLast())),
            ]
        )
        let svg = try Elements(plot.svg)
        #expect(svg.names.first == "svg")
        #expect(svg.names.count { $0 == "polyline" } == 2)
        // A dot for each point, and one for each name.
        #expect(svg.names.count { $0 == "circle" } == 7 + 2)
        #expect(svg.text.contains("<a & \"b\">"))
        #expect(svg.text.contains("ours & theirs"))
    }

    @Test("Everything is drawn inside the sheet")
    func inside() throws {
        let plot = ExperimentPlot(
            title: "t",
            xTitle: "x",
            yTitle: "y",
            series: [.init("s", .ours, [.init(0.05, 0), .init(0.4, 16, low: 3, high: 20)])]
        )
        let circles = try Elements(plot.svg).circles
        #expect(circles.count == 3)
        for circle in circles {
            #expect((0...640).contains(circle.x) && (0...420).contains(circle.y))
        }
    }

    @Test("A plot without values, or with one, is valid")
    func empty() throws {
        for points in [[], [ExperimentPlot.Point(3, 0)]] {
            let plot = ExperimentPlot(
                title: "t",
                xTitle: "x",
                yTitle: "y",
                series: [.init("s", .ours, points)]
            )
            let svg = try Elements(plot.svg)
            #expect(svg.names.first == "svg")
        }
    }

    @Test("Categories are labelled, and their points are not connected")
    func categories() throws {
        let plot = ExperimentPlot(
            title: "t",
            xTitle: "x",
            yTitle: "y",
            categories: ["one way", "the other"],
            series: [.init("s", .ours, [.init(0, 1), .init(1, 2)])]
        )
        let svg = try Elements(plot.svg)
        #expect(svg.text.contains("one way") && svg.text.contains("the other"))
        #expect(!svg.names.contains("polyline"))
    }

    @Test("No grid line crosses a label, and each series has its own colour and mark")
    func legend() throws {
        let kinds: [ExperimentPlot.Kind] = [
            .ours, .variant, .recounted, .published, .publishedVariant,
        ]
        #expect(Set(kinds.map(\.colour)).count == kinds.count)
        var plot = ExperimentPlot(
            title: "t",
            xTitle: "x",
            yTitle: "y",
            series: kinds.enumerated().map { index, kind in
                .init("series \(index)", kind, [.init(0, 1), .init(1, Double(index) + 0.5)])
            }
        )
        plot.subtitle = "N = 1000; 20 lookups; seed 7"
        let svg = plot.svg
        #expect(svg.contains("N = 1000; 20 lookups; seed 7"))
        func number(_ name: String, in line: Substring) -> Double? {
            line.firstRange(of: " \(name)=\"").flatMap {
                Double(line[$0.upperBound...].prefix { $0 != "\"" })
            }
        }
        let lines = svg.split(separator: "\n")
        let grid = lines.filter { $0.contains("#dddddd") }.compactMap { number("y1", in: $0) }
        let names = lines.filter { $0.contains(">series ") }.compactMap { number("y", in: $0) }
        #expect(names.count == kinds.count && grid.count > 3)
        let highest = try #require(grid.min())
        #expect(names.allSatisfy { $0 < highest })
        // A name shows the line as the plot does: dashed where the curve is.
        let dashed = lines.filter { $0.contains("stroke-dasharray") }
        #expect(dashed.count { $0.hasPrefix("<polyline") } == 2)
        #expect(dashed.count { $0.hasPrefix("<line") } == 2)
    }

    @Test("Bars look like their legend")
    func bars() {
        let bar = ExperimentPlot.Point(0, 2, low: 1, high: 3)
        let svg = ExperimentPlot(
            title: "t",
            xTitle: "x",
            yTitle: "y",
            categories: ["one"],
            series: [.init("ours", .ours, [bar]), .init("theirs", .published, [bar])]
        ).svg
        // The bar of what is published and its name are dashed; ours are not.
        #expect(svg.split(separator: "\n").count { $0.contains("stroke-dasharray") } == 2)
    }

    @Test("Steps are 1, 2 or 5 times a power of ten")
    func steps() {
        #expect(SVGPlot.step(for: 10, about: 6) == 2)
        #expect(SVGPlot.step(for: 0.4, about: 8) == 0.05)
        #expect(SVGPlot.step(for: 100, about: 10) == 10)
        #expect(SVGPlot.step(for: 26, about: 6) == 5)
    }
}

/// What an XML parser makes of a document.
private struct Elements {
    private final class Reader: NSObject, XMLParserDelegate {
        var names: [String] = []
        var circles: [(x: Double, y: Double)] = []
        var text = ""

        func parser(
            _ parser: XMLParser,
            didStartElement name: String,
            namespaceURI: String?,
            qualifiedName: String?,
            attributes: [String: String]
        ) {
            names.append(name)
            if name == "circle", let x = attributes["cx"].flatMap(Double.init),
                let y = attributes["cy"].flatMap(Double.init)
            {
                circles.append((x, y))
            }
        }

        func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }
    }

    let names: [String]
    let circles: [(x: Double, y: Double)]
    let text: String

    init(_ document: String) throws {
        let reader = Reader()
        let parser = XMLParser(data: Data(document.utf8))
        parser.delegate = reader
        try #require(parser.parse(), "\(String(describing: parser.parserError)): \(document)")
        names = reader.names
        circles = reader.circles
        text = reader.text
    }
}
