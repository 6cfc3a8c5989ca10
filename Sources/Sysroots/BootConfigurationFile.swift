public import BootLoaders
import LinuxSystem
import SystemPackage
import TrustMetadata

extension BootConfiguration {
    static func path(in paths: SysrootPaths) -> FilePath { paths.state.appending("boot.json") }

    /// Whether the entries on the boot partition are the switch, even where the file cannot be read.
    public static func exists(in paths: SysrootPaths) -> Bool { Files.exists(path(in: paths)) }

    /// Reads `boot.json`; `nil` where the links below /boot are the switch.
    ///
    /// - Throws: `SystemError`, `SysrootError.damagedState`.
    public static func load(_ paths: SysrootPaths) throws -> BootConfiguration? {
        try StateFile(path: path(in: paths)).read { (fields) throws(TrustMetadataError) in
            let word = try fields.string("loader")
            guard let loader = LoaderKind(rawValue: word) else {
                throw fields.malformed("'\(word)' is no boot loader")
            }
            let tries = try fields.has("tries") ? Int(clamping: fields.integer("tries")) : 3
            return try BootConfiguration(loader: loader, partition: fields.string("partition"), tries: tries)
        }
    }

    /// Replaces the file in one durable step. From then on the entries on the boot partition are the switch.
    ///
    /// - Throws: `SystemError`.
    public func save(_ paths: SysrootPaths) throws {
        try StateFile(path: Self.path(in: paths)).write([
            "format": 1, "loader": .string(loader.rawValue), "partition": .string(partition),
            "tries": .integer(Int64(tries)),
        ])
    }

    /// What the partition itself tells when the file cannot be read: only GRUB has a folder of its own there.
    static func guess(_ paths: SysrootPaths) -> BootConfiguration {
        let grub = paths.bootPartition.appending("grub")
        return BootConfiguration(loader: Files.exists(grub) ? .grub : .systemdBoot, partition: "")
    }
}
