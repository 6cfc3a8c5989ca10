import Glibc
import LinuxSystem
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

/// `etc-diff`, `--etc-policy`, `kernel-args`, `factory-reset`, `usr-overlay`: what an operator types.
@Suite struct LocalChangeTests {
    private let host: HostFixture

    init() throws { host = try .prepared() }

    private func etc(_ name: String, of index: Int = 0) throws -> FilePath {
        try host.folder(index).appending("etc").appending(name)
    }

    private func write(_ name: String, _ text: String) throws {
        try Files.replace(etc(name), with: Array(text.utf8))
    }

    private func read(_ path: FilePath) throws -> String {
        String(decoding: try Files.read(path, limit: 1 << 16), as: UTF8.self)
    }

    @Test("etc-diff lists as `ostree admin config-diff`, and changes of mode besides")
    func difference() throws {
        try write("setting", "mine\n")
        try write("new", "x")
        try Files.remove(etc("hostname"))
        let stock = try host.sysroot.ostree("admin", "config-diff", "--sysroot=\(host.root)", "--os=host")
        let ours = try host.change("etc-diff").text
        let plain = { (text: String) in Set(text.split(separator: "\n").map(String.init)) }
        // What the installation has put there is in both.
        #expect(plain(ours) == plain(stock))
        #expect(plain(ours).isSuperset(of: ["M    setting", "A    new", "D    hostname"]))
        #expect(try chmod(etc("setting").string, 0o600) == 0)
        #expect(try host.change("etc-diff").text.contains("M    setting (content, mode)"))
        let changes = try host.changeJSON("etc-diff").objects("changes")
        let setting = try changes.first { try $0.string("path") == "setting" }
        #expect(try setting?.strings("aspects") == ["content", "mode"])
        expect(try host.onSysroot("etc-diff", "9"), 1, "there is no deployment 9")
    }

    @Test("upgrade tells of a conflict, and takes the side that it is told to", arguments: ["keep", "new", "fail"])
    func policy(_ policy: String) throws {
        let host = try HostFixture(releases: ["1"])
        var image = HostFixture.image("2")
        image.files["usr/etc/setting"] = "changed\n"
        try host.publish(image)
        try Files.replace(host.folder().appending("etc/setting"), with: Array("mine\n".utf8))
        let result = try host.onSysroot("upgrade", "--etc-policy", policy)
        if policy == "fail" {
            expect(result, 1, "/etc/setting")
            try host.expectAgreement(["1"])
            #expect(try host.status().fields("last-failure").string("reason").contains("/etc/setting"))
            return
        }
        expect(result, 0, "warning: /etc/setting: modified here and modified by the image")
        try host.expectAgreement(["2", "1"])
        #expect(try read(host.folder().appending("etc/setting")) == (policy == "keep" ? "mine\n" : "changed\n"))
    }

    @Test("a policy that there is not is a usage error")
    func unknownPolicy() throws {
        expect(try host.onSysroot("upgrade", "--etc-policy", "ours"), 2)
    }

    @Test("kernel-args shows both origins, changes them, and upgrades keep this host's")
    func kernelArguments() throws {
        try host.change("kernel-args", "--append", "console=ttyS0", "--append", "x=\"a b\"")
        try host.expectAgreement(["2", "2"])
        let answer = try host.changeJSON("kernel-args")
        let arguments = try answer.objects("arguments")
        #expect(try arguments.map { try $0.string("argument") } == ["console=ttyS0", "x=\"a b\""])
        #expect(try arguments.allSatisfy { try $0.string("origin") == "local" })
        #expect(try !host.changeJSON("kernel-args", "--append", "console=ttyS0").bool("changed"))
        try host.change("upgrade")
        try host.change("kernel-args", "--replace", "console=ttyS1", "--delete", "x")
        #expect(try host.change("kernel-args").text == "local     console=ttyS1\n")
        try host.expectAgreement(["3", "3"])
    }

    @Test("an argument that would break the boot entry is refused", arguments: ["a\nb", "ostree=/x", "x=\"a", "a b"])
    func badArgument(_ text: String) throws {
        expect(try host.onSysroot("kernel-args", "--append", text), 1, "no argument for the kernel")
        try host.expectAgreement(["2", "1"])
    }

    @Test("factory-reset: pristine /etc, fresh /var, what is named stays, and cleanup removes the old /var")
    func factoryReset() throws {
        let state = host.sysroot.paths.deploy.appending("host/var")
        try write("setting", "mine\n")
        try write("kept", "kept\n")
        try write("fstab", "mounts\n")
        try Files.makeFolder(state.appending("lib/app/deep"), mode: 0o700)
        try Files.replace(state.appending("lib/app/deep/data"), with: Array("data".utf8))
        try Files.replace(state.appending("lib/other"), with: Array("gone".utf8))
        let answer = try host.changeJSON(
            "factory-reset", "--yes", "--keep", "/etc/kept", "--keep", "/var/lib/app", "--keep", "/var/none")
        try host.expectAgreement(["2", "2"])
        #expect(try read(etc("setting")) == "default\n")
        #expect(try read(etc("kept")) == "kept\n")
        #expect(try read(etc("fstab")) == "mounts\n")
        #expect(try read(etc("setting", of: 1)) == "mine\n")
        #expect(try Files.names(in: etc("hostctl/trusted-keys.d")).count == 1)
        #expect(try read(state.appending("lib/app/deep/data")) == "data")
        #expect(!Files.exists(state.appending("lib/other")))
        #expect(try Files.names(in: state) == ["lib", "lock", "log", "run", "tmp"])
        #expect(try answer.strings("missing") == ["/var/none"])
        let former = try host.root.appending(answer.string("former_var"))
        #expect(try read(former.appending("lib/other")) == "gone")
        // The trust, and with it upgrades, outlive it.
        try host.change("upgrade")
        #expect(try host.change("cleanup", "--dry-run").text.contains("was /var before a factory reset"))
        #expect(Files.exists(former))
        try host.change("cleanup")
        #expect(!Files.exists(former))
        #expect(try Files.names(in: state.removingLastComponent()) == ["deploy", "var"])
        #expect(!Files.exists(host.sysroot.paths.state.appending("reset.json")))
    }

    @Test("factory-reset is not done by accident, nor for a path elsewhere")
    func notConfirmed() throws {
        let before = try host.sysroot.snapshot()
        expect(try host.onSysroot("factory-reset"), 2, "--yes")
        for path in ["/home/x", "etc/x", "/var", "/etc/../root", "/etc"] {
            expect(try host.onSysroot("factory-reset", "--yes", "--keep", path), 2, "below /etc or /var")
        }
        #expect(try host.sysroot.snapshot() == before)
    }

    @Test(
        "a factory reset killed anywhere is the old or the new one, and complete when it is run again",
        arguments: [
            "reset.before-state", "reset.after-state", "deploy.after-checkout", "etc.after-switch",
            "deploy.after-switch", "reset.after-deploy", "reset.before-switch", "reset.before-rename",
            "reset.after-switch", "reset.after-record",
        ])
    func killed(_ point: String) throws {
        let state = host.sysroot.paths.deploy.appending("host/var")
        try Files.replace(state.appending("lib/data"), with: Array("data".utf8))
        let arguments = ["factory-reset", "--yes", "--keep", "/var/lib/data", "--sysroot", host.root.string]
        let killed = try host.hostctl(arguments, environment: ["HOSTCTL_FAULT_POINT": point])
        #expect(killed.end == .signaled(9))
        #expect(try read(state.appending("lib/data")) == "data")
        try host.succeed(arguments)
        try host.expectAgreement(["2", "2"])
        #expect(try read(state.appending("lib/data")) == "data")
        let names = try Files.names(in: state.removingLastComponent())
        // Killed when all was done, it is a second reset.
        let former = names.filter { $0.hasPrefix("var.before-reset") }
        #expect(former.count == (point == "reset.after-record" ? 2 : 1), "\(names)")
        #expect(!names.contains("var.hostctl-new"))
        try host.change("cleanup")
        #expect(try Files.names(in: state.removingLastComponent()) == ["deploy", "var"])
    }

    @Test("usr-overlay refuses where nothing is booted")
    func notBooted() throws {
        expect(try host.hostctl(["usr-overlay"]), 1, "was not started from a deployment")
    }

    @Test("usr-overlay makes /usr writable on a booted host, status says so, and a second one is refused")
    func overlay() throws {
        let booted = try BootedHost(settings: [])
        let script = """
            hostctl usr-overlay && echo new >/usr/share/hostctl-test && hostctl status && hostctl status --json &&
            stat -c %a /usr && ! hostctl usr-overlay
            """
        let result = try booted.run(["/bin/sh", "-c", script])
        expect(result, 0, "/usr is writable already")
        #expect(result.text.contains("WRITABLE until the next boot"))
        #expect(result.text.contains("\"usr-overlay\": true"))
        #expect(result.text.hasSuffix("755\n"))
        #expect(try !booted.hostctl("status").contains("WRITABLE"))
    }

    @Test("factory-reset of a running host is refused, and changes nothing")
    func running() throws {
        let booted = try BootedHost(settings: [])
        expect(try booted.run(["hostctl", "factory-reset", "--yes"]), 1, "the running host uses the /var")
        #expect(try booted.versions() == ["2", "1"])
    }
}
