public import SystemPackage

/// A boot loader's entries and files on a boot partition.
///
/// Every change is one step that a power cut leaves done or undone: a file under a new name, or one rename to a new
/// name, or one sector of GRUB's environment block. The order of writes, and what a power cut leaves after each, is in
/// docs/disk-format.md, "Boot partition". All functions throw `BootLoaderError` and `SystemError`.
public protocol BootLoader: Sendable {
    /// Which one it is.
    var kind: LoaderKind { get }
    /// The partition that it reads.
    var partition: BootPartition { get }

    /// The entries in boot order; counters are what the loader would act on at the next start.
    ///
    /// Needs no lock. A missing folder has no entries.
    /// - Throws: `SystemError` when the partition cannot be read.
    func listing() throws -> EntryListing

    /// Finds out whether `add` would refuse an entry; writes nothing.
    ///
    /// - Throws: as `add`.
    func check(_ entry: LoaderEntry) throws

    /// Adds an entry: **the switch**. With the highest generation it boots next; `entry.counter` says how often it is
    /// tried, `nil` that it is good. Other entries are not touched.
    ///
    /// Its kernel is checked first (`BootPartition.hasKernel`).
    /// - Throws: `BootLoaderError.unusableArgument` for a newline or NUL, `.generationTaken`, `.noKernel`; nothing has
    ///   been changed then. `SystemError`.
    func add(_ entry: LoaderEntry) throws

    /// Removes every file of a generation, damaged ones and twins included; a missing one is fine. Entries of others
    /// are not touched.
    ///
    /// - Throws: `BootLoaderError.lastEntry` when no other entry could be booted then, `.lastGood` when only those on
    ///   trial could; `SystemError`.
    func remove(generation: Int) throws

    /// Takes the counter from a generation's entry: it has proved itself. Again is fine.
    ///
    /// - Throws: `BootLoaderError.noEntry`, `SystemError`.
    func markGood(generation: Int) throws

    /// Leaves a generation no try, so that every other entry comes before it. Again is fine.
    ///
    /// - Throws: `BootLoaderError.noEntry`, `.lastEntry` and `.lastGood` as `remove`, `SystemError`.
    func markBad(generation: Int) throws

    /// Puts the loader and its configuration onto an empty boot partition; complete files are left alone, so that it
    /// can be run again.
    ///
    /// - Throws: `BootLoaderError.noLoaderFiles` when the image has not what is needed, `SystemError`.
    func install(_ source: LoaderSource, options: LoaderOptions) throws

    /// The loader that is installed, and the one that the image has.
    func loaderStatus(_ source: LoaderSource) throws -> LoaderStatus

    /// Whether `updateLoader` can be done. Nothing is written.
    ///
    /// - Returns: what there is.
    /// - Throws: `BootLoaderError`, among them `.onTrial` without `force` where the proven one would be overwritten, and
    ///   `.noSpace`; `SystemError`.
    func checkUpdate(_ source: LoaderSource, force: Bool) throws -> LoaderStatus

    /// Replaces the installed loader by the image's: a copy of what is proven stays beside it until `confirmLoader`, the new
    /// file is written, read back, and exchanged with the old one. Does nothing when the installed one is as new, and
    /// nothing to a newer one without `force`. GRUB's configuration is a part of it.
    ///
    /// - Returns: what is there now.
    /// - Throws: as `checkUpdate`; what was installed boots then.
    @discardableResult
    func updateLoader(_ source: LoaderSource, force: Bool) throws -> LoaderStatus

    /// Whether something stands beside the loader's files that is kept until a good boot.
    func hasFallback() throws -> Bool

    /// Removes the fallback of an update after the new loader has booted; the caller knows that. Nothing to do is fine.
    ///
    /// - Returns: whether nothing is on trial any more.
    @discardableResult
    func confirmLoader() throws -> Bool
}

/// Where a loader's files come from, and where those go that no file system holds.
public struct LoaderSource: Sendable {
    /// The root of an image: `/usr/lib/systemd/boot/efi` and `/usr/lib/hostctl/grub` below it have the files.
    public let image: FilePath
    /// Where GRUB's BIOS part goes; `nil` on a host without BIOS boot partition.
    public let bios: BIOSBootArea?

    public init(image: FilePath, bios: BIOSBootArea? = nil) {
        self.image = image
        self.bios = bios
    }
}

/// A disk with a BIOS boot partition (GPT type 21686148-6449-6E6F-744E-656564454649), for GRUB's core image.
public struct BIOSBootArea: Sendable, Equatable {
    /// The disk, a block device or a raw image; its first 440 bytes become GRUB's.
    public let disk: FilePath
    /// The first sector of 512 bytes of the BIOS boot partition.
    public let firstSector: UInt64
    /// Its sectors. It should have room for two core images (1 MiB has), so that an update can stand beside the old one.
    public let sectors: UInt64

    public init(disk: FilePath, firstSector: UInt64, sectors: UInt64) {
        self.disk = disk
        self.firstSector = firstSector
        self.sectors = sectors
    }
}

/// How a loader shows itself.
public struct LoaderOptions: Sendable, Equatable {
    /// Seconds that the menu waits; 0 shows none unless a key is pressed: any that systemd-boot finds held, or Esc
    /// within the second that GRUB waits for it.
    public let timeout: Int
    /// Whether GRUB also uses the first serial port, 115200 baud. systemd-boot uses what the firmware uses.
    public let usesSerialPort: Bool

    public init(timeout: Int = 3, usesSerialPort: Bool = false) {
        self.timeout = max(timeout, 0)
        self.usesSerialPort = usesSerialPort
    }
}

/// The installed loader beside the one that an image has.
public struct LoaderStatus: Sendable, Equatable {
    /// The installed one's version; `nil` when it does not say.
    public var installed: String?
    /// The image's; `nil` when the image has none.
    public var available: String?
    /// Whether their files differ.
    public var differs: Bool
    /// Whether what is installed is on trial: a fallback from an update still waits for `confirmLoader`.
    public var hasFallback: Bool
    /// Whether GRUB's configuration is one that somebody has changed, or a newer hostctl has written: `updateLoader`
    /// leaves it alone without `force`, and `differs` says nothing of it.
    public var hasForeignConfiguration = false
}
