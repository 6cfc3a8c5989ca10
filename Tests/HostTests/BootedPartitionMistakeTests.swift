import BootLoaders
import Glibc
import LinuxSystem
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

/// What operators get wrong on a running host with a boot partition: `status` ends with 0 all the same, and tells in words
/// and as JSON what came of it.
@Suite(.enabled(if: geteuid() == 0)) struct BootedPartitionMistakeTests {
    private let host: BootedPartition

    init() throws { host = try BootedPartition() }

    private func statusText(sourceLocation: SourceLocation = #_sourceLocation) throws -> String {
        let result = try host.hostctl("status")
        expect(result, 0, sourceLocation: sourceLocation)
        return result.text
    }

    private func statusFields(sourceLocation: SourceLocation = #_sourceLocation) throws -> JSONFields {
        let result = try host.hostctl("status", "--json")
        expect(result, 0, sourceLocation: sourceLocation)
        return try result.json
    }

    /// `status` tells that a command has failed, and why.
    private func expectTold(
        _ command: String, _ reason: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let text = try statusText(sourceLocation: sourceLocation)
        #expect(text.contains("The last change failed: '\(command)'"), "\(text)", sourceLocation: sourceLocation)
        #expect(text.contains(reason), "\(text)", sourceLocation: sourceLocation)
        let failure = try statusFields(sourceLocation: sourceLocation).fields("last-failure")
        #expect(try failure.string("command") == command, sourceLocation: sourceLocation)
        #expect(try failure.string("reason").contains(reason), sourceLocation: sourceLocation)
    }

    @Test("the boot partition is full to its last cluster: an upgrade refuses, and status tells why")
    func fullPartition() throws {
        let filler = host.paths.bootPartition.appending("filler")
        let size = try host.loader.partition.freeSpace()
        try Files.create(filler, bytes: [UInt8](repeating: 0, count: Int(size)), mode: 0o600)
        expect(try host.hostctl("upgrade"), 4, "not enough space on the boot partition")
        try expectTold("hostctl upgrade", "not enough space on the boot partition")
        try Files.remove(filler)
        expect(try host.hostctl("upgrade"), 0)
        #expect(try !statusText().contains("The last change failed"))
    }

    @Test(
        "a health check is not executable, writes without end, or leaves children and fails: status tells which, and why",
        arguments: [
            ("exit 0", 0o644, "it cannot be started: Permission denied"), ("yes", 0o755, "it wrote more than"),
            ("sleep 1000 & sleep 1000 & exit 3", 0o755, "it ended with 3"),
        ] as [(String, UInt32, String)])
    func brokenHealthCheck(_ script: String, _ mode: UInt32, _ reason: String) throws {
        expect(try host.hostctl("boot", "mark-good"), 0)
        expect(try host.hostctl("upgrade", "--version", "2"), 0)
        expect(try host.shutDown(), 0)
        try host.boot(isGood: false)
        let folder = try host.bootedFolder().appending("etc/hostctl/health.d")
        try Files.makeFolder(folder)
        try Files.create(folder.appending("10-mine"), bytes: Array("#!/bin/sh\n\(script)\n".utf8), mode: mode)
        let boot = try host.shell("hostctl boot check; hostctl boot failed --dry-run")
        expect(boot, 0)
        #expect(boot.text.contains("the host restarts"), "\(boot.text)\(boot.errorText)")
        let text = try statusText()
        #expect(text.contains("The last boot of lean-host/stable 2 failed"), "\(text)")
        #expect(text.contains("/etc/hostctl/health.d/10-mine: \(reason)"), "\(text)")
        let failing = try statusFields().fields("boots").fields("failing")
        #expect(try failing.string("reason").contains("10-mine: \(reason)"))
    }

    @Test(
        "an argument for the kernel with a line break, an open quote or a bare space is refused, and status tells it",
        arguments: ["a\nb", "x=\"a", "a b"])
    func refusedKernelArgument(_ text: String) throws {
        let before = try host.entries
        expect(try host.hostctl("kernel-args", "--append", text), 1, "no argument for the kernel")
        #expect(try host.entries == before)
        try expectTold("hostctl kernel-args", "no argument for the kernel")
    }

    @Test("passwd has a name and a number twice: told where the image's account needs the number, and no line is lost")
    func duplicateAccounts() throws {
        let users = """
            root:x:0:0::/root:/bin/sh
            ann:x:1000:1000::/:/bin/sh
            ann:x:1001:1001::/:/bin/sh
            bob:x:1000:1000::/:/bin/sh

            """
        try Files.replace(host.bootedFolder().appending("etc/passwd"), with: Array(users.utf8))
        var image = HostFixture.image("4")
        image.files["usr/etc/passwd"] = "root:x:0:0::/root:/bin/sh\nsvc:x:1000:1000::/:/bin/false\n"
        try host.host.publish(image)
        expect(try host.hostctl("upgrade", "--etc-policy", "fail"), 1, "/etc/passwd")
        try expectTold("hostctl upgrade", "/etc/passwd")
        expect(try host.hostctl("upgrade"), 0, "which the local user 'ann' has")
        let text = try statusText()
        #expect(text.contains("staged, next boot") && !text.contains("The last change failed"), "\(text)")
        expect(try host.shutDown(), 0)
        try host.boot()
        #expect(try Files.read(host.bootedFolder().appending("etc/passwd"), limit: 999) == Array(users.utf8))
        #expect(try statusText().contains("(booted, default"))
        #expect(try statusFields().objects("problems").isEmpty)
    }
}
