/// A boot loader that hostctl can install and keep entries for.
public enum LoaderKind: String, Sendable, CaseIterable {
    /// systemd-boot, on UEFI.
    case systemdBoot = "systemd-boot"
    /// GRUB 2, on BIOS and on UEFI.
    case grub
}

/// What `boot.json` records about how a host boots; its presence means that the boot partition's entries are the switch.
public struct BootConfiguration: Sendable, Equatable {
    /// Which loader reads the entries.
    public let loader: LoaderKind
    /// The boot partition's PARTUUID, in lower case.
    public let partition: String
    /// How often a new deployment is tried before the last good one boots: 1 to `TryCounter.mostTries`.
    public let tries: Int

    /// - Parameter tries: brought into the range that both loaders can count.
    public init(loader: LoaderKind, partition: String, tries: Int = 3) {
        self.loader = loader
        self.partition = partition.lowercased()
        self.tries = min(max(tries, 1), TryCounter.mostTries)
    }

    /// The loader on a mounted boot partition.
    public func bootLoader(on partition: BootPartition) -> any BootLoader {
        switch loader {
        case .systemdBoot: SystemdBoot(partition: partition)
        case .grub: GRUB(partition: partition)
        }
    }
}
