/// Something in a sysroot that is not as it should be. It is reported; nothing is repaired or thrown.
public struct SysrootProblem: Sendable, Hashable {
    /// What kind of damage; the raw values are part of the JSON format.
    public enum Kind: String, Sendable, CaseIterable {
        /// There are deployments and no boot entries.
        case missingBootEntries = "missing-boot-entries"
        /// A boot entry that names no deployment.
        case damagedBootEntry = "damaged-boot-entry"
        /// A boot entry for a deployment that has one already.
        case duplicateBootEntry = "duplicate-boot-entry"
        /// A boot entry whose link leads nowhere.
        case danglingBootLink = "dangling-boot-link"
        /// A boot entry for a deployment whose folder is gone.
        case missingFolder = "missing-folder"
        /// The boot partition is not mounted where it should be, so that nobody knows what the boot loader will do.
        case unmountedPartition = "unmounted-partition"
        /// A boot entry whose kernel or initramfs is not on the boot partition.
        case missingKernel = "missing-kernel"
        /// The list of stock tools, which lacks a deployment that has a boot entry on the boot partition.
        case damagedMirror = "damaged-mirror"
        /// A deployment's folder that no boot entry leads to.
        case unlistedFolder = "unlisted-folder"
        /// What an interrupted change has left; the next change completes or removes it.
        case interruptedChange = "interrupted-change"
        /// An origin file that is missing, or only partly readable.
        case damagedOrigin = "damaged-origin"
        /// A commit, or its signatures, that cannot be read or does not have its checksum.
        case unreadableCommit = "unreadable-commit"
        /// The trusted keys cannot be read, so that no signature can be judged.
        case unreadableKeys = "unreadable-keys"
        /// A file of hostctl's own state that cannot be read.
        case unreadableState = "unreadable-state"
        /// A kernel or initramfs under /boot that is missing or damaged; found by `hostctl verify` alone.
        case damagedKernel = "damaged-kernel"
        /// A part of the sysroot that cannot be read at all.
        case unreadableFolder = "unreadable-folder"
    }

    /// What kind of damage.
    public let kind: Kind
    /// The file or folder.
    public let path: String
    /// One clear sentence, without a full stop.
    public let text: String

    public init(_ kind: Kind, path: String, _ text: String) {
        self.kind = kind
        self.path = path
        self.text = text
    }
}
