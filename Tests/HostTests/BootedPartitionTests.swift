import BootLoaders
import Glibc
import LinuxSystem
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

/// Whole commands on a running host with a boot partition.
@Suite(.enabled(if: geteuid() == 0)) struct BootedPartitionTests {
    @Test("upgrade, shutdown, boot, rollback: staged, switched to with the /etc of that moment, and left again")
    func wholeRound() throws {
        let host = try BootedPartition()
        let upgrade = try host.hostctl("upgrade", "--version", "2")
        expect(upgrade, 0)
        #expect(upgrade.text.contains("2 is staged"))
        let status = try host.hostctl("status").text
        #expect(status.contains("staged, next boot after a clean shutdown") && status.contains("(booted, default)"))
        #expect(try host.entries == ["host-000001"])
        // Asked again, there is nothing to do.
        let again = try host.hostctl("upgrade", "--version", "2", "--unchanged-exit-77")
        expect(again, 77)
        #expect(again.text.contains("staged already"))

        try Files.replace(host.bootedFolder().appending("etc/setting"), with: Array("mine\n".utf8))
        let start = ContinuousClock.now
        expect(try host.shutDown(), 0)
        print("finalize, with its start: \(ContinuousClock.now - start)")
        #expect(try host.entries == ["host-000002+3", "host-000001"])
        #expect(try host.hostctl("status").text.contains("3 tries left"))
        try host.boot()
        #expect(try Files.read(host.bootedFolder().appending("etc/setting"), limit: 99) == Array("mine\n".utf8))
        #expect(try host.hostctl("status").text.contains("(booted, default)"))

        let rollback = try host.hostctl("rollback", "--json")
        expect(rollback, 0)
        #expect(try rollback.json.string("version") == "1")
        #expect(try host.entries == ["host-000003", "host-000002"])
        #expect(try host.hostctl("status", "--json").json.objects("problems").isEmpty)
        try host.host.sysroot.fsck()
    }

    @Test("a rollback discards what is staged, and says so") func discard() throws {
        let host = try BootedPartition()
        expect(try host.hostctl("upgrade"), 0)
        let result = try host.hostctl("rollback")
        expect(result, 0)
        #expect(result.text.contains("3, which was staged, is discarded"))
        #expect(try host.entries == ["host-000001"])
        #expect(try host.hostctl("history").text.contains("rollback"))
    }

    @Test("a shutdown that could not switch is told by status, and by the next upgrade's exit code and reason")
    func failedFinalization() throws {
        let host = try BootedPartition()
        expect(try host.hostctl("upgrade"), 0)
        let staged = try #require(SysrootReader(root: host.host.root).report().staged)
        // Its kernel is lost, here and there, after it was staged; that of what runs is not the one that it had.
        try OriginText.setGuarded(
            true, bootChecksum: String(repeating: "0", count: 64), of: staged.name, in: host.paths)
        let folder = host.paths.folder(of: staged.name)
        try Files.whileChangeable(folder) {
            try Files.removeTree(folder.appending("usr/lib/modules"))
            try Files.removeTree(host.loader.partition.own)
        }
        expect(try host.shutDown(), 1)
        #expect(try host.entries.isEmpty == false)
        #expect(try host.hostctl("status").text.contains("The last change failed: 'hostctl finalize'"))
        let next = try host.hostctl("upgrade")
        expect(next, 1, "the last shutdown could not switch to it")
        // And so for everyone who asks, until it is settled.
        expect(try host.hostctl("upgrade"), 1, "the last shutdown could not switch to it")
        expect(try host.hostctl("rollback"), 0)
        #expect(try host.hostctl("status").text.contains("The last change failed") == false)
    }

    @Test("a new deployment is started as often as boot.json says", arguments: [1, 5]) func tries(_ number: Int) throws
    {
        let host = try BootedPartition(tries: number)
        expect(try host.hostctl("upgrade", "--version", "2"), 0)
        expect(try host.shutDown(), 0)
        #expect(try host.entries == ["host-000002+\(number)", "host-000001"])
        #expect(try host.hostctl("status").text.contains(number == 1 ? "1 try left" : "\(number) tries left"))
        #expect(try host.hostctl("boot", "status", "--json").json.integer("tries") == Int64(number))
    }

    private func setTries(_ text: String, of host: BootedPartition) throws {
        try host.host.sysroot.write(
            "ostree/hostctl/boot.json",
            "{\"format\":1,\"loader\":\"systemd-boot\",\"partition\":\"12345678-01\",\"tries\":\(text)}")
    }

    @Test("a number of tries that no loader can count is brought into its range", arguments: [("0", 1), ("1000", 9)])
    func oddTries(_ text: String, _ counted: Int) throws {
        let host = try BootedPartition()
        try setTries(text, of: host)
        expect(try host.hostctl("upgrade", "--version", "2"), 0)
        expect(try host.shutDown(), 0)
        #expect(try host.entries == ["host-000002+\(counted)", "host-000001"])
    }

    @Test(
        "what is no number of tries damages boot.json: told by status, and nothing is changed",
        arguments: ["-1", "\"x\"", "1.5"])
    func noTries(_ text: String) throws {
        let host = try BootedPartition()
        try setTries(text, of: host)
        expect(try host.hostctl("upgrade"), 1, "boot.json is damaged")
        #expect(try host.entries == ["host-000001"])
        let status = try host.hostctl("status")
        expect(status, 0)
        #expect(status.text.contains("boot.json is damaged"), "\(status.text)")
        let json = try host.hostctl("status", "--json")
        expect(json, 0)
        #expect(try json.json.objects("problems").contains { try $0.string("kind") == "unreadable-state" })
    }

    @Test("the kernel's arguments are changed in a staged deployment, and the next upgrade keeps them")
    func kernelArguments() throws {
        let host = try BootedPartition()
        expect(try host.hostctl("kernel-args", "--append", "quiet"), 0)
        #expect(try host.entries == ["host-000001"])
        expect(try host.hostctl("upgrade"), 0)
        expect(try host.shutDown(), 0)
        let entry = try #require(try host.loader.listing().entries.first)
        #expect(entry.arguments == ["root=LABEL=root", "quiet"])
    }

    @Test(
        "stopping the unit, a soft reboot and a start of something else are no shutdown: it stays staged",
        arguments: [
            "", "7 soft-reboot.target start waiting", "8 kexec.target start waiting", "9 reboot.target stop waiting",
        ])
    func noShutdown(_ jobs: String) throws {
        let host = try BootedPartition()
        expect(try host.hostctl("upgrade"), 0)
        host.jobs = jobs
        let result = try host.hostctl("finalize")
        expect(result, 0)
        #expect(result.text.contains("stays staged until the host shuts down"))
        #expect(try host.entries == ["host-000001"])
        // By demand all the same.
        expect(try host.hostctl("finalize", "--now"), 0)
        #expect(try host.entries == ["host-000002+3", "host-000001"])
    }

    @Test("after a shutdown that was cut off doctor says what follows, and after one that came through, nothing")
    func halfFinalized() throws {
        let host = try BootedPartition()
        expect(try host.hostctl("upgrade"), 0)
        host.jobs = "12 reboot.target start waiting"
        _ = try host.hostctl("finalize", environment: ["HOSTCTL_FAULT_POINT": "finalize.before-switch"])
        host.jobs = ""
        #expect(try host.entries == ["host-000001"])
        #expect(try host.hostctl("doctor").text.contains("the next shutdown switches to it"))
        #expect(try host.hostctl("status").text.contains("staged, next boot after a clean shutdown"))
        expect(try host.hostctl("finalize", "--resume"), 0, "")
        #expect(try !host.hostctl("doctor").text.contains("the next shutdown switches to it"))
        expect(try host.shutDown(), 0)
        try host.boot()
        #expect(try !host.hostctl("doctor").text.contains("interrupted"))
        #expect(try host.hostctl("status").text.contains("(booted, default)"))
    }

    @Test("where systemd does not answer, nothing is switched, and status tells") func silentManager() throws {
        let host = try BootedPartition()
        expect(try host.hostctl("upgrade"), 0)
        host.jobs = nil
        expect(try host.hostctl("finalize"), 1, "cannot be told whether the host is shutting down: no answer")
        #expect(try host.entries == ["host-000001"])
        let status = try host.hostctl("status").text
        #expect(status.contains("staged, next boot") && status.contains("cannot be told"))
    }

    @Test("the unit is one that systemd can read, and it is stopped after everything that writes to /etc")
    func unit() throws {
        let unit = try UnitFile("hostctl-finalize.service")
        #expect(unit.words("ExecStop") == ["/usr/bin/hostctl", "finalize", "--wait", "60"])
        #expect(unit.words("Before").contains("basic.target"))
        #expect(unit.words("IgnoreOnIsolate") == ["yes"] && unit.words("RefuseManualStop") == ["yes"])
        // Wanted and not required: who unmounts it would stop the unit.
        #expect(unit.words("After").contains("boot-efi.mount") && unit.words("Wants") == ["boot-efi.mount"])
        let folder = try TemporaryFolder()
        try folder.write("usr/bin/hostctl", text: "#!/bin/sh\n", mode: 0o755)
        let units = folder.path.appending("usr/lib/systemd")
        try Files.makeFolder(units)
        for source in ["/usr/lib/systemd/system", "\(UnitFile.folder)"] {
            #expect(try run(["/bin/cp", "-aT", source, units.appending("system").string]).status == 0)
        }
        let result = try run(
            [
                "/usr/bin/systemd-analyze", "verify", "--recursive-errors=no", "--root=\(folder.path)",
                "hostctl-finalize.service",
            ], environment: ["SYSTEMD_PAGER": ""])
        #expect(result.status == 0 && result.errors.isEmpty, "\(result.errorText)")
    }
}
