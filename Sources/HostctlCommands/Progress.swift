public import ArgumentParser
import CLinux
import Glibc
public import LinuxSystem
import TrustMetadata

/// `--progress`: a bar on a terminal, JSON lines, or nothing.
public struct ProgressOptions: ParsableArguments {
    public enum Style: String, ExpressibleByArgument, CaseIterable, Sendable { case auto, json, none }

    @Option(
        help: ArgumentHelp(
            "How to show progress, on standard error: \(Style.allCases.map(\.rawValue).joined(separator: ", ")).",
            valueName: "style"))
    public var progress = Style.auto

    public init() {}

    /// A handler that shows reports in the chosen style.
    public var handler: ProgressHandler {
        switch progress {
        case .json: return ProgressLines().show
        case .auto where StandardError.isTerminal: return ProgressBar().show
        case .auto, .none: return { _ in }
        }
    }
}

/// One JSON object a line.
final class ProgressLines: Sendable {
    func show(_ report: ProgressReport) { StandardError.write(Self.line(report)) }

    static func line(_ report: ProgressReport) -> String {
        let value = JSONValue.object([
            ("step", .string(report.step)), ("done", .integer(report.done)),
            ("total", report.total.map { .integer($0) } ?? .null), ("unit", .string(report.unit.rawValue)),
        ])
        return String(decoding: value.encode(pretty: false), as: UTF8.self) + "\n"
    }
}

/// A bar that is redrawn at most ten times a second and ends with its step.
final class ProgressBar: Sendable {
    private let state = Guarded((step: "", drawn: 0.0))

    func show(_ report: ProgressReport) {
        state.with { state in
            let now = Self.seconds
            let isLast = report.done == report.total
            let isNew = report.step != state.step
            guard isNew || isLast || now - state.drawn > 0.1 else { return }
            if isNew, !state.step.isEmpty { StandardError.write("\n") }
            state = (isLast ? "" : report.step, now)
            StandardError.write("\r\u{1B}[K" + Self.line(report) + (isLast ? "\n" : ""))
        }
    }

    private static var seconds: Double {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
    }

    /// The bar as it is drawn, without the sequences that clear the line.
    static func line(_ report: ProgressReport) -> String {
        let amount = { (value: Int64) in report.unit == .bytes ? ByteCount.text(value) : "\(value)" }
        guard let total = report.total, total > 0 else {
            return report.done > 0 ? "\(report.step): \(amount(report.done))" : report.step
        }
        let share = min(1, Double(report.done) / Double(total))
        let label = "\(report.step): \(amount(report.done)) of \(amount(total)) "
        let width = max(10, min(40, Int(hostctl_terminal_width(2)) - label.count - 8))
        let filled = Int(share * Double(width))
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
        return "\(label)\(bar) \(Int(share * 100)) %"
    }
}

/// Sizes for people.
public enum ByteCount {
    /// As `12 B`, `3.4 kB`, `230 MB`: powers of 1000, three digits.
    public static func text(_ bytes: Int64) -> String {
        var value = Double(bytes)
        var units = ["B", "kB", "MB", "GB", "TB", "PB"][...]
        while value >= 999.5, units.count > 1 {
            value /= 1000
            units.removeFirst()
        }
        let unit = units.first ?? "B"
        if unit == "B" || value >= 99.95 { return "\(Int(value.rounded())) \(unit)" }
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) \(unit)"
    }
}
