import BootLoaders
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

/// The loaders' own files.
@Suite struct LoaderTests {
    private let disk: TestPartition

    init() throws { disk = try TestPartition() }

    /// A PE file as far as anybody looks, with a version of systemd-boot.
    private func program(_ version: String, size: Int = 4096) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: size)
        func put(_ number: Int, at offset: Int, _ count: Int) {
            for index in 0..<count { bytes[offset + index] = UInt8(truncatingIfNeeded: number >> (8 * index)) }
        }
        bytes.replaceSubrange(0..<2, with: "MZ".utf8)
        put(64, at: 0x3c, 4)
        bytes.replaceSubrange(64..<68, with: [0x50, 0x45, 0, 0])
        put(1, at: 70, 2)
        put(112, at: 84, 2)
        put(2048, at: 64 + 24 + 112 + 16, 4)
        put(1024, at: 64 + 24 + 112 + 20, 4)
        let mark = Array("#### LoaderInfo: systemd-boot \(version) ####".utf8)
        bytes.replaceSubrange(1024..<1024 + mark.count, with: mark)
        return bytes
    }

    private func image(_ version: String, size: Int = 4096) throws -> LoaderSource {
        let path = "image-\(version)/usr/lib/systemd/boot/efi/systemd-bootx64.efi"
        try disk.folder.write(path, program(version, size: size))
        return LoaderSource(image: disk.folder.path.appending("image-\(version)"))
    }

    @Test("systemd-boot is installed under both names, and what an operator has changed stays")
    func install() throws {
        let loader = disk.loader(.systemdBoot)
        try loader.install(image("252.1"), options: LoaderOptions(timeout: 7))
        #expect(try disk.read("loader/loader.conf") == "timeout 7\neditor no\nconsole-mode keep\n")
        #expect(try disk.read("loader/entries.srel") == "type1\n")
        #expect(try disk.folder.read("partition/EFI/BOOT/BOOTX64.EFI") == program("252.1"))
        #expect(try disk.folder.read("partition/EFI/systemd/systemd-bootx64.efi") == program("252.1"))
        try disk.write("loader/loader.conf", "timeout 0\n")
        try loader.install(image("252.1"), options: LoaderOptions())
        #expect(try disk.read("loader/loader.conf") == "timeout 0\n")
    }

    @Test("an image without a loader, or with a damaged one, leaves the partition as it is")
    func refusals() throws {
        let loader = disk.loader(.systemdBoot)
        #expect(throws: BootLoaderError.self) {
            try loader.install(LoaderSource(image: disk.folder.path), options: LoaderOptions())
        }
        try loader.install(image("252.1"), options: LoaderOptions())
        let cut = try image("253.1", size: 2048)
        #expect(throws: BootLoaderError.self) { try loader.updateLoader(cut, force: false) }
        #expect(try loader.loaderStatus(cut).installed == "252.1")
        #expect(try disk.names("EFI/BOOT") == ["BOOTX64.EFI"])
    }

    @Test("an update keeps the loader before it until it is confirmed")
    func update() throws {
        let loader = disk.loader(.systemdBoot)
        try loader.install(image("252.1-1~deb12u1"), options: LoaderOptions())
        let new = try image("252.1-1~deb12u10")
        #expect(try loader.loaderStatus(new).differs)
        let status = try loader.updateLoader(new, force: false)
        #expect(status.installed == "252.1-1~deb12u10" && status.available == "252.1-1~deb12u10")
        #expect(!status.differs && status.hasFallback)
        #expect(try disk.names("EFI/BOOT") == ["BOOTX64.EFI", "BOOTX64.OLD"])
        #expect(try disk.folder.read("partition/EFI/BOOT/BOOTX64.OLD") == program("252.1-1~deb12u1"))
        try loader.updateLoader(new, force: false)
        try loader.confirmLoader()
        try loader.confirmLoader()
        #expect(try disk.names("EFI/BOOT") == ["BOOTX64.EFI"])
        #expect(try disk.names("EFI/systemd") == ["systemd-bootx64.efi"])
        #expect(throws: BootLoaderError.self) { try loader.updateLoader(image("252.1-1~deb12u9"), force: false) }
        #expect(try loader.updateLoader(image("252.1-1~deb12u9"), force: true).installed == "252.1-1~deb12u9")
    }

    @Test(
        "an update that is killed anywhere leaves a whole loader, and goes on when it is asked for again",
        arguments: [
            "boot.before-file-flush", "boot.after-file-flush", "boot.before-file-rename", "boot.after-file-rename",
            "boot.after-name-flush", "boot.after-folder-flush", "boot.before-loader-exchange",
            "boot.after-loader-exchange", "boot.after-loader-flush", "boot.before-rename", "boot.after-rename",
        ])
    func kills(_ point: String) throws {
        let loader = disk.loader(.systemdBoot)
        try loader.install(image("1"), options: LoaderOptions())
        let new = try image("2")
        for visit in 1...2 {
            let result = try run(
                [
                    BuiltProducts.folder.appending("boot-trial").string, "systemd-boot", disk.root.string, "update",
                    new.image.string,
                ],
                environment: ["HOSTCTL_FAULT_POINT": "\(point):\(visit)"])
            #expect(result.end == .signaled(9) || visit == 2, "\(result.errorText)")
            for path in ["EFI/BOOT/BOOTX64.EFI", "EFI/systemd/systemd-bootx64.efi"] {
                let bytes = try disk.folder.read("partition/\(path)")
                #expect(bytes == program("1") || bytes == program("2"))
            }
        }
        try loader.updateLoader(new, force: false)
        #expect(try disk.folder.read("partition/EFI/BOOT/BOOTX64.EFI") == program("2"))
        #expect(try disk.folder.read("partition/EFI/systemd/systemd-bootx64.efi") == program("2"))
        try loader.confirmLoader()
        try disk.partition.removeLeftovers()
        #expect(try disk.names("EFI/BOOT") == ["BOOTX64.EFI"])
    }

    @Test("what has the loader's own content is not removed: after a power cut the two may share their clusters")
    func crossLinked() throws {
        let loader = disk.loader(.systemdBoot)
        try loader.install(image("1"), options: LoaderOptions())
        try disk.write("EFI/BOOT/BOOTX64.OLD", program("1"))
        try loader.confirmLoader()
        #expect(try disk.names("EFI/BOOT") == ["BOOTX64.EFI", "BOOTX64.OLD"])
    }

    @Test("GRUB's configuration is valid, whatever the options, and its block is one for grub-editenv")
    func grub() throws {
        let image = try Sample.image(in: disk.folder)
        let loader = disk.loader(.grub)
        try loader.install(LoaderSource(image: image), options: LoaderOptions(timeout: 1, usesSerialPort: true))
        let check = try run(["/usr/bin/grub-script-check", disk.root.appending("grub/grub.cfg").string])
        #expect(check.status == 0, "\(check.errorText)")
        let block = disk.root.appending("grub/grubenv").string
        #expect(try run(["/usr/bin/grub-editenv", block, "set", "hostctl_counting=7", "other=a b"]).status == 0)
        #expect(try run(["/usr/bin/grub-editenv", block, "list"]).text == "hostctl_counting=7\nother=a b\n")
        try disk.partition.addKernel(Sample.kernel(in: disk.folder))
        try loader.add(try Sample.entry(1))
        try loader.add(try Sample.entry(7, tries: 3))
        let count = ["hostctl_counting=7", "hostctl_left=1", "hostctl_done=2"]
        #expect(try run(["/usr/bin/grub-editenv", block, "set"] + count).status == 0)
        #expect(try loader.listing().entries[0].counter == TryCounter(left: 1, done: 2))
        try loader.markGood(generation: 7)
        #expect(try run(["/usr/bin/grub-editenv", block, "list"]).text == "other=a b\n")
        #expect(try disk.read("grub/grubenv").utf8.count == 1024)
    }

    @Test("GRUB's core image goes into the half of the BIOS boot partition that is not in use")
    func bios() throws {
        try disk.makeDisk()
        let area = try #require(try BIOSBootArea.find(onDisk: disk.disk))
        #expect(area == BIOSBootArea(disk: disk.disk, firstSector: 2048, sectors: 2048))
        let source = LoaderSource(image: try Sample.image(in: disk.folder), bios: area)
        let loader = disk.loader(.grub)
        func start() throws -> Int {
            Int(try disk.folder.read("disk.img")[0x5c + 1]) << 8 | Int(try disk.folder.read("disk.img")[0x5c])
        }
        let table = try disk.folder.read("disk.img")[440..<512]
        try loader.install(source, options: LoaderOptions())
        #expect(try start() == 2048)
        try loader.install(source, options: LoaderOptions())
        #expect(try start() == 2048)
        var core = try disk.folder.read("image/usr/lib/hostctl/grub/core.img")
        core[core.count - 1] ^= 1
        try disk.folder.write("image/usr/lib/hostctl/grub/core.img", core)
        #expect(try loader.loaderStatus(source).differs)
        try loader.updateLoader(source, force: false)
        #expect(try start() == 3072)
        #expect(try disk.folder.read("disk.img")[440..<512] == table)
        #expect(try !loader.loaderStatus(source).differs)
    }
}
