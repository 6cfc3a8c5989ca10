import Glibc
import LinuxSystem
import SystemPackage

/// GRUB's own files. An image has them ready made (`images/grub-images`), so that the host needs no GRUB tools.
extension GRUB {
    private static let folder = "usr/lib/hostctl/grub"
    private var efi: ReplacedFile {
        ReplacedFile(partition: partition, path: partition.root.appending("EFI/BOOT/BOOTX64.EFI"))
    }
    private var configuration: ReplacedFile {
        ReplacedFile(partition: partition, path: partition.root.appending("grub/grub.cfg"))
    }
    private var version: ReplacedFile {
        ReplacedFile(partition: partition, path: partition.root.appending("grub/version.txt"))
    }

    static func imageFile(_ name: String, _ image: FilePath) throws -> [UInt8] {
        guard let bytes = try Files.readIfPresent(image.appending(folder).appending(name), limit: LoaderFiles.limit)
        else {
            throw BootLoaderError.noLoaderFiles("/\(folder)/\(name)")
        }
        return bytes
    }

    private func path(_ name: String, _ source: LoaderSource) -> FilePath {
        source.image.appending(Self.folder).appending(name)
    }

    /// The parts that start the loader come last: before them, whatever the firmware finds there stays as it is.
    public func install(_ source: LoaderSource, options: LoaderOptions) throws {
        let (bios, hasUEFI) = try parts(source)
        for folder in ["grub", "hostctl/grub"] { try partition.makeFolder(partition.root.appending(folder)) }
        try environment.prepare()
        try addMissing("grub/grub.cfg", GRUBConfiguration.text(options))
        try addMissing("grub/hostctl-installed", "GRUB's early configuration looks for this file.\n")
        try put(source, bios, hasUEFI)
    }

    private func addMissing(_ name: String, _ text: String) throws {
        let path = partition.root.appending(name)
        if !Files.exists(path) { try partition.add(path, Array(text.utf8)) }
    }

    /// What the image has and the host can use, checked before anything is written.
    private func parts(_ source: LoaderSource) throws -> (bios: BIOSBoot?, hasUEFI: Bool) {
        let bios = try source.bios.map { try BIOSBoot(area: $0, image: source.image, partition: partition) }
        let hasUEFI = Files.exists(path("grubx64.efi", source))
        guard bios != nil || hasUEFI else { throw BootLoaderError.noLoaderFiles("/\(Self.folder)/grubx64.efi") }
        if hasUEFI { try LoaderFiles.checkExecutable(path("grubx64.efi", source)) }
        return (bios, hasUEFI)
    }

    private func put(_ source: LoaderSource, _ bios: BIOSBoot?, _ hasUEFI: Bool) throws {
        if hasUEFI { try efi.put(path("grubx64.efi", source)) }
        try bios?.install()
        if Files.exists(path("version", source)) { try version.put(path("version", source)) }
    }

    public func loaderStatus(_ source: LoaderSource) throws -> LoaderStatus {
        let (bios, hasUEFI): (BIOSBoot?, Bool)
        do { (bios, hasUEFI) = try parts(source) } catch is BootLoaderError { (bios, hasUEFI) = (nil, false) }
        var differs = try bios.map { try !$0.isInstalled() } ?? false
        if hasUEFI, try !efi.isEqual(to: path("grubx64.efi", source)) { differs = true }
        // Written last: an update may have been cut off before it.
        let text = path("version", source)
        if bios != nil || hasUEFI, Files.exists(text), try !version.isEqual(to: text) { differs = true }
        let present = try presentConfiguration()
        let isForeign = !GRUBConfiguration.isReplaceable(present)
        // Without the image's files there is no update.
        if bios != nil || hasUEFI, !isForeign, present != GRUBConfiguration.text(insteadOf: present) { differs = true }
        return LoaderStatus(
            installed: try Self.line(version.path), available: try Self.line(path("version", source)), differs: differs,
            hasFallback: try efi.isOnTrial() || configuration.isOnTrial() || bios?.isOnTrial() == true,
            hasForeignConfiguration: isForeign)
    }

    /// Empty for a file that is missing.
    private func presentConfiguration() throws(SystemError) -> String {
        let bytes = try Files.readIfPresent(configuration.path, limit: LoaderFiles.limit) ?? []
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func line(_ path: FilePath) throws(SystemError) -> String? {
        guard let bytes = try Files.readIfPresent(path, limit: 4096) else { return nil }
        let line = String(decoding: bytes.prefix { $0 > 0x20 && $0 < 0x7f }, as: UTF8.self)
        return line.isEmpty ? nil : line
    }

    public func checkUpdate(_ source: LoaderSource, force: Bool) throws -> LoaderStatus {
        let (bios, hasUEFI) = try parts(source)
        let status = try loaderStatus(source)
        try checkVersions(status, force: force)
        if !force { try bios?.checkTrial() }
        var room = LoaderRoom()
        if hasUEFI { room += try efi.room(for: path("grubx64.efi", source)) }
        if let bios { room.kept += try bios.room() }
        try partition.requireSpace(room.needed)
        return status
    }

    public func updateLoader(_ source: LoaderSource, force: Bool) throws -> LoaderStatus {
        _ = try checkUpdate(source, force: force)
        let (bios, hasUEFI) = try parts(source)
        try put(source, bios, hasUEFI)
        try putConfiguration(force: force)
        return try loaderStatus(source)
    }

    /// After the programs: what the new one needs of a new program is there then, and each is as good with the other's
    /// old one.
    private func putConfiguration(force: Bool) throws {
        let present = try presentConfiguration()
        guard force || GRUBConfiguration.isReplaceable(present) else { return }
        try configuration.put(Array(GRUBConfiguration.text(insteadOf: present).utf8))
    }

    public func hasFallback() throws -> Bool {
        try [efi, configuration, version].contains { try $0.hasFallback() }
            || Files.exists(partition.root.appending(BIOSBoot.fallback))
    }

    /// A boot by one firmware confirms what the other one starts as well: a disk that both start is not told from one that
    /// only has the files for both.
    public func confirmLoader() throws -> Bool {
        for file in [efi, configuration, version] where Files.exists(file.path) { try file.confirm() }
        let core = partition.root.appending(BIOSBoot.fallback)
        if Files.exists(core) { try partition.remove(core) }
        return true
    }
}
