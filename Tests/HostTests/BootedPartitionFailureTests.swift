import BootLoaders
import Glibc
import LinuxSystem
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

/// Whole commands on a running host whose releases do not come up.
@Suite(.enabled(if: geteuid() == 0)) struct BootedPartitionFailureTests {
    /// The boot fails, as `hostctl-boot-failed.service` sees it.
    private func fails(_ host: BootedPartition) throws -> String {
        let result = try host.hostctl("boot", "failed", "--dry-run", "--json")
        expect(result, 0)
        return try result.json.string("consequence")
    }

    @Test(
        "two deployments that both fail: the host stays on the last good one, up and reachable, and takes neither again"
    )
    func bothFail() throws {
        let host = try BootedPartition()
        expect(try host.hostctl("boot", "mark-good"), 0)
        expect(try host.hostctl("upgrade", "--version", "2"), 0)
        expect(try host.shutDown(), 0)
        for _ in 1...3 {
            try host.boot(isGood: false)
            expect(try host.hostctl("boot", "record"), 0)
            #expect(try fails(host) == "restart")
        }
        // The one before fails as well, by now: nothing would be gained by another restart.
        for _ in 1...4 {
            try host.boot(isGood: false)
            expect(try host.hostctl("boot", "record"), 0)
            #expect(try fails(host) == "stay")
        }
        let status = try host.hostctl("status").text
        #expect(status.contains("(booted, default, good)") && status.contains("BAD"), "\(status)")
        #expect(try host.entries == ["host-000001", "host-000002+0-3"])
        expect(try host.hostctl("rollback"), 1, "no other deployment is fit to roll back to")
        // What has failed is not taken again, and a newer one is: the host can be led out of it.
        expect(try host.hostctl("upgrade", "--version", "2"), 1, "did not come up")
        expect(try host.hostctl("upgrade", "--version", "3"), 0)
        expect(try host.shutDown(), 0)
        #expect(try host.entries.prefix(2) == ["host-000003+3", "host-000001"])
        try host.host.sysroot.fsck()
    }

    @Test("a boot partition without room for an entry is told before anything is downloaded") func noRoom() throws {
        let host = try BootedPartition()
        let filler = host.paths.bootPartition.appending("filler")
        let size = try host.loader.partition.freeSpace() - 100_000
        try Descriptor(opening: filler.string, flags: O_WRONLY | O_CREAT, mode: 0o600)
            .write([UInt8](repeating: 0, count: Int(size)))
        expect(try host.hostctl("upgrade", "--version", "2"), 4, "not enough space on the boot partition")
        #expect(!Files.exists(host.paths.repository.appending("refs/heads/hostctl/download")))
        #expect(!Files.exists(host.paths.state.appending("download/manifest.json")))
        try Files.remove(filler)
        expect(try host.hostctl("upgrade", "--version", "2"), 0)
    }

    @Test("a release whose kernel the boot partition has no room for is refused before its download")
    func largeKernel() throws {
        let host = try BootedPartition()
        var image = HostFixture.image("4")
        image.kernel = String(repeating: "k", count: 5 << 20)
        try host.host.publish(image)
        expect(try host.hostctl("upgrade"), 4, "not enough space on the boot partition")
        #expect(!Files.exists(host.paths.repository.appending("refs/heads/hostctl/download")))
        #expect(!Files.exists(host.paths.state.appending("download/manifest.json")))
        expect(try host.hostctl("upgrade", "--version", "2"), 0)
    }

    @Test("a slip in the kernel's arguments condemns its deployment, and not the release that is good without it")
    func kernelArguments() throws {
        let host = try BootedPartition()
        expect(try host.hostctl("boot", "mark-good"), 0)
        expect(try host.hostctl("kernel-args", "--append", "root=nowhere"), 0)
        expect(try host.shutDown(), 0)
        for _ in 1...3 { try host.boot(isGood: false) }
        // It never got as far as telling anything.
        try host.boot(isGood: false)
        let recorded = try host.hostctl("boot", "record")
        expect(recorded, 0)
        #expect((recorded.text + recorded.errorText).contains("only this one is bad"), "\(recorded.text)")
        #expect(try host.hostctl("boot", "status").text.contains("only this one is bad"))
        #expect(try host.hostctl("status").text.contains("BAD"))
        expect(try host.hostctl("upgrade", "--version", "1", "--unchanged-exit-77"), 77)
        expect(try host.hostctl("kernel-args", "--append", "quiet"), 0)
        expect(try host.shutDown(), 0)
        let entry = try #require(try host.loader.listing().entries.first)
        #expect(entry.arguments == ["root=LABEL=root", "quiet"] && entry.counter?.left == 3)
    }

    @Test("a boot partition that somebody has unmounted is mounted again by the shutdown, which switches")
    func unmounted() throws {
        let host = try BootedPartition()
        expect(try host.hostctl("upgrade"), 0)
        host.isMounted = false
        // Only a shutdown does that.
        expect(try host.hostctl("finalize"), 0)
        #expect(try host.entries.count == 1)
        expect(try host.shutDown(), 0)
        #expect(try host.entries.count == 2)
        #expect(try StagedDeployment.load(host.paths) == nil)
    }
}
