import AutomaticUpdates
import Glibc
import LinuxSystem
import SysrootFixtures
import SystemPackage
import TestSupport
import Testing

/// The units that start automatic updates, as far as they can be tried without systemd as the first process.
@Suite(.enabled(if: geteuid() == 0)) struct UnitTests {
    private func analyze(_ arguments: String...) throws -> ProcessResult {
        try run(["/usr/bin/systemd-analyze"] + arguments, environment: ["SYSTEMD_PAGER": ""])
    }

    @Test("systemd finds nothing to object to") func verify() throws {
        let folder = try TemporaryFolder()
        try folder.write("usr/bin/hostctl", text: "#!/bin/sh\n", mode: 0o755)
        let units = folder.path.appending("usr/lib/systemd")
        try Files.makeFolder(units)
        for source in ["/usr/lib/systemd/system", "\(UnitFile.folder)"] {
            let target = units.appending("system").string
            #expect(try run(["/bin/cp", "-aT", source, target]).status == 0)
        }
        let result = try analyze(
            "verify", "--recursive-errors=no", "--root=\(folder.path)", "hostctl-upgrade.service",
            "hostctl-upgrade.timer", "hostctl-finalize.service")
        #expect(result.status == 0 && result.errors.isEmpty, "\(result.errorText)")
        // And it would object.
        try folder.write(
            "usr/lib/systemd/system/hostctl-upgrade.service", text: "[Service]\nExecStart=hostctl\nType=none\n")
        let broken = try analyze("verify", "--recursive-errors=no", "--root=\(folder.path)", "hostctl-upgrade.service")
        #expect(broken.status != 0 || !broken.errors.isEmpty)
    }

    @Test("every verb that a unit starts exists, with the options that it is given") func verbs() throws {
        var commands = 0
        for name in try Files.names(in: UnitFile.folder) where name.hasSuffix(".service") {
            let unit = try UnitFile(name)
            for line in ["ExecStart", "ExecStartPre", "ExecStop"].flatMap({ unit.values($0) }) {
                let words = line.split(separator: " ").map(String.init)
                // A dash says that a failure does not count.
                let program = String(words[0].drop { $0 == "-" })
                #expect(program == "/usr/bin/hostctl", "\(name)")
                let verb = words.dropFirst().prefix { !$0.hasPrefix("--") }.joined(separator: " ")
                let help = try run([BuiltProducts.hostctl] + words.dropFirst() + ["--help"])
                #expect(help.status == 0, "\(name): \(line): \(help.errorText)")
                // The help of what a verb is below is no help for one that is not there.
                #expect(Self.usage(help).contains(" \(verb) "), "\(name): \(help.text)")
                for option in words where option.hasPrefix("--") {
                    #expect(help.text.contains(option), "\(name): \(option)")
                }
                commands += 1
            }
        }
        #expect(commands >= 7)
        let unknown = try run([BuiltProducts.hostctl, "boot", "no-such-verb", "--help"])
        #expect(unknown.status != 0 || !Self.usage(unknown).contains("no-such-verb"))
    }

    private static func usage(_ help: ProcessResult) -> String {
        help.text.split(separator: "\n").first { $0.hasPrefix("USAGE:") }.map { "\($0) " } ?? ""
    }

    @Test("systemd's measure of exposure stays at 2.5 or less") func exposure() throws {
        let unit = UnitFile.folder.appending("hostctl-upgrade.service").string
        let result = try analyze("security", "--offline=true", "--threshold=25", unit)
        let line = result.text.split(separator: "\n").last.map(String.init) ?? ""
        print(line)
        #expect(result.status == 0, "\(line)")
        #expect(try analyze("security", "--offline=true", "--threshold=1", unit).status != 0)
    }

    @Test("the timer makes up for what was missed, and spreads hosts over hours, each at its own time") func timer()
        throws
    {
        let timer = try UnitFile("hostctl-upgrade.timer")
        #expect(timer.words("Persistent") == ["yes"])
        #expect(timer.words("FixedRandomDelay") == ["yes"])
        #expect(timer.words("RandomizedDelaySec") == ["6h"])
        #expect(try analyze("calendar", timer.words("OnCalendar").joined(separator: " ")).status == 0)
    }

    @Test("with the unit's capabilities and read-only file systems an update is deployed, and the host is restarted")
    func sandbox() throws {
        let host = try BootedHost(settings: ["[Upgrade]", "Policy=reboot"])
        let result = try host.runUnit()
        expect(result, 0)
        #expect(result.text == "policy reboot: 3 is deployed, the host restarts\n")
        #expect(try host.restarts() == ["reboot --check-inhibitors=yes"])
        #expect(try host.versions() == ["3", "2"])
        #expect(throws: Never.self) { try host.sysroot.fsck() }
    }

    private static let notBooted = "did not boot when the host was restarted"

    @Test("a release that does not boot is restarted for once, whatever runs, pauses and checks come in between")
    func restartLoop() throws {
        let host = try BootedHost(settings: ["[Upgrade]", "Policy=reboot"])
        expect(try host.runUnit(), 0)
        try host.boot("second", entry: 1)
        for _ in 1...2 { #expect(try host.runUnit().text.contains(Self.notBooted)) }
        try host.hostctl("auto-update", "run", "--policy", "check")
        #expect(try host.runUnit().text.contains(Self.notBooted))
        try host.hostctl("auto-update", "hold")
        #expect(try host.runUnit().text.contains("held"))
        try host.hostctl("auto-update", "resume")
        #expect(try host.runUnit().text.contains(Self.notBooted))
        host.server.breakDown(after: 0)
        expect(try host.runUnit(), 5)
        host.server.heal()
        try host.boot("third", entry: 1)
        #expect(try host.runUnit().text.contains(Self.notBooted))
        #expect(try host.restarts().count == 1)
    }

    @Test("a restart that was recorded and never came, as when the power went, is asked for again in the same boot")
    func restartCutOff() throws {
        let host = try BootedHost(settings: ["[Upgrade]", "Policy=reboot"])
        for count in 1...2 {
            expect(try host.runUnit(), 0, "")
            #expect(try host.restarts().count == count)
        }
    }

    @Test(
        "killed around the record of a restart, the next run deploys nothing twice and asks once",
        arguments: ["restart.before-record", "restart.after-record"])
    func killedAtRecord(_ point: String) throws {
        let host = try BootedHost(settings: ["[Upgrade]", "Policy=reboot"])
        let result = try host.runUnit(before: ["env", "HOSTCTL_FAULT_POINT=\(point)"])
        #expect(result.end == .signaled(9), "\(point) was not reached: \(result.text)\(result.errorText)")
        #expect(try host.restarts() == [])
        expect(try host.runUnit(), 0)
        #expect(try host.restarts().count == 1)
        #expect(try host.versions() == ["3", "2"])
    }

    @Test("a release that has booted is not said not to have, when the host goes back from it and to it again")
    func bootedAndLeft() throws {
        let host = try BootedHost(settings: ["[Upgrade]", "Policy=reboot"])
        expect(try host.runUnit(), 0)
        try host.boot("second", entry: 2)
        #expect(try host.runUnit().text.contains("nothing newer than 3"))
        try host.boot("third", entry: 1)
        #expect(try host.runUnit().text.contains("3 is deployed and starts with the next boot"))
        #expect(try host.restarts().count == 1)
    }

    @Test("a pause that begins after the run did keeps the host from being restarted") func lateHold() throws {
        let host = try BootedHost(settings: ["[Upgrade]", "Policy=reboot"])
        try host.refuseRestart()
        expect(try host.runUnit(), 0)
        try host.allowRestart()
        guard let index = host.server.requests.first?.path else { return #expect(Bool(false)) }
        let root = host.sysroot.root
        host.server.set(
            .after {
                do { _ = try AutomaticUpdateHold(root: root).begin(seconds: nil, reason: "year-end") } catch {}
            }, for: index)
        let result = try host.runUnit()
        #expect(result.text.contains("the restart is postponed: held: year-end"), "\(result.text)")
        #expect(try host.restarts().count == 1)
    }

    @Test("a restart that somebody who is logged in prevents is postponed, told in status, and tried by the next run")
    func postponed() throws {
        let host = try BootedHost(settings: ["[Upgrade]", "Policy=reboot"])
        try host.refuseRestart()
        let result = try host.runUnit()
        expect(result, 0, "the restart is postponed: systemd refuses to restart: User ann is logged in")
        #expect(try host.status().contains("the restart is postponed"))
        #expect(try host.versions() == ["3", "2"])
        try host.allowRestart()
        expect(try host.runUnit(), 0)
        #expect(try host.restarts().count == 2)
        #expect(try host.versions() == ["3", "2"])
    }

    @Test("a policy that does not say reboot restarts nothing", arguments: ["check", "download", "stage"])
    func noRestart(_ policy: String) throws {
        let host = try BootedHost(settings: ["[Upgrade]", "Policy=\(policy)"])
        expect(try host.runUnit(), 0)
        expect(try host.runUnit(), 0)
        #expect(try host.restarts() == [])
        #expect(try host.versions() == (policy == "stage" ? ["3", "2"] : ["2", "1"]))
    }

    @Test("every system call of an update is one that the unit allows") func systemCalls() throws {
        let host = try BootedHost(settings: ["[Upgrade]", "Policy=reboot"])
        let result = try host.runUnit(before: ["strace", "-f", "-qq", "-o", "/sysroot/calls"])
        expect(result, 0)
        #expect(try host.versions() == ["3", "2"])
        let log = try Files.read(host.sysroot.root.appending("calls"), limit: 256 << 20)
        let lines = String(decoding: log, as: UTF8.self).split(separator: "\n")
        let called = Set(lines.compactMap(Self.name))
        #expect(called.count > 30 && called.contains("fchown"), "\(called)")
        let refused = called.subtracting(try allowedCalls(host.unit)).sorted()
        #expect(refused.isEmpty, "\(refused)")
        // RestrictAddressFamilies, MemoryDenyWriteExecute, RestrictNamespaces look at arguments.
        let families = Set(lines.filter { $0.contains(" socket(") }.compactMap(Self.family))
        #expect(families.contains("AF_INET") && families.isSubset(of: host.unit.words("RestrictAddressFamilies")))
        #expect(!lines.contains { $0.contains(" mprotect(") && $0.contains("PROT_EXEC") })
        #expect(!lines.contains { $0.contains(" mmap(") && $0.contains("PROT_WRITE|PROT_EXEC") })
        #expect(!lines.contains { $0.contains("CLONE_NEW") })
    }

    private static func family(_ line: Substring) -> String? {
        line.firstRange(of: "socket(").map { range in String(line[range.upperBound...].prefix { $0 != "," }) }
    }

    /// `1234 openat(AT_FDCWD, …`.
    private static func name(_ line: Substring) -> String? {
        let text = line.drop { !$0.isLetter && $0 != "_" }
        let name = text.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
        return !name.isEmpty && text.dropFirst(name.count).first == "(" ? String(name) : nil
    }

    private func allowedCalls(_ unit: UnitFile) throws -> Set<String> {
        var allowed = try members(of: "@default")
        for line in unit.values("SystemCallFilter") {
            for word in line.drop(while: { $0 == "~" }).split(separator: " ") {
                let calls = try members(of: String(word))
                if line.hasPrefix("~") { allowed.subtract(calls) } else { allowed.formUnion(calls) }
            }
        }
        return allowed
    }

    /// The system calls of a set, as the installed systemd knows them.
    private func members(of name: String) throws -> Set<String> {
        if !name.hasPrefix("@") { return [name] }
        var found: Set<String> = []
        for line in try analyze("syscall-filter", name).text.split(separator: "\n").dropFirst() {
            let word = line.drop { $0 == " " }
            if word.hasPrefix("#") { continue }
            found.formUnion(word.hasPrefix("@") ? try members(of: String(word)) : [String(word)])
        }
        return found
    }

    @Test("stopping the boot partition's mount does not stop what switches at the shutdown") func unmounting() throws {
        let unit = try UnitFile("hostctl-finalize.service")
        for key in ["RequiresMountsFor", "Requires", "Requisite", "BindsTo", "PartOf"] {
            #expect(
                !unit.words(key).contains { $0 == "/boot/efi" || $0 == "/boot" || $0 == "boot-efi.mount" }, "\(key)")
        }
        // It is there for the boot all the same, and until the switch at the shutdown.
        #expect(unit.words("Wants").contains("boot-efi.mount") && unit.words("After").contains("boot-efi.mount"))
        #expect(unit.words("RefuseManualStop") == ["yes"])
    }
}
