import Glibc
import LinuxSystem
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing

/// What a killed download of one release means to the next release.
@Suite struct OtherDownloadTests {
    /// An image of which most is in one file that does not compress much and is in no other image.
    private static func image(_ version: String) -> TestImage {
        var image = HostFixture.image(version)
        var generator = SeededGenerator(7, stream: UInt64(version) ?? 0)
        let lines = (0..<200_000).map { _ in String(generator.next(), radix: 36) }
        image.files["usr/share/large"] = lines.joined(separator: "\n")
        return image
    }

    @Test(
        "what a killed download of another release has staged is no part of this one, and makes room for it",
        .enabled(if: geteuid() == 0, "mounts a file system"))
    func room() throws {
        let host = try HostFixture(publishing: ["1"], installing: nil)
        let disk = try SmallDisk(host.sysroot.beside("disk"), at: host.root, size: 24 << 20)
        try host.install(version: "1")
        for version in ["2", "3"] { try host.publish(Self.image(version)) }
        let killed = try host.onSysroot(
            "upgrade", "--version", "2", environment: ["HOSTCTL_FAULT_POINT": "fetch.after-objects"])
        #expect(killed.end == .signaled(9))
        // Less than the large file of 3, and more than all that it needs besides.
        try disk.fill(leaving: 400)
        expect(try host.onSysroot("upgrade"), 0)
        try host.expectAgreement(["3", "1"])
        try disk.unmount()
    }

    @Test("what a killed download of the same release has staged counts still, whatever was staged before it")
    func same() throws {
        let host = try HostFixture(releases: ["1", "2", "3"], installed: "1")
        for version in ["2", "3", "3"] {
            let killed = try host.onSysroot(
                "upgrade", "--version", version, environment: ["HOSTCTL_FAULT_POINT": "fetch.after-objects"])
            #expect(killed.end == .signaled(9))
        }
        let names = host.sysroot.paths.state.appending("download/releases")
        let lines = String(decoding: try Files.read(names, limit: 1 << 16), as: UTF8.self).split(separator: "\n")
        let commits = try ["2", "3"].map { try host.commit($0) }
        #expect(lines.map(String.init) == commits.sorted())
        try host.change("upgrade")
        #expect(!Files.exists(names))
    }

    @Test("what was staged before anybody wrote down for which release stays unknown, also to the second run after it")
    func unknown() throws {
        let host = try HostFixture(releases: ["1", "2"], installed: "1")
        func kill(at point: String) throws {
            #expect(try host.onSysroot("upgrade", environment: ["HOSTCTL_FAULT_POINT": point]).end == .signaled(9))
        }
        try kill(at: "fetch.after-objects")
        let names = host.sysroot.paths.state.appending("download/releases")
        try Files.remove(names)
        for _ in 1...2 {
            try kill(at: "fetch.after-releases")
            let lines = String(decoding: try Files.read(names, limit: 1 << 16), as: UTF8.self).split(separator: "\n")
            #expect(Set(lines.map(String.init)) == ["unknown", try host.commit("2")])
        }
        try host.change("upgrade")
        #expect(!Files.exists(names))
    }
}
