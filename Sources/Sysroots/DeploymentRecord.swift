public import Checksums
public import Signatures

/// What is known about one deployment; what damage hides is `nil`.
public struct DeploymentRecord: Sendable, Equatable {
    /// Its place in the boot order, from 0; deployments without a boot entry come after the others.
    public var index: Int
    /// Stateroot, commit and serial.
    public var name: DeploymentName
    /// Whether a boot entry leads to it.
    public var isListed = false
    /// Whether it is what the next boot starts.
    public var isDefault = false
    /// Whether it waits for the next shutdown, which makes it the default.
    public var isStaged = false
    /// How often the boot loader will still try it; `nil` for one that was marked good, or where nobody counts.
    public var triesLeft: Int?
    /// Whether it cannot be told how often, as where the boot partition is not mounted: then it may be good or on trial.
    public var areTriesUnknown = false
    /// Whether it is what runs now.
    public var isBooted = false
    /// Whether it is kept until it is unpinned.
    public var isPinned = false
    /// Whether it is pinned only for stock tools, so that these leave it alone.
    public var isGuarded = false
    /// Whether it has to be treated as pinned: an origin file that is damaged may have said so.
    public var mayBePinned: Bool { isPinned || problems.contains { $0.kind == .damagedOrigin } }
    /// Whether the deployment itself is there, and not only what leads to it.
    public var hasFolder: Bool { !problems.contains { $0.kind == .missingFolder } }
    /// The release's version.
    public var version: String?
    /// The channel it came from.
    public var channel: String?
    /// The ref it was deployed from.
    public var refspec: String?
    /// When the commit was made: seconds since 1970.
    public var timestamp: Int64?
    /// When it was deployed: seconds since 1970.
    public var deployedAt: Int64?
    /// The command that deployed it.
    public var command: String?
    /// The kernel's arguments, without `ostree=`.
    public var kernelArguments: [String] = []
    /// The checksum of its kernel and initramfs.
    public var bootChecksum: String?
    /// What its commit's signatures are worth; `nil` when they cannot be judged.
    public var verdict: Verdict?
    /// What is wrong with it.
    public var problems: [SysrootProblem] = []

    public init(index: Int, name: DeploymentName) {
        self.index = index
        self.name = name
    }

    /// Why it would not be booted, or not come up, as far as the disk tells: one sentence without a full stop. What an entry
    /// lacks and can be given again, as its kernel, is none.
    public var obstacle: String? {
        if triesLeft == 0 { return "the boot loader has no try left for it" }
        return hasFolder ? nil : "its folder is missing"
    }
    /// Whether it can be booted, or mended so that it can.
    public var canBoot: Bool { obstacle == nil }
    /// Whether the loader counts its tries, or may do so.
    public var isOnTrial: Bool { triesLeft != nil || areTriesUnknown }
    /// Whether it can be booted and has come up before: what a host can be left with.
    public var isProven: Bool { canBoot && !isOnTrial }

    /// The commit.
    public var checksum: Checksum { name.checksum }
    /// The stateroot.
    public var stateroot: String { name.stateroot }
}
