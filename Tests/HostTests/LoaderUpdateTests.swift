import BootLoaders
import Glibc
import LinuxSystem
import Sysroots
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

/// `hostctl boot update-loader` as an operator runs it.
@Suite(.enabled(if: geteuid() == 0)) struct LoaderUpdateTests {
    /// A PE file as far as anybody looks, with a version of systemd-boot.
    private static func program(_ version: String) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 2048)
        bytes.replaceSubrange(0..<2, with: "MZ".utf8)
        bytes[0x3c] = 64
        bytes.replaceSubrange(64..<68, with: [0x50, 0x45, 0, 0])
        let mark = Array("#### LoaderInfo: systemd-boot \(version) ####".utf8)
        bytes.replaceSubrange(1024..<1024 + mark.count, with: mark)
        return bytes
    }

    /// Puts a file into the image that the host's next boot starts.
    private func put(_ path: String, _ bytes: [UInt8], into host: BootedPartition) throws {
        let folder = try host.bootedFolder()
        let file = folder.appending(path)
        try Files.whileChangeable(folder) {
            try Files.makeFolder(file.removingLastComponent())
            try Files.replace(file, with: bytes)
        }
    }

    private func run(_ command: String..., on host: BootedPartition) throws -> ProcessResult {
        try host.host.hostctl(["boot"] + command + ["--sysroot", host.host.root.string])
    }

    private func read(_ path: String, _ host: BootedPartition) throws -> [UInt8]? {
        try Files.readIfPresent(host.paths.bootPartition.appending(path), limit: 1 << 20)
    }

    @Test("systemd-boot: an update tells what it has done, is done once, and its fallback goes with a later good boot")
    func systemdBoot() throws {
        let host = try BootedPartition()
        expect(try run("update-loader", on: host), 1, "the image has no /usr/lib/systemd/boot/efi/systemd-bootx64.efi")
        let file = "usr/lib/systemd/boot/efi/systemd-bootx64.efi"
        let (old, new) = (Self.program("252.1"), Self.program("252.2"))
        try put(file, old, into: host)
        try host.loader.install(LoaderSource(image: host.bootedFolder()), options: LoaderOptions())
        let nothing = try run("update-loader", on: host)
        expect(nothing, 0)
        #expect(nothing.text.contains("the boot loader is that of the image already"))

        try put(file, new, into: host)
        #expect(try run("status", on: host).text.contains("the image has 252.2: 'hostctl boot update-loader'"))
        let update = try run("update-loader", on: host)
        expect(update, 0)
        #expect(update.text.contains("the boot loader is 252.2 now, it was 252.1"), "\(update.text)")
        for stem in ["EFI/BOOT/BOOTX64", "EFI/systemd/systemd-bootx64"] {
            let name = stem.hasSuffix("BOOTX64") ? "\(stem).EFI" : "\(stem).efi"
            #expect(try read(name, host) == new && read("\(stem).OLD", host) == old)
        }
        #expect(try run("status", on: host).text.contains("the one before is kept until this one has booted"))
        let noted = try BootRecords.load(host.paths).loaderReplacedIn
        let again = try run("update-loader", "--json", on: host)
        expect(again, 0)
        #expect(try again.json.bool("changed") == false)
        #expect(try BootRecords.load(host.paths).loaderReplacedIn == noted)

        // The boot in which it was replaced proves nothing.
        expect(try host.hostctl("boot", "mark-good"), 0)
        #expect(try read("EFI/BOOT/BOOTX64.OLD", host) == old)
        var records = try BootRecords.load(host.paths)
        #expect(records.loaderReplacedIn != nil)
        records.loaderReplacedIn = "the boot before this one"
        try records.save(host.paths)
        expect(try host.hostctl("boot", "mark-good"), 0)
        #expect(try read("EFI/BOOT/BOOTX64.OLD", host) == nil && read("EFI/systemd/systemd-bootx64.OLD", host) == nil)
        #expect(try BootRecords.load(host.paths).loaderReplacedIn == nil)

        try put(file, old, into: host)
        expect(try run("update-loader", on: host), 1, "252.2, is newer than the image's, 252.1")
        expect(try run("update-loader", "--force", on: host), 0)
        #expect(try read("EFI/BOOT/BOOTX64.EFI", host) == old && read("EFI/BOOT/BOOTX64.OLD", host) == new)
    }

    @Test("where the boot partition has no room for a fallback, an update is refused, and leaves nothing there")
    func fullPartition() throws {
        let host = try BootedPartition()
        let file = "usr/lib/systemd/boot/efi/systemd-bootx64.efi"
        try put(file, Self.program("252.1"), into: host)
        try host.loader.install(LoaderSource(image: host.bootedFolder()), options: LoaderOptions())
        try put(file, Self.program("252.2"), into: host)
        let filler = host.paths.bootPartition.appending("filler")
        let size = try host.loader.partition.freeSpace() - 4096
        try Files.create(filler, bytes: [UInt8](repeating: 0, count: Int(size)), mode: 0o600)
        expect(try run("update-loader", on: host), 4, "the boot partition has 4096 bytes free")
        #expect(try read("EFI/systemd/systemd-bootx64.OLD", host) == nil)
        #expect(try BootRecords.load(host.paths).loaderReplacedIn == nil)
        try Files.remove(filler)
        expect(try run("update-loader", on: host), 0)
    }

    @Test("GRUB: an update brings program and configuration, and leaves what the operator has written there")
    func grub() throws {
        let host = try BootedPartition()
        let entry = try #require(try host.loader.listing().entries.first)
        try BootConfiguration(loader: .grub, partition: "12345678-01").save(host.paths)
        func putVersion(_ version: String) throws {
            try put("usr/lib/hostctl/grub/grubx64.efi", Self.program(version), into: host)
            try put("usr/lib/hostctl/grub/version", Array("\(version)\n".utf8), into: host)
        }
        let grub = GRUB(partition: host.paths.partition)
        try putVersion("2.06")
        try grub.install(LoaderSource(image: host.bootedFolder()), options: LoaderOptions(timeout: 0))
        try grub.add(entry)
        let nothing = try run("update-loader", on: host)
        expect(nothing, 0)
        #expect(nothing.text.contains("the boot loader is that of the image already"))

        try putVersion("2.12")
        let path = host.paths.bootPartition.appending("grub/grub.cfg")
        func write(_ text: String) throws { try Files.replace(path, with: Array(text.utf8)) }
        let text = String(decoding: try Files.read(path, limit: 1 << 20), as: UTF8.self)
        let patient = text.replacing("set timeout=1\n", with: "set timeout=-1\n")
        try write(patient)
        let update = try run("update-loader", on: host)
        expect(update, 0)
        #expect(update.text.contains("the boot loader is 2.12 now, it was 2.06"), "\(update.text)")
        #expect(try read("EFI/BOOT/BOOTX64.EFI", host) == Self.program("2.12"))
        #expect(try read("EFI/BOOT/BOOTX64.OLD", host) == Self.program("2.06"))
        #expect(try read("grub/grub.cfg", host) == Array(patient.utf8))

        // As an update leaves it that was cut off before its last file.
        try Files.replace(host.paths.bootPartition.appending("grub/version.txt"), with: Array("2.06\n".utf8))
        expect(try run("update-loader", on: host), 0)
        #expect(try read("grub/version.txt", host) == Array("2.12\n".utf8))

        let edited = "\(patient)set superusers=operator\n"
        try write(edited)
        let kept = try run("update-loader", on: host)
        expect(kept, 0)
        #expect(kept.text.contains("already") && kept.text.contains("grub.cfg was not written by this hostctl"))
        #expect(try read("grub/grub.cfg", host) == Array(edited.utf8))
        let forced = try run("update-loader", "--force", on: host)
        expect(forced, 0)
        #expect(forced.text.contains("the boot loader is still 2.12, and its files are those of the image now"))
        #expect(try read("grub/grub.cfg", host) == Array(patient.utf8))
        #expect(try read("grub/grub.OLD", host) == Array(edited.utf8))
    }

    @Test("without a boot partition, or with one that is not mounted, nothing is done") func unmounted() throws {
        let host = try BootedPartition()
        host.isMounted = false
        expect(try host.hostctl("boot", "update-loader"), 1, "the boot partition is not mounted at /boot/efi")
        #expect(try BootRecords.load(host.paths).loaderReplacedIn == nil)
        let other = try HostFixture.prepared()
        expect(try other.onSysroot("boot", "update-loader"), 1, "has no boot partition of hostctl's")
    }
}
