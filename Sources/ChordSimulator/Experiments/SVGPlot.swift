// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Draws a plot as SVG. Our curves are lines with dots; published ones are dashed with rings. The
/// legend is above the plot, so that no curve crosses it.
struct SVGPlot {
    private static let width = 640.0
    private static let titleHeight = 52.0
    private static let plotHeight = 324.0
    private static let axisHeight = 52.0
    private static let lineHeight = 16.0

    private let plot: ExperimentPlot
    private let xRange: ClosedRange<Double>
    private let yRange: ClosedRange<Double>
    /// The area of the curves.
    private let area: (left: Double, right: Double, top: Double, bottom: Double)
    private var lines: [String] = []

    init(_ plot: ExperimentPlot) {
        self.plot = plot
        let points = plot.series.flatMap(\.points)
        let xs = points.map { Self.place($0.x, plot.isLogarithmic) }
        let ys = points.flatMap { [$0.y, $0.low ?? $0.y, $0.high ?? $0.y] }
        let x =
            plot.categories.isEmpty
            ? (low: xs.min() ?? 0, high: xs.max() ?? 1)
            : (low: -0.5, high: Double(plot.categories.count) - 0.5)
        xRange = x.low...(x.high > x.low ? x.high : x.low + 1)
        yRange = 0...(max(ys.max() ?? 1, 1e-6) * 1.04)
        let top = Self.titleHeight + Double(plot.series.count) * Self.lineHeight + 6
        area = (left: 64, right: 620, top: top, bottom: top + Self.plotHeight)
    }

    /// The SVG document.
    mutating func text() -> String {
        lines = [
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(Self.number(Self.width)) "
                + "\(Self.number(area.bottom + Self.axisHeight))\" font-family=\"sans-serif\" font-size=\"12\">",
            "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>",
        ]
        drawAxes()
        for series in plot.series { draw(series) }
        drawLegend()
        lines.append("</svg>")
        return lines.joined(separator: "\n") + "\n"
    }

    // MARK: Positions

    private static func place(_ x: Double, _ isLogarithmic: Bool) -> Double {
        guard isLogarithmic, x > 0 else { return x }
        return DelayDistribution.logarithm(x) / DelayDistribution.logarithm(2)
    }

    private func x(_ value: Double) -> Double {
        let share =
            (Self.place(value, plot.isLogarithmic) - xRange.lowerBound)
            / (xRange.upperBound - xRange.lowerBound)
        return area.left + 16 + share * (area.right - area.left - 32)
    }

    private func y(_ value: Double) -> Double {
        let share = value / yRange.upperBound
        return area.bottom - share * (area.bottom - area.top)
    }

    /// A step of 1, 2 or 5 times a power of ten, for about this many steps in a range.
    static func step(for span: Double, about count: Int) -> Double {
        let rough = span / Double(count)
        var power = 1.0
        while power > rough { power /= 10 }
        while power * 10 <= rough { power *= 10 }
        return [1, 2, 5, 10].map { $0 * power }.first { $0 >= rough } ?? 10 * power
    }

    // MARK: Parts

    private mutating func drawAxes() {
        let centre = (area.left + area.right) / 2
        write(plot.title, x: centre, y: 22, anchor: "middle", size: 15)
        write(plot.subtitle, x: centre, y: 40, anchor: "middle", size: 11)
        write(plot.xTitle, x: centre, y: area.bottom + 36, anchor: "middle")
        let middle = (area.top + area.bottom) / 2
        lines.append(
            "<text transform=\"translate(18 \(Self.number(middle))) rotate(-90)\" "
                + "text-anchor=\"middle\">\(Self.escaped(plot.yTitle))</text>"
        )
        let yStep = Self.step(for: yRange.upperBound, about: 6)
        for tick in stride(from: 0, through: yRange.upperBound, by: yStep) {
            line((area.left, y(tick)), (area.right, y(tick)), "#dddddd")
            write(tick.short(6), x: area.left - 6, y: y(tick) + 4, anchor: "end")
        }
        for tick in xTicks {
            line((x(tick), area.bottom), (x(tick), area.bottom + 5), "black")
            let label = plot.categories.isEmpty ? tick.short(6) : plot.categories[Int(tick)]
            write(label, x: x(tick), y: area.bottom + 20, anchor: "middle")
        }
        line((area.left, area.bottom), (area.right, area.bottom), "black")
        line((area.left, area.top), (area.left, area.bottom), "black")
    }

    private var xTicks: [Double] {
        if !plot.categories.isEmpty { return plot.categories.indices.map(Double.init) }
        if plot.isLogarithmic {
            return Array(Set(plot.series.flatMap { $0.points.map(\.x) })).sorted()
        }
        let step = Self.step(for: xRange.upperBound - xRange.lowerBound, about: 8)
        let first = (xRange.lowerBound / step).rounded(.up) * step
        return Array(stride(from: first, through: xRange.upperBound + step / 1000, by: step))
    }

    private mutating func draw(_ series: ExperimentPlot.Series) {
        let colour = series.kind.colour
        let places = series.points.map { "\(Self.number(x($0.x))),\(Self.number(y($0.y)))" }
        if places.count > 1, plot.categories.isEmpty {
            lines.append(
                "<polyline points=\"\(places.joined(separator: " "))\" fill=\"none\" "
                    + "stroke=\"\(colour)\" stroke-width=\"1.5\"\(Self.dashes(series.kind))/>"
            )
        }
        for point in series.points {
            if let low = point.low, let high = point.high {
                // The style of the curve. Without points, only the legend shows it.
                line(
                    (x(point.x), y(low)),
                    (x(point.x), y(high)),
                    colour,
                    style: plot.categories.isEmpty ? "" : Self.stroke(series.kind)
                )
                for end in [low, high] {
                    line((x(point.x) - 4, y(end)), (x(point.x) + 4, y(end)), colour)
                }
            }
            dot(x(point.x), y(point.y), series.kind)
        }
    }

    private mutating func drawLegend() {
        for (index, series) in plot.series.enumerated() {
            let y = Self.titleHeight + 4 + Double(index) * Self.lineHeight
            let x = area.left + 14
            let colour = series.kind.colour
            line((x, y), (x + 28, y), colour, style: Self.stroke(series.kind))
            if !plot.categories.isEmpty, series.points.contains(where: { $0.low != nil }) {
                for end in [x, x + 28] { line((end, y - 4), (end, y + 4), colour) }
            }
            dot(x + 14, y, series.kind)
            write(series.name, x: x + 36, y: y + 4, anchor: "start")
        }
    }

    // MARK: Elements

    private mutating func dot(_ x: Double, _ y: Double, _ kind: ExperimentPlot.Kind) {
        let fill = kind.isPublished ? "white" : kind.colour
        lines.append(
            "<circle cx=\"\(Self.number(x))\" cy=\"\(Self.number(y))\" r=\"3\" fill=\"\(fill)\" "
                + "stroke=\"\(kind.colour)\"/>"
        )
    }

    private mutating func line(
        _ start: (x: Double, y: Double),
        _ end: (x: Double, y: Double),
        _ colour: String,
        style: String = ""
    ) {
        lines.append(
            "<line x1=\"\(Self.number(start.x))\" y1=\"\(Self.number(start.y))\" "
                + "x2=\"\(Self.number(end.x))\" y2=\"\(Self.number(end.y))\" stroke=\"\(colour)\"\(style)/>"
        )
    }

    /// The line style of a kind, apart from its colour.
    private static func stroke(_ kind: ExperimentPlot.Kind) -> String {
        " stroke-width=\"1.5\"\(dashes(kind))"
    }

    private static func dashes(_ kind: ExperimentPlot.Kind) -> String {
        kind.isPublished ? " stroke-dasharray=\"6 4\"" : ""
    }

    private mutating func write(
        _ text: String,
        x: Double,
        y: Double,
        anchor: String,
        size: Int = 12
    ) {
        let height = size == 12 ? "" : " font-size=\"\(size)\""
        lines.append(
            "<text x=\"\(Self.number(x))\" y=\"\(Self.number(y))\" text-anchor=\"\(anchor)\"\(height)>"
                + "\(Self.escaped(text))</text>"
        )
    }

    private static func number(_ value: Double) -> String { value.short(1) }

    static func escaped(_ text: String) -> String {
        var result = ""
        for character in text {
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            default: result.append(character)
            }
        }
        return result
    }
}

extension ExperimentPlot {
    /// The plot as an SVG document.
    package var svg: String {
        var drawing = SVGPlot(self)
        return drawing.text()
    }
}
