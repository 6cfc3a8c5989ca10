import BootLoaders
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

/// The loaders' own files.
@Suite struct LoaderTests {
    private let disk: TestPartition

    init() throws { disk = try TestPartition() }

    private func program(_ version: String) -> [UInt8] { Sample.program(version) }

    private func image(_ version: String, size: Int = 4096) throws -> LoaderSource {
        try Sample.loaderImage(in: disk.folder, version, Sample.program(version, size: size))
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

    @Test("a second update before a good boot keeps the loader that is proven, not the one that is on trial")
    func secondUpdate() throws {
        let loader = disk.loader(.systemdBoot)
        try loader.install(image("1"), options: LoaderOptions())
        for version in ["2", "3", "4"] {
            #expect(try loader.updateLoader(image(version), force: false).hasFallback)
            for (folder, name) in [("EFI/BOOT", "BOOTX64"), ("EFI/systemd", "systemd-bootx64")] {
                #expect(try disk.names(folder).count == 2)
                #expect(try disk.folder.read("partition/\(folder)/\(name).OLD") == program("1"))
            }
            #expect(try disk.folder.read("partition/EFI/BOOT/BOOTX64.EFI") == program(version))
        }
        // Back to it, and nothing is on trial.
        #expect(try !loader.updateLoader(image("1"), force: true).hasFallback)
        #expect(try disk.names("EFI/BOOT") == ["BOOTX64.EFI"])
        #expect(try disk.folder.read("partition/EFI/BOOT/BOOTX64.EFI") == program("1"))
        // After a good boot, what was on trial is what is proven.
        try loader.updateLoader(image("2"), force: false)
        try loader.confirmLoader()
        try loader.updateLoader(image("3"), force: false)
        #expect(try disk.folder.read("partition/EFI/BOOT/BOOTX64.OLD") == program("2"))
    }

    @Test("a copy of the proven loader whose update came no further goes with the next good boot")
    func copyAlone() throws {
        let loader = disk.loader(.systemdBoot)
        try loader.install(image("1"), options: LoaderOptions())
        try disk.write("EFI/BOOT/BOOTX64.OLD", program("1"))
        #expect(try !loader.loaderStatus(image("1")).hasFallback)
        #expect(try loader.confirmLoader())
        #expect(try disk.names("EFI/BOOT") == ["BOOTX64.EFI"])
        #expect(try disk.folder.read("partition/EFI/BOOT/BOOTX64.EFI") == program("1"))
    }

    @Test("what has the loader's own content is not removed: after a power cut the two may share their clusters")
    func crossLinked() throws {
        let loader = disk.loader(.systemdBoot)
        try loader.install(image("1"), options: LoaderOptions())
        try disk.write("EFI/BOOT/BOOTX64.NEW", program("1"))
        try loader.updateLoader(image("1"), force: false)
        try loader.confirmLoader()
        #expect(try disk.names("EFI/BOOT") == ["BOOTX64.EFI", "BOOTX64.NEW"])
        #expect(try !loader.loaderStatus(image("1")).hasFallback)
        // Its name is needed for an update, which tells what to do.
        #expect(throws: BootLoaderError.sharedClusters(disk.root.appending("EFI/BOOT/BOOTX64.NEW").string)) {
            try loader.updateLoader(image("2"), force: false)
        }
        #expect(try disk.folder.read("partition/EFI/BOOT/BOOTX64.EFI") == program("1"))
    }

    @Test("names of different loaders, as an update that is cut off leaves them, are not confirmed: one has not booted")
    func halfConfirmation() throws {
        let loader = disk.loader(.systemdBoot)
        try loader.install(image("1"), options: LoaderOptions())
        try loader.updateLoader(image("2"), force: false)
        for name in ["BOOTX64.EFI", "BOOTX64.OLD"] { try disk.write("EFI/BOOT/\(name)", program("1")) }
        try loader.confirmLoader()
        #expect(try disk.folder.read("partition/EFI/systemd/systemd-bootx64.OLD") == program("1"))
        try loader.updateLoader(image("2"), force: false)
        #expect(try disk.folder.read("partition/EFI/BOOT/BOOTX64.OLD") == program("1"))
        try loader.confirmLoader()
        #expect(try disk.names("EFI/systemd") == ["systemd-bootx64.efi"])
        #expect(try disk.names("EFI/BOOT") == ["BOOTX64.EFI"])
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

    @Test("GRUB waits for a key whatever the options say, and shows a menu when they say how long", arguments: [0, 5])
    func wait(_ timeout: Int) throws {
        try disk.loader(.grub).install(
            LoaderSource(image: Sample.image(in: disk.folder)), options: LoaderOptions(timeout: timeout))
        let lines = try disk.read("grub/grub.cfg").split(separator: "\n").filter { $0.hasPrefix("set timeout") }
        let (style, seconds) = timeout == 0 ? ("hidden", 1) : ("menu", 5)
        #expect(lines.map(String.init) == ["set timeout_style=\(style)", "set timeout=\(seconds)"])
    }

    /// A partition with GRUB's configuration of format 1.
    private func oldGRUB() throws -> (any BootLoader, LoaderSource) {
        let loader = disk.loader(.grub)
        let source = LoaderSource(image: try Sample.image(in: disk.folder))
        try loader.install(source, options: LoaderOptions(timeout: 0))
        try disk.write("grub/grub.cfg", GRUBFormats.first)
        return (loader, source)
    }

    @Test("an update of GRUB brings its configuration to what is written now, and keeps the one before it")
    func configuration() throws {
        let (loader, source) = try oldGRUB()
        let before = try loader.loaderStatus(source)
        #expect(before.differs && !before.hasForeignConfiguration && !before.hasFallback)
        let after = try loader.updateLoader(source, force: false)
        #expect(!after.differs && after.hasFallback)
        #expect(try disk.read("grub/grub.OLD") == GRUBFormats.first)
        let text = try disk.read("grub/grub.cfg")
        #expect(text.contains("\nset timeout_style=hidden\nset timeout=1\n") && !text.contains("serial --unit"))
        let check = try run(["/usr/bin/grub-script-check", disk.root.appending("grub/grub.cfg").string])
        #expect(check.status == 0, "\(check.errorText)")
        try loader.confirmLoader()
        #expect(try !loader.loaderStatus(source).hasFallback)
        #expect(try !disk.names("grub").contains("grub.OLD"))
        // As an installation writes it.
        let other = try TestPartition()
        try other.loader(.grub).install(source, options: LoaderOptions(timeout: 0))
        #expect(try other.read("grub/grub.cfg") == text)
    }

    @Test("an update of GRUB's configuration leaves the wait as it is, and the serial port")
    func keptOptions() throws {
        let (loader, source) = try oldGRUB()
        try disk.write("grub/grub.cfg", GRUBFormats.first.replacing("set timeout=0", with: "set timeout=7"))
        try loader.updateLoader(source, force: false)
        #expect(try disk.read("grub/grub.cfg").contains("\nset timeout_style=menu\nset timeout=7\n"))
        let other = try TestPartition()
        let grub = other.loader(.grub)
        try grub.install(source, options: LoaderOptions(timeout: 0, usesSerialPort: true))
        let text = try other.read("grub/grub.cfg")
        let longer = text.replacing("set timeout=1", with: "set timeout=9")
        try other.write("grub/grub.cfg", longer)
        let status = try grub.loaderStatus(source)
        #expect(!status.differs && !status.hasForeignConfiguration)
        try grub.updateLoader(source, force: true)
        #expect(try other.read("grub/grub.cfg") == longer)
    }

    /// Format 1 with the serial port, as hostctl wrote it.
    private static let firstWithSerial = GRUBFormats.first.replacing(
        "set timeout=0\n",
        with: """
            if serial --unit=0 --speed=115200; then
              terminal_input console serial
              terminal_output console serial
            fi
            set timeout=0

            """)

    @Test("format 1 with a serial console becomes what an installation with one writes")
    func serialConsole() throws {
        let (loader, source) = try oldGRUB()
        try disk.write("grub/grub.cfg", Self.firstWithSerial)
        let before = try loader.loaderStatus(source)
        #expect(before.differs && !before.hasForeignConfiguration)
        #expect(try !loader.updateLoader(source, force: false).differs)
        let text = try disk.read("grub/grub.cfg")
        #expect(text.contains("format 2") && text.contains("terminal_output console serial\n"))
        let other = try TestPartition()
        try other.loader(.grub).install(source, options: LoaderOptions(timeout: 0, usesSerialPort: true))
        #expect(try other.read("grub/grub.cfg") == text)
    }

    @Test(
        "the operator's own wait stays, in format 1 and in the present one, and in a text that only force replaces",
        arguments: ["-1", "10", "0x10", "$long"])
    func ownWait(_ seconds: String) throws {
        let (loader, source) = try oldGRUB()
        let own = "set timeout=\(seconds)\n"
        try disk.write("grub/grub.cfg", GRUBFormats.first.replacing("set timeout=0\n", with: own))
        try loader.updateLoader(source, force: false)
        let first = try disk.read("grub/grub.cfg")
        #expect(first.contains("format 2") && first.contains("\nset timeout_style=menu\n\(own)"))

        try disk.write("grub/grub.cfg", first.replacing("timeout_style=menu", with: "timeout_style=countdown"))
        let present = try disk.read("grub/grub.cfg")
        #expect(try !loader.updateLoader(source, force: true).differs)
        #expect(try disk.read("grub/grub.cfg") == present)

        let edited = present.replacing("hostctl_menu tried", with: "# hostctl_menu tried")
        try disk.write("grub/grub.cfg", edited)
        #expect(try loader.updateLoader(source, force: false).hasForeignConfiguration)
        #expect(try disk.read("grub/grub.cfg") == edited)
        try loader.updateLoader(source, force: true)
        #expect(try disk.read("grub/grub.cfg") == present)
    }

    @Test(
        "a configuration that somebody has changed, or a newer hostctl has written, is replaced by force alone",
        arguments: ["old", "present", "newer", "cut", "own"])
    func foreignConfiguration(_ kind: String) throws {
        let (loader, source) = try oldGRUB()
        if kind != "old" { try loader.updateLoader(source, force: false) }
        try loader.confirmLoader()
        let text = try disk.read("grub/grub.cfg")
        let changed =
            switch kind {
            case "newer": text.replacing("format 2", with: "format 3")
            case "cut": String(text.prefix(text.count / 2))
            case "own": "set timeout=5\nconfigfile /elsewhere.cfg\n"
            default: text.replacing("hostctl_menu tried", with: "# hostctl_menu tried")
            }
        try disk.write("grub/grub.cfg", changed)
        let status = try loader.updateLoader(source, force: false)
        #expect(status.hasForeignConfiguration && !status.differs && !status.hasFallback)
        #expect(try disk.read("grub/grub.cfg") == changed)
        let forced = try loader.updateLoader(source, force: true)
        #expect(!forced.hasForeignConfiguration && !forced.differs && forced.hasFallback)
        #expect(try disk.read("grub/grub.OLD") == changed)
        #expect(try disk.read("grub/grub.cfg").contains("set timeout=\(kind == "own" ? 5 : 1)\n"))
    }

    @Test(
        "an update of GRUB's configuration that is killed leaves a whole one",
        arguments: [
            "boot.before-file-rename", "boot.before-file-rename:2", "boot.after-folder-flush",
            "boot.after-folder-flush:2", "boot.before-exchange", "boot.after-exchange", "boot.after-exchange-flush",
            "boot.before-removal", "boot.after-removal",
        ])
    func killedConfiguration(_ point: String) throws {
        let (loader, source) = try oldGRUB()
        let result = try run(
            [
                BuiltProducts.folder.appending("boot-trial").string, "grub", disk.root.string, "update",
                source.image.string,
            ],
            environment: ["HOSTCTL_FAULT_POINT": point])
        #expect(result.end == .signaled(9), "\(result.errorText)")
        let text = try disk.read("grub/grub.cfg")
        #expect(text == GRUBFormats.first || text.hasPrefix("# GRUB's configuration for hostctl, format 2."))
        #expect(try !loader.updateLoader(source, force: false).differs)
        #expect(try disk.read("grub/grub.OLD") == GRUBFormats.first)
    }
}
