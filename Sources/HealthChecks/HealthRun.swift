import LinuxSystem
public import Settings
public import SystemPackage

/// Runs the health checks of a boot: the files of the health folders, and those that are built in.
public struct HealthRun: Sendable {
    private let root: FilePath
    private let settings: HealthSettings
    private let systemctl: String
    private let hostctl: [String]
    private let notice: @Sendable (String) -> Void

    /// - Parameters:
    ///   - root: what the folders lie below.
    ///   - systemctl: the program that knows of units.
    ///   - hostctl: the running program, to ask the origin.
    ///   - notice: told of every check that ends, in a line.
    public init(
        root: FilePath = "/", settings: HealthSettings, systemctl: String = "/usr/bin/systemctl",
        hostctl: [String] = ["/usr/bin/hostctl"], notice: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.root = root
        self.settings = settings
        self.systemctl = systemctl
        self.hostctl = hostctl
        self.notice = notice
    }

    /// Runs all of them, also after one has failed: an operator wants to know all that is wrong.
    ///
    /// - Throws: `SystemError` when a folder cannot be read.
    public func run() throws -> HealthReport {
        var report = HealthReport()
        func add(_ name: String, _ isRequired: Bool, _ failure: String?) {
            report.results.append(.init(name: name, isRequired: isRequired, failure: failure))
            let kind = isRequired ? "required" : "wanted"
            notice(failure.map { "\(kind) check \(name) failed: \($0)" } ?? "\(kind) check \(name) passed")
        }
        for unit in settings.requiredUnits { add("unit \(unit)", true, failure(ofUnit: unit)) }
        for check in try CheckFolders(root: root).checks() {
            add(check.path.string, check.isRequired, Self.failure(of: check, seconds: settings.checkSeconds))
        }
        if settings.origin != .ignore { add("origin", settings.origin == .required, originFailure()) }
        return report
    }

    /// Tells the hooks in `red.d` or `green.d`; a failure of theirs is only reported.
    ///
    /// - Throws: `SystemError` when a folder cannot be read.
    public func tell(_ folder: String) throws {
        for hook in try CheckFolders(root: root).hooks(folder) {
            if let failure = Self.failure(of: hook, seconds: settings.checkSeconds) {
                notice("hook \(hook.path) failed: \(failure)")
            }
        }
    }

    static func failure(of check: CheckFile, seconds: Int64) -> String? {
        let process = BoundedProcess.run(check.command, seconds: Double(seconds))
        let last = lastLine(process.output)
        let detail = last.isEmpty ? "" : ": \(last)"
        return switch process.end {
        case .exited(0): nil
        case .exited(let status): "it ended with \(status)\(detail)"
        case .signaled(let signal): "signal \(signal) ended it\(detail)"
        case .timedOut: "it did not end within \(seconds) seconds\(detail)"
        case .wroteTooMuch: "it wrote more than \(BoundedProcess.mostOutput) bytes\(detail)"
        case .notStarted(let error): "it cannot be started: \(error)"
        }
    }

    /// The last line that says something; without control characters, and short.
    static func lastLine(_ output: [UInt8]) -> String {
        let text = String(decoding: output, as: UTF8.self)
        let lines = text.split { $0.isNewline }.map { line in
            String(line.filter { !($0.unicodeScalars.first?.properties.generalCategory == .control) })
        }
        return String((lines.last { !$0.allSatisfy(\.isWhitespace) } ?? "").prefix(200))
    }

    /// A unit has to be active; what is on its way has until the time of a check is over.
    private func failure(ofUnit unit: String) -> String? {
        let deadline = ContinuousClock.now + .seconds(settings.checkSeconds)
        while true {
            let process = BoundedProcess.run([systemctl, "is-active", "--", unit], seconds: 10)
            if case .notStarted(let error) = process.end { return "systemctl cannot be started: \(error)" }
            let state = Self.lastLine(process.output)
            if state == "active" { return nil }
            if state == "failed" || ContinuousClock.now >= deadline {
                return "it is \(state.isEmpty ? "unknown" : state)"
            }
            Pause.milliseconds(250)
        }
    }

    /// Asked again until the time of a check is over: the network may still be on its way.
    private func originFailure() -> String? {
        let deadline = ContinuousClock.now + .seconds(settings.checkSeconds)
        while true {
            let left = (deadline - ContinuousClock.now) / .seconds(1)
            let process = BoundedProcess.run(hostctl + ["upgrade", "--check"], seconds: max(left, 1))
            if process.end == .exited(0) { return nil }
            if ContinuousClock.now + .seconds(2) >= deadline { return Self.lastLine(process.output) }
            Pause.milliseconds(2000)
        }
    }
}
