import Glibc
import LinuxSystem
import SystemPackage

/// systemd-boot's own files.
extension SystemdBoot {
    /// Where an image has them, and what they are called on the partition.
    private static let variants = [
        (image: "systemd-bootx64.efi", fallback: "BOOTX64.EFI"),
        (image: "systemd-bootaa64.efi", fallback: "BOOTAA64.EFI"),
    ]

    private struct LoaderFile {
        let source: FilePath
        /// The loader's own name, and the one that firmware looks for on a disk that it does not know.
        let targets: [ReplacedFile]
    }

    /// Those that the image has.
    ///
    /// - Throws: `BootLoaderError.noLoaderFiles` when it has none.
    private func files(_ source: LoaderSource) throws(BootLoaderError) -> [LoaderFile] {
        let folder = source.image.appending("usr/lib/systemd/boot/efi")
        let present = Self.variants.filter { Files.exists(folder.appending($0.image)) }
        guard !present.isEmpty else {
            throw .noLoaderFiles("/usr/lib/systemd/boot/efi/\(Self.variants[0].image)")
        }
        return present.map { LoaderFile(source: folder.appending($0.image), targets: targets($0)) }
    }

    /// The loader's own name first. The firmware's comes last: it is the one that firmware starts on a disk for which it
    /// has no entry, and hostctl makes none. Cut off in between, an update has changed nothing for it.
    private func targets(_ variant: (image: String, fallback: String)) -> [ReplacedFile] {
        ["EFI/systemd/\(variant.image)", "EFI/BOOT/\(variant.fallback)"].map {
            ReplacedFile(partition: partition, path: partition.root.appending($0))
        }
    }

    /// The loader first: a partition with a loader and no entry says so in the menu.
    public func install(_ source: LoaderSource, options: LoaderOptions) throws {
        let files = try files(source)
        try partition.makeFolder(partition.root.appending("loader/entries"))
        for file in files {
            try Self.checkExecutable(file.source)
            for target in file.targets { try target.put(file.source) }
        }
        let configuration = "timeout \(options.timeout)\neditor no\nconsole-mode keep\n"
        try addMissing("loader/loader.conf", configuration)
        try addMissing("loader/entries.srel", "type1\n")
    }

    /// What an operator has changed stays.
    private func addMissing(_ name: String, _ text: String) throws {
        let path = partition.root.appending(name)
        if !Files.exists(path) { try partition.add(path, Array(text.utf8)) }
    }

    public func loaderStatus(_ source: LoaderSource) throws -> LoaderStatus {
        let folder = partition.root.appending("EFI/BOOT")
        let name = try Files.namesIfPresent(in: folder).first { file in
            Self.variants.contains { $0.fallback.lowercased() == file.lowercased() }
        }
        let installed = try name.flatMap { try Self.version(of: folder.appending($0)) }
        let hasFallback = try Self.variants.flatMap { targets($0) }.contains { try $0.isOnTrial() }
        let sources: [LoaderFile]
        do throws(BootLoaderError) { sources = try files(source) } catch {
            return LoaderStatus(installed: installed, available: nil, differs: false, hasFallback: hasFallback)
        }
        var differs = false
        for file in sources {
            for target in file.targets where try !target.isEqual(to: file.source) { differs = true }
        }
        let available = try sources.first.flatMap { try Self.version(of: $0.source) }
        return LoaderStatus(
            installed: installed, available: available, differs: differs, hasFallback: hasFallback)
    }

    public func checkUpdate(_ source: LoaderSource, force: Bool) throws -> LoaderStatus {
        let status = try loaderStatus(source)
        try checkVersions(status, force: force)
        var room = LoaderRoom()
        for file in try files(source) {
            try Self.checkExecutable(file.source)
            for target in file.targets { room += try target.room(for: file.source) }
        }
        try partition.requireSpace(room.needed)
        return status
    }

    public func updateLoader(_ source: LoaderSource, force: Bool) throws -> LoaderStatus {
        _ = try checkUpdate(source, force: force)
        for file in try files(source) {
            for target in file.targets { try target.put(file.source) }
        }
        return try loaderStatus(source)
    }

    public func hasFallback() throws -> Bool {
        try Self.variants.flatMap { targets($0) }.contains { try $0.hasFallback() }
    }

    /// Where an update was cut off between the two names, nobody can tell which of them has booted, and both stay on trial
    /// until an update has made them one again.
    public func confirmLoader() throws -> Bool {
        var isConfirmed = true
        for variant in Self.variants {
            let present = targets(variant).filter { Files.exists($0.path) }
            guard let first = present.first else { continue }
            let areOne = try present.allSatisfy { try $0.isEqual(to: first.path) }
            if areOne { for target in present { try target.confirm() } } else { isConfirmed = false }
        }
        return isConfirmed
    }

    /// The version that systemd-boot has in its data, as in `#### LoaderInfo: systemd-boot 252.39-1 ####`.
    private static func version(of path: FilePath) throws(SystemError) -> String? {
        guard let bytes = try Files.readIfPresent(path, limit: LoaderFiles.limit) else { return nil }
        return LoaderFiles.text(after: "#### LoaderInfo: systemd-boot ", before: " ####", in: bytes)
    }

    static func checkExecutable(_ path: FilePath) throws {
        try LoaderFiles.checkExecutable(path)
    }
}
