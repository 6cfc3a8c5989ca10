import BootLoaders
import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

/// Kills at each place of a change; afterwards the old or the new state is there, and the change can be asked for again.
@Suite struct KillTests {
    private let disk: TestPartition

    init() throws { disk = try TestPartition() }

    static let adding = [
        "boot.before-entry", "boot.before-file-flush", "boot.after-file-flush", "boot.before-file-rename",
        "boot.after-file-rename", "boot.after-name-flush", "boot.after-folder-flush", "boot.after-entry",
    ]
    static let marking = [
        "boot.before-counter", "boot.before-rename", "boot.after-rename", "boot.after-rename-file-flush",
        "boot.after-rename-flush", "boot.after-counter", "boot.before-environment", "boot.before-environment-flush",
        "boot.after-environment",
    ]

    private func trial(_ kind: LoaderKind, _ arguments: [String], at point: String? = nil) throws -> ProcessResult {
        try run(
            [BuiltProducts.folder.appending("boot-trial").string, kind.rawValue, disk.root.string] + arguments,
            environment: point.map { ["HOSTCTL_FAULT_POINT": $0] } ?? [:])
    }

    @Test("adding an entry", arguments: LoaderKind.allCases, adding)
    func adds(_ kind: LoaderKind, _ point: String) throws {
        let loader = try disk.prepared(kind)
        try loader.add(try Sample.entry(1))
        let arguments = ["add", "lean", "2", "3", Sample.folder, Sample.kernelFolder, "Title", "rw"]
        // GRUB makes its block first; that is a file as well.
        if kind == .grub { try loader.add(try Sample.entry(3, tries: 1)) }
        if kind == .grub { try loader.remove(generation: 3) }
        #expect(try trial(kind, arguments, at: point).end == .signaled(9))
        let generations = try loader.listing().entries.map(\.generation)
        #expect(generations == [1] || generations == [2, 1])
        #expect(try loader.listing().damaged.isEmpty)
        if generations == [1] { #expect(try trial(kind, arguments).status == 0) }
        try disk.partition.removeLeftovers()
        #expect(try disk.names(kind == .grub ? "hostctl/grub" : "loader/entries").count == 2)
    }

    @Test("marking an entry good", arguments: LoaderKind.allCases, marking)
    func marks(_ kind: LoaderKind, _ point: String) throws {
        let loader = try disk.prepared(kind)
        try loader.add(try Sample.entry(1))
        try loader.add(try Sample.entry(2, tries: 3))
        if kind == .grub {
            let block = disk.root.appending("grub/grubenv").string
            #expect(
                try run([
                    "/usr/bin/grub-editenv", block, "set", "hostctl_counting=2", "hostctl_left=0", "hostctl_done=3",
                ]).status == 0)
        }
        let isReached = kind == .grub || !point.contains("environment")
        #expect(try trial(kind, ["good", "2"], at: point).end == (isReached ? .signaled(9) : .exited(0)))
        let entry = try #require(try loader.listing().entry(2))
        #expect(
            entry.counter == nil
                || entry.counter == TryCounter(left: kind == .grub ? 0 : 3, done: kind == .grub ? 3 : 0))
        #expect(try trial(kind, ["good", "2"]).status == 0)
        #expect(try loader.listing().entries.map(\.name.text) == ["lean-000002", "lean-000001"])
    }

    @Test(
        "removing an entry", arguments: LoaderKind.allCases,
        ["boot.before-removal", "boot.after-removal", "boot.after-removal-flush"])
    func removes(_ kind: LoaderKind, _ point: String) throws {
        let loader = try disk.prepared(kind)
        try loader.add(try Sample.entry(1))
        try loader.add(try Sample.entry(2))
        #expect(try trial(kind, ["remove", "1"], at: point).end == .signaled(9))
        let generations = try loader.listing().entries.map(\.generation)
        #expect(generations == [2] || generations == [2, 1])
        #expect(try trial(kind, ["remove", "1"]).status == 0)
        #expect(try loader.listing().entries.map(\.generation) == [2])
        #expect(disk.partition.hasKernel(Sample.kernelFolder))
    }

    @Test("the first entry, killed when any of the folders for it has been made", arguments: LoaderKind.allCases, 1...2)
    func folders(_ kind: LoaderKind, _ visit: Int) throws {
        let source = try Sample.kernel(in: disk.folder)
        let arguments = ["kernel", source.bootChecksum, source.kernel.string, source.initramfs.string]
        #expect(try trial(kind, arguments, at: "boot.after-folder-made:\(visit)").end == .signaled(9))
        #expect(!disk.partition.hasKernel(Sample.kernelFolder))
        #expect(try disk.loader(kind).listing().entries.isEmpty)
        #expect(try trial(kind, arguments).status == 0)
        #expect(disk.partition.hasKernel(Sample.kernelFolder))
    }

    @Test(
        "replacing GRUB's core image: the boot sector leads to the old one or the new one, whole",
        arguments: ["boot.after-core", "boot.before-boot-sector", "boot.after-boot-sector"])
    func coreImage(_ point: String) throws {
        try disk.makeDisk()
        let loader = disk.loader(.grub)
        let image = try Sample.image(in: disk.folder)
        let area = TestPartition.area
        let source = LoaderSource(
            image: image, bios: BIOSBootArea(disk: disk.disk, firstSector: area.first, sectors: area.sectors))
        try loader.install(source, options: LoaderOptions())
        let before = try disk.folder.read("disk.img")
        var core = try disk.folder.read("image/usr/lib/hostctl/grub/core.img")
        core[core.count - 1] ^= 1
        try disk.folder.write("image/usr/lib/hostctl/grub/core.img", core)
        let arguments = ["update", image.string, disk.disk.string, "\(area.first)", "\(area.sectors)"]
        #expect(try trial(.grub, arguments, at: point).end == .signaled(9))
        let now = try disk.folder.read("disk.img")
        // The old half is as it was, for as long as the boot sector leads there, and the table at any time.
        let half = Int(area.first) * 512..<Int(area.first + area.sectors / 2) * 512
        #expect(now[half] == before[half] && now[440..<512] == before[440..<512])
        #expect(point == "boot.after-boot-sector" || now[..<440] == before[..<440])
        #expect(try trial(.grub, arguments).status == 0)
        #expect(try !loader.loaderStatus(source).differs)
    }

    @Test(
        "adding and removing kernels",
        arguments: ["boot.before-file-flush", "boot.before-file-rename", "boot.after-file-rename", "boot.after-kernel"])
    func kernels(_ point: String) throws {
        let source = try Sample.kernel(in: disk.folder)
        let arguments = ["kernel", source.bootChecksum, source.kernel.string, source.initramfs.string]
        #expect(try trial(.systemdBoot, arguments, at: point).end == .signaled(9))
        #expect(try trial(.systemdBoot, arguments).status == 0)
        #expect(disk.partition.hasKernel(Sample.kernelFolder))
        #expect(try trial(.systemdBoot, ["prune"], at: "boot.after-kernel-removal").end == .signaled(9))
        #expect(try disk.partition.kernelFolders().isEmpty)
    }

    @Test("a kernel that was damaged is written anew, and one that is whole is not")
    func damagedKernel() throws {
        let source = try Sample.kernel(in: disk.folder, [UInt8](repeating: 7, count: 3 << 20))
        #expect(try disk.partition.addition(of: source).space.needed >= 3 << 20)
        try disk.partition.addKernel(source)
        #expect(try disk.partition.addition(of: source).space.needed == 0)
        try disk.write("hostctl/\(Sample.kernelFolder)/vmlinuz", [UInt8](repeating: 8, count: 3 << 20))
        // Its size is right, and it is replaced all the same, beside what is there.
        #expect(try disk.partition.addition(of: source).space.needed == 3 << 20)
        try disk.partition.addKernel(source)
        #expect(try disk.folder.read("partition/hostctl/\(Sample.kernelFolder)/vmlinuz")[5] == 7)
    }

    @Test(
        "a kernel that differs and that nothing boots by makes room for its replacement itself",
        arguments: ["boot.before-removal", "boot.after-removal", "boot.before-file-rename", "boot.after-kernel"])
    func unusedKernel(_ point: String) throws {
        let source = try Sample.kernel(in: disk.folder, [UInt8](repeating: 7, count: 1 << 20))
        try disk.partition.addKernel(source)
        let name = "hostctl/\(Sample.kernelFolder)/vmlinuz"
        try disk.write(name, [UInt8](repeating: 8, count: 1 << 20))
        #expect(try disk.partition.addition(of: source, isInUse: { false }).space.needed == 0)
        let arguments = ["kernel", source.bootChecksum, source.kernel.string, source.initramfs.string, "unused"]
        #expect(try trial(.systemdBoot, arguments, at: point).end == .signaled(9))
        #expect(try trial(.systemdBoot, arguments).status == 0)
        #expect(try disk.folder.read("partition/\(name)")[5] == 7)
        try disk.partition.removeLeftovers()
        #expect(try Files.names(in: disk.partition.root.appending("hostctl/\(Sample.kernelFolder)")).count == 2)
    }

    @Test(
        "a kernel that differs, as one signed by hand does, is there whole at every moment in which it is replaced",
        arguments: [
            "boot.before-file-flush", "boot.before-file-rename", "boot.after-folder-flush", "boot.before-exchange",
            "boot.after-exchange", "boot.after-exchange-flush", "boot.before-removal", "boot.after-removal",
        ])
    func sharedKernel(_ point: String) throws {
        let source = try Sample.kernel(in: disk.folder, [UInt8](repeating: 7, count: 1 << 20))
        try disk.partition.addKernel(source)
        let name = "hostctl/\(Sample.kernelFolder)/vmlinuz"
        let different = [UInt8](repeating: 8, count: 1 << 20)
        try disk.write(name, different)
        let arguments = ["kernel", source.bootChecksum, source.kernel.string, source.initramfs.string]
        #expect(try trial(.systemdBoot, arguments, at: point).end == .signaled(9))
        let left = try disk.folder.read("partition/\(name)")
        #expect(left == different || left == [UInt8](repeating: 7, count: 1 << 20), "\(left.count)")
        #expect(try trial(.systemdBoot, arguments).status == 0)
        #expect(try disk.folder.read("partition/\(name)")[5] == 7)
        // Neither the run that was killed nor the one after it has left anything.
        #expect(try Files.names(in: disk.partition.root.appending("hostctl/\(Sample.kernelFolder)")).count == 2)
    }

    @Test("where two names cannot be exchanged, a kernel that differs stays, and no copy beside it fills the partition")
    func noExchange() throws {
        let source = try Sample.kernel(in: disk.folder)
        try disk.partition.addKernel(source)
        let folder = disk.root.appending("hostctl/\(Sample.kernelFolder)")
        let kernel = folder.appending("vmlinuz").string
        // What is a mount point cannot be renamed.
        let other = try disk.folder.write("other", text: "another kernel")
        try TestPartition.check(["/bin/mount", "--bind", other.string, kernel])
        defer { umount2(kernel, Int32(MNT_DETACH)) }
        for _ in 1...2 { #expect(throws: SystemError.self) { try disk.partition.addKernel(source) } }
        #expect(try Files.names(in: folder).count == 2)
    }

    @Test("of an exchange that a disk has done by half, the name stays that may share the kernel's clusters")
    func tornExchange() throws {
        try disk.partition.addKernel(Sample.kernel(in: disk.folder))
        let folder = "hostctl/\(Sample.kernelFolder)"
        try disk.write("\(folder)/.hostctl-1.tmp", "kernel")
        try disk.write("\(folder)/.hostctl-2.tmp", "another kernel")
        try disk.write("\(folder)/.hostctl-3.tmp", "")
        try disk.partition.removeLeftovers()
        #expect(try disk.names(folder).sorted() == [".hostctl-1.tmp", "initramfs.img", "vmlinuz"])
    }
}
