import HealthChecks
import LinuxSystem
import Settings
import SystemPackage
import TestSupport
import Testing

@Suite struct HealthRunTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder(inMemory: true) }

    private func script(_ path: String, _ text: String, mode: UInt32 = 0o755) throws {
        try folder.write(path, text: "#!/bin/sh\n\(text)\n", mode: mode)
    }

    private func run(_ change: (inout HealthSettings) -> Void = { _ in }) throws -> HealthReport {
        var settings = HealthSettings()
        settings.checkSeconds = 2
        change(&settings)
        return try HealthRun(
            root: folder.path, settings: settings, systemctl: folder.path.appending("systemctl").string,
            hostctl: [folder.path.appending("hostctl").string]
        ).run()
    }

    @Test("the hooks of one colour run in order, and one that fails or hangs is told, and no more")
    func hooks() throws {
        let log = folder.path.appending("log")
        try script("etc/hostctl/red.d/20-b", "echo b >>\(log)")
        try script("usr/lib/hostctl/red.d/10-a", "echo a >>\(log); echo no mail >&2; exit 1")
        try script("usr/lib/hostctl/red.d/15-hangs", "sleep 60")
        try script("etc/hostctl/green.d/10-c", "echo c >>\(log)")
        let notes = Guarded<[String]>([])
        var settings = HealthSettings()
        settings.checkSeconds = 1
        try HealthRun(root: folder.path, settings: settings, notice: { note in notes.with { $0.append(note) } }).tell(
            "red.d")
        #expect(try Files.read(log, limit: 99) == Array("a\nb\n".utf8))
        let told = notes.with { $0 }
        #expect(told.count == 2 && told[0].hasSuffix("10-a failed: it ended with 1: no mail"), "\(told)")
        #expect(told.last?.contains("15-hangs failed: it did not end within 1 seconds") == true, "\(told)")
        try HealthRun(root: folder.path, settings: settings, notice: { note in notes.with { $0.append(note) } }).tell(
            "green.d")
        #expect(try Files.read(log, limit: 99) == Array("a\nb\nc\n".utf8) && notes.with { $0.count } == 2)
    }

    @Test("no checks at all is healthy")
    func none() throws { #expect(try run().isHealthy) }

    @Test("required checks of all folders count, wanted ones do not")
    func folders() throws {
        try script("etc/hostctl/health.d/10-a", "exit 0")
        try script("usr/lib/hostctl/health.d/20-b", "exit 0")
        try script("etc/greenboot/check/required.d/c.sh", "exit 0", mode: 0o644)
        try script("usr/lib/greenboot/check/wanted.d/d.sh", "echo broken >&2; exit 3")
        try script("etc/greenboot/check/wanted.d/README", "exit 1")
        let report = try run()
        #expect(report.isHealthy)
        #expect(report.results.map { FilePath($0.name).lastComponent?.string } == ["10-a", "20-b", "c.sh", "d.sh"])
        #expect(report.results[3].failure == "it ended with 3: broken")
        try script("usr/lib/greenboot/check/required.d/e.sh", "exit 1")
        #expect(try run().firstFailure?.contains("e.sh: it ended with 1") == true)
    }

    @Test("a file in /etc replaces one of the image, and a link to /dev/null masks it")
    func masks() throws {
        try script("usr/lib/hostctl/health.d/a", "exit 1")
        try script("usr/lib/hostctl/health.d/b", "exit 1")
        try script("etc/hostctl/health.d/a", "exit 0")
        try Files.makeLink(folder.path.appending("etc/hostctl/health.d/b"), target: "/dev/null")
        let report = try run()
        #expect(report.isHealthy && report.results.count == 1)
    }

    @Test("a check that cannot be started has failed")
    func notExecutable() throws {
        try script("etc/hostctl/health.d/a", "exit 0", mode: 0o644)
        #expect(try run().firstFailure?.contains("cannot be started: Permission denied") == true)
        try script("etc/hostctl/health.d/a", "exit 0")
        try folder.write("etc/hostctl/health.d/b", text: "no program", mode: 0o755)
        #expect(try run().firstFailure?.contains("b: it cannot be started") == true)
    }

    @Test("a check that does not end is ended, and so is one that ignores being asked to")
    func endless() throws {
        try script("etc/hostctl/health.d/a", "trap '' TERM; echo waiting; while :; do sleep 1; done")
        let start = ContinuousClock.now
        let report = try run { $0.checkSeconds = 1 }
        #expect(report.firstFailure?.contains("did not end within 1 seconds: waiting") == true)
        #expect(ContinuousClock.now - start < .seconds(20))
    }

    @Test("endless output is cut off")
    func output() throws {
        try script("etc/hostctl/health.d/a", "yes")
        #expect(try run { $0.checkSeconds = 60 }.firstFailure?.contains("it wrote more than") == true)
    }

    @Test("a child that keeps the output open is not waited for, and does not stay")
    func forks() throws {
        try script("etc/hostctl/health.d/a", "sleep 1000 & echo $! > \(folder.path)/child; exit 0")
        let start = ContinuousClock.now
        #expect(try run { $0.checkSeconds = 60 }.isHealthy)
        #expect(ContinuousClock.now - start < .seconds(20))
        let child = String(decoding: try folder.read("child"), as: UTF8.self).dropLast()
        #expect(waitUntil { !Files.exists(FilePath("/proc/\(child)/fd/1")) })
    }

    @Test("units have to be active, and those on their way are waited for")
    func units() throws {
        try script(
            "systemctl",
            """
            case $3 in good) echo active;; bad) echo failed; exit 3;;
            slow) if [ -e \(folder.path)/slow ]; then echo active; else touch \(folder.path)/slow; echo activating; exit 3; fi;;
            *) echo inactive; exit 3;; esac
            """)
        #expect(try run { $0.requiredUnits = ["good", "slow"] }.isHealthy)
        #expect(try run { $0.requiredUnits = ["good", "bad"] }.firstFailure == "unit bad: it is failed")
        #expect(try run { $0.requiredUnits = ["none"] }.firstFailure == "unit none: it is inactive")
    }

    @Test("the origin is asked only when that is wanted")
    func origin() throws {
        try script("hostctl", "echo 'error: no network' >&2; exit 5")
        #expect(try run().results.isEmpty)
        #expect(try run { $0.origin = .wanted }.isHealthy)
        #expect(try run { $0.origin = .required }.firstFailure == "origin: error: no network")
    }

    @Test("control characters of a check reach no terminal")
    func control() throws {
        try script("etc/hostctl/health.d/a", "printf '\\033[31mred\\007\\n'; exit 1")
        #expect(try run().firstFailure?.hasSuffix("it ended with 1: [31mred") == true)
    }

    @Test("a report reads back as it was written")
    func report() throws {
        let report = HealthReport(results: [
            .init(name: "a", isRequired: true, failure: nil), .init(name: "b", isRequired: false, failure: "c"),
        ])
        let path = folder.path.appending("health.json")
        #expect(HealthReport.load(path) == nil)
        try report.save(path)
        #expect(HealthReport.load(path) == report)
    }
}
