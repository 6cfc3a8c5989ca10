import BootLoaders
import Deployments
import Glibc
import LinuxSystem
import ObjectStorage
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

    @Test("a kernel that is not here yet is asked room for, and one that is there already is not") func before() throws
    {
        let check = SpaceCheck(host.paths)
        let new = { BootableKernel(bootChecksum: String(repeating: "a", count: 64), size: $0, initramfsSize: $1) }
        try check.requireBoot(kernel: new(100_000, 100_000), host: host.host)
        let tooLarge = new(1_500_000, 100_000)
        #expect(throws: DeploymentError.self) { try check.requireBoot(kernel: tooLarge, host: host.host) }
        // Pruning frees one of the two kernels; more is in vain.
        try check.requireBoot(kernel: new(1_200_000, 0), host: host.host, prunes: true)
        #expect(throws: DeploymentError.self) {
            try check.requireBoot(kernel: new(4_000_000, 0), host: host.host, prunes: true)
        }
        let present = try #require(host.report.nextBoot?.bootChecksum)
        let (kernel, initramfs) = try sizes(of: present)
        try check.requireBoot(
            kernel: BootableKernel(bootChecksum: present, size: kernel, initramfsSize: initramfs), host: host.host
        )
    }

    @Test("an installation that is gone on with asks for the kernel's room, though nothing is deployed yet")
    func installation() throws {
        for name in try Files.names(in: host.paths.bootPartition.appending("loader/entries")) {
            try Files.remove(host.paths.bootPartition.appending("loader/entries/\(name)"))
        }
        let check = SpaceCheck(host.paths)
        let tooLarge = BootableKernel(
            bootChecksum: String(repeating: "a", count: 64), size: 4_000_000, initramfsSize: 1)
        #expect(throws: DeploymentError.self) {
            try check.requireBoot(kernel: tooLarge, stateroot: "host", host: host.host)
        }
        try check.requireBoot(stateroot: "host", host: host.host)
    }

    /// A bit flips in a kernel on the partition, and there is hardly more room left than what is always kept free.
    private func damage(kernelOf version: String) throws -> TestImage {
        let record = try #require(host.report.deployments.first { $0.version == version })
        let checksum = try #require(record.bootChecksum)
        let folder = host.loader.partition.own.appending(BootPartition.kernelFolder(for: checksum))
        var kernel = try Files.read(folder.appending("vmlinuz"), limit: 1 << 20)
        kernel[1000] ^= 1
        try Descriptor(opening: folder.appending("vmlinuz").string, flags: O_WRONLY).write(kernel)
        let filler = try host.loader.partition.freeSpace() - BootPartition.reserve - 64 << 10
        try Files.create(
            host.paths.bootPartition.appending("filler"), bytes: [UInt8](repeating: 0, count: Int(filler)), mode: 0o600)
        // Another release that has this kernel.
        var image = TestImage("4")
        image.kernel = Self.image(version).kernel
        return image
    }

    private func expectWhole(_ version: String) throws {
        let record = try #require(host.report.deployments.first { $0.version == version })
        #expect(SysrootReader(root: host.root).kernelProblem(of: record) == nil)
        try host.expectHealthy()
    }

    @Test(
        "a kernel with a flipped bit is asked room for before anything is written, as one that is missing is",
        arguments: ["1", "2"])
    func damaged(_ version: String) throws {
        let image = try damage(kernelOf: version)
        let before = try host.fixture.snapshot(without: ["/ostree/hostctl", "/ostree/repo"])
        do {
            try host.deploy(image)
            Issue.record("it fits")
        } catch let DeploymentError.bootPartitionFull(_, needed, available, prunable, names) {
            #expect(needed > available && available + prunable >= needed)
            #expect(names == ["1"])
        }
        #expect(try host.fixture.snapshot(without: ["/ostree/hostctl", "/ostree/repo"]) == before)
        try host.deploy(image, prunes: true)
        #expect(host.versions == ["2", "[4]"])
        try expectWhole("4")
    }

    @Test("a kernel with a flipped bit that nothing boots by is replaced where there is no room for a second one")
    func damagedUnused() throws {
        try host.deploy(Self.image("3"))
        let image = try damage(kernelOf: "3")
        try host.deploy(image)
        #expect(host.versions == ["2", "1", "[4]"])
        try expectWhole("4")
    }

    private func sizes(of bootChecksum: String) throws -> (Int64, Int64) {
        let folder = "\(host.paths.bootPartition)/hostctl/\(BootPartition.kernelFolder(for: bootChecksum))"
        let size = { (name: String) in Int64(try Descriptor(opening: "\(folder)/\(name)").status().st_size) }
        return (try size("vmlinuz"), try size("initramfs.img"))
    }

    @Test("a kernel that is there already takes no room") func shared() throws {
        var image = TestImage("3")
        image.kernel = Self.image("2").kernel
        try host.deploy(image)
        #expect(host.versions == ["2", "1", "[3]"])
        #expect(try host.loader.partition.kernelFolders().count == 2)
    }
}
