import BootLoaders
import Deployments
import Glibc
import LinuxSystem
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing

/// A boot partition that has not room for everything.
@Suite(.enabled(if: geteuid() == 0)) struct PartitionSpaceTests {
    /// Three kernels of 500 kB with their initramfs fit, beside the reserve.
    private let host: PartitionFixture

    /// A running host at 2, with 1 to go back to, and another staged.
    init() throws {
        host = try PartitionFixture(size: "2m")
        for version in ["1", "2"] {
            try host.deploy(Self.image(version))
            try host.finalize()
            try host.boot()
        }
    }

    private static func image(_ version: String, _ size: Int = 30_000) -> TestImage {
        PartitionFixture.image(version, kernelSize: size)
    }

    @Test("too little room for a kernel is told before anything is written, with what pruning would free")
    func refused() throws {
        let before = try host.fixture.snapshot(without: ["/ostree/hostctl", "/ostree/repo"])
        do {
            try host.deploy(Self.image("3", 70_000))
            Issue.record("it fits")
        } catch let DeploymentError.bootPartitionFull(_, needed, available, prunable, names) {
            #expect(needed > available && available + prunable >= needed)
            #expect(names == ["1"])
        }
        #expect(try host.fixture.snapshot(without: ["/ostree/hostctl", "/ostree/repo"]) == before)
        #expect(host.versions == ["2", "1"])
        try host.expectHealthy()
    }

    @Test("pruning makes room, and leaves what runs") func pruned() throws {
        try host.deploy(Self.image("3", 70_000), prunes: true)
        #expect(host.versions == ["2", "[3]"])
        try host.expectHealthy()
        try host.finalize()
        #expect(host.versions == ["3+3", "2"])
    }

    @Test("what runs and the last good one are never pruned, however large the new kernel is") func kept() throws {
        // Two boots and is not good; 2 is the last good one.
        try host.deploy(Self.image("3", 30_000))
        try host.finalize()
        try host.boot(isGood: false)
        try host.fixture.write(
            "ostree/hostctl/boots.json",
            "{\"format\":1,\"good\":\"\(try #require(host.report.rollback).name)\"}")
        #expect(throws: DeploymentError.self) { try host.deploy(Self.image("4", 200_000), prunes: true) }
        #expect(host.report.listed.map { $0.version ?? "" } == ["3", "2"])
        try host.expectHealthy()
    }

    @Test("what is staged is pruned for what replaces it only, and where nothing else is enough") func staged() throws {
        try host.deploy(Self.image("3"))
        // No pruning would be enough.
        #expect(throws: DeploymentError.self) { try host.deploy(Self.image("4", 200_000), prunes: true) }
        #expect(host.versions == ["2", "1", "[3]"])
        try host.expectHealthy()
        // With 1 gone there is room for it.
        try host.deploy(Self.image("4"), prunes: true)
        #expect(host.versions == ["2", "[4]"])
        try host.expectHealthy()
    }

    @Test("a kernel that is there already takes no room") func shared() throws {
        var image = TestImage("3")
        image.kernel = Self.image("2").kernel
        try host.deploy(image)
        #expect(host.versions == ["2", "1", "[3]"])
        #expect(try host.loader.partition.kernelFolders().count == 2)
    }
}
