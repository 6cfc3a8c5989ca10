import ArgumentParser
import LinuxSystem
import Testing
import TrustMetadata

@testable import HostctlCommands

private struct SampleError: ExplainedError {
    var reason = "it did not work"
    var advice: String?
    var category = FailureCategory.failed
}

/// Figures, times, progress, failures.
@Suite struct OutputTests {
    @Test(
        "sizes have at most three digits and a tenth where that says something",
        arguments: [
            (0, "0 B"), (1, "1 B"), (999, "999 B"), (1000, "1.0 kB"), (1049, "1.0 kB"), (1050, "1.1 kB"),
            (99_949, "99.9 kB"), (99_950, "100 kB"), (999_499, "999 kB"), (999_500, "1.0 MB"), (230_000_000, "230 MB"),
            (1_500_000_000, "1.5 GB"), (Int64.max, "9223 PB"),
        ] as [(Int64, String)])
    func byteCount(bytes: Int64, text: String) {
        #expect(ByteCount.text(bytes) == text)
    }

    @Test(
        "times are shown in UTC, also those before 1970 and after 2038",
        arguments: [
            (0, "1970-01-01 00:00 UTC"), (-1, "1969-12-31 23:59 UTC"), (1_795_840_860, "2026-11-28 04:41 UTC"),
            (4_294_967_296, "2106-02-07 06:28 UTC"), (1_709_164_800, "2024-02-29 00:00 UTC"),
        ] as [(Int64, String)])
    func time(seconds: Int64, text: String) {
        #expect("\(UTCTime(seconds))" == text)
    }

    @Test("a time that no calendar holds is still shown")
    func endlessTime() {
        #expect("\(UTCTime(.max))" == "\(Int64.max) s after 1970")
    }

    @Test(
        "each kind of failure has an exit code of its own",
        arguments: [
            (FailureCategory.failed, 1), (.untrusted, 3), (.noSpace, 4), (.network, 5), (.locked, 6), (.needsReboot, 7),
        ] as [(FailureCategory, Int32)])
    func exitCode(category: FailureCategory, code: Int32) {
        #expect(ExitCode(category).rawValue == code)
    }

    @Test("no two exit codes are the same, and every category is in the table")
    func exitCodesDiffer() {
        let codes = FailureCategory.allCases.map { ExitCode($0).rawValue }
        let all = codes + [0, ExitCode.usage.rawValue, ExitCode.unchanged.rawValue]
        #expect(FailureCategory.allCases.count == 6)
        #expect(Set(all).count == all.count)
        #expect(ExitCode.usage.rawValue == 2 && ExitCode.unchanged.rawValue == 77)
    }

    @Test("a failure is one line, and its advice another")
    func failureText() {
        #expect(FailureOutput(SampleError()).text == "error: it did not work\n")
        #expect(FailureOutput(SampleError(advice: "try again")).text == "error: it did not work\n  help: try again\n")
    }

    @Test("a failure as JSON is one line of strict JSON, whatever is in its text")
    func failureJSON() throws {
        let error = SampleError(reason: "\"quoted\"\n\u{1B}[31m \\ ü", category: .noSpace)
        let text = FailureOutput(error).jsonText
        #expect(text.filter { $0 == "\n" }.count == 1 && text.hasSuffix("\n"))
        let value = try JSONValue(strict: Array(text.utf8.dropLast()), what: "the failure")
        #expect(
            value == [
                "error": .string(error.reason), "advice": nil, "category": "noSpace", "exit_code": 4,
            ])
    }

    @Test(
        "a progress line is one line of strict JSON with the same four members",
        arguments: [
            ProgressReport("Storing", done: 12, total: 34, unit: .bytes), ProgressReport("Fetching \"objects\"\n\u{7}"),
            ProgressReport("ü", done: .max, total: .max, unit: .objects),
        ])
    func progressLine(report: ProgressReport) throws {
        let line = ProgressLines.line(report)
        #expect(line.filter { $0 == "\n" }.count == 1 && line.hasSuffix("\n"))
        let fields = try JSONValue(strict: Array(line.utf8.dropLast()), what: "the line")
        #expect(
            fields == [
                "step": .string(report.step), "done": .integer(report.done),
                "total": report.total.map { .integer($0) } ?? .null, "unit": .string(report.unit.rawValue),
            ])
    }

    @Test("a bar shows its share, and never more than all")
    func bar() {
        let half = ProgressBar.line(ProgressReport("Storing", done: 5_000_000, total: 10_000_000, unit: .bytes))
        #expect(half.hasPrefix("Storing: 5.0 MB of 10.0 MB ") && half.hasSuffix(" 50 %"))
        #expect(half.filter { $0 == "█" }.count == half.filter { $0 == "░" }.count)
        let over = ProgressBar.line(ProgressReport("Fetching", done: 11, total: 10, unit: .objects))
        #expect(over.hasPrefix("Fetching: 11 of 10 ") && over.hasSuffix(" 100 %") && !over.contains("░"))
    }

    @Test("without a total there is a count, without a count only the step")
    func barWithoutTotal() {
        #expect(ProgressBar.line(ProgressReport("Fetching", done: 3, unit: .objects)) == "Fetching: 3")
        #expect(ProgressBar.line(ProgressReport("Deploying")) == "Deploying")
        #expect(ProgressBar.line(ProgressReport("Storing", done: 0, total: 0, unit: .bytes)) == "Storing")
    }
}
