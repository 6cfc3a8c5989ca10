import BootLoaders
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

/// GRUB's core image and boot sector, which no file system holds.
@Suite struct BIOSLoaderTests {
    private let disk: TestPartition

    init() throws { disk = try TestPartition() }

    private func prepared() throws -> (any BootLoader, LoaderSource) {
        try disk.makeDisk()
        let area = try #require(try BIOSBootArea.find(onDisk: disk.disk))
        #expect(area == BIOSBootArea(disk: disk.disk, firstSector: 2048, sectors: 2048))
        return (disk.loader(.grub), LoaderSource(image: try Sample.image(in: disk.folder), bios: area))
    }

    /// Makes number `next` of the image's core image; 0 is as GRUB makes it.
    private func change(_ last: UInt8, to next: UInt8) throws {
        var core = try disk.folder.read("image/usr/lib/hostctl/grub/core.img")
        core[core.count - 1] ^= last ^ next
        try disk.folder.write("image/usr/lib/hostctl/grub/core.img", core)
    }

    /// The sector that the boot sector leads to.
    private func start() throws -> Int {
        let sector = try disk.folder.read("disk.img")
        return Int(sector[0x5c + 1]) << 8 | Int(sector[0x5c])
    }

    @Test("GRUB's core image goes into the half of the BIOS boot partition that is not in use")
    func halves() throws {
        let (loader, source) = try prepared()
        let table = try disk.folder.read("disk.img")[440..<512]
        for _ in 1...2 {
            try loader.install(source, options: LoaderOptions())
            #expect(try start() == 2048)
        }
        try change(0, to: 1)
        #expect(try loader.loaderStatus(source).differs)
        try loader.updateLoader(source, force: false)
        #expect(try start() == 3072)
        #expect(try disk.folder.read("disk.img")[440..<512] == table)
        #expect(try !loader.loaderStatus(source).differs)
    }

    @Test("a third core image waits until the second one has booted, and the way back does not")
    func biosOnTrial() throws {
        let (loader, source) = try prepared()
        try loader.install(source, options: LoaderOptions())
        #expect(try start() == 2048 && !disk.names("grub").contains("core.OLD"))
        try change(0, to: 1)
        for _ in 1...2 {
            #expect(try loader.updateLoader(source, force: false).hasFallback)
            #expect(try start() == 3072)
        }
        try change(1, to: 2)
        #expect(throws: BootLoaderError.onTrial) { try loader.updateLoader(source, force: false) }
        #expect(try start() == 3072)
        try change(2, to: 0)
        #expect(try !loader.updateLoader(source, force: false).hasFallback)
        #expect(try start() == 2048 && !disk.names("grub").contains("core.OLD"))
        // After a good boot what was on trial is what is proven.
        try change(0, to: 1)
        try loader.updateLoader(source, force: false)
        try loader.confirmLoader()
        #expect(try !loader.loaderStatus(source).hasFallback && start() == 3072)
        try change(1, to: 2)
        #expect(try loader.updateLoader(source, force: false).hasFallback && start() == 2048)
        // By force, and what is proven is still known.
        try change(2, to: 3)
        #expect(throws: BootLoaderError.onTrial) { try loader.updateLoader(source, force: false) }
        #expect(try loader.updateLoader(source, force: true).hasFallback && start() == 3072)
        try change(3, to: 1)
        #expect(try !loader.updateLoader(source, force: false).hasFallback && start() == 2048)
    }

    @Test(
        "a kill leaves a proven core image in use, or a copy of it beside the one that is on trial",
        arguments: [
            "boot.before-file-rename", "boot.after-folder-flush", "boot.after-core", "boot.before-boot-sector",
            "boot.after-boot-sector",
        ])
    func kills(_ point: String) throws {
        let (loader, source) = try prepared()
        let area = try #require(source.bios)
        try loader.install(source, options: LoaderOptions())
        let proven = try Array(disk.folder.read("disk.img")[2048 * 512..<3072 * 512])
        try change(0, to: 1)
        let result = try run(
            [
                BuiltProducts.folder.appending("boot-trial").string, "grub", disk.root.string, "update",
                source.image.string, disk.disk.string, "\(area.firstSector)", "\(area.sectors)",
            ],
            environment: ["HOSTCTL_FAULT_POINT": point])
        try #require(result.end == .signaled(9), "\(result.errorText)")
        let isSwitched = point == "boot.after-boot-sector"
        #expect(try Array(disk.folder.read("disk.img")[2048 * 512..<3072 * 512]) == proven)
        let status = try loader.loaderStatus(source)
        #expect(status.hasFallback == isSwitched && status.differs == !isSwitched)
        try change(1, to: 2)
        if isSwitched {
            #expect(throws: BootLoaderError.onTrial) { try loader.updateLoader(source, force: false) }
        } else {
            #expect(try loader.updateLoader(source, force: false).hasFallback)
        }
        let copy = try disk.folder.read("partition/grub/core.OLD")
        #expect(copy.count > 1024 && copy.elementsEqual(proven.prefix(copy.count)))
        try change(2, to: 0)
        #expect(try !loader.updateLoader(source, force: false).hasFallback)
        #expect(try Array(disk.folder.read("disk.img")[2048 * 512..<3072 * 512]) == proven)
        #expect(try !disk.names("grub").contains("core.OLD"))
    }
}
