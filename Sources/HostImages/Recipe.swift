import Glibc
import LinuxSystem
import Settings
public import SystemPackage

/// A folder that says how a host image is made.
///
/// `image.conf` with its drop-ins in `image.conf.d`, `rootfs/` copied over the tree, executables in `hooks/`.
public struct Recipe: Sendable {
    /// The folder.
    public let folder: FilePath
    /// The name of the distribution; today always `debian`.
    public let distribution: String
    /// The release, such as `trixie`.
    public let suite: String
    /// Which packages come without being asked for: mmdebstrap's variant.
    public let variant: String
    /// The archive's additions to the suite: `updates`, `security`.
    public let pockets: [String]
    /// Parts of the archive, such as `main`.
    public let components: [String]
    /// Where the suite and its updates come from.
    public let mirrors: [String]
    /// Where security updates come from.
    public let securityMirrors: [String]
    /// The keys that sign the archive.
    public let keyring: FilePath
    /// Folders inside the recipe that add to it, in the order in which they were chosen.
    let options: [String]
    /// Where `hostctl` and `hostctl-store` are that go into the image; `nil` for an image without.
    public let hostctlBinaries: FilePath?
    /// Where hostctl's units are; taken when there is such a folder.
    let hostctlUnits: FilePath?
    /// What the image's initramfs is made of; `nil` when hooks or packages make it.
    let initramfs: InitramfsPlan?
    /// What does not stay in the image.
    let removals: [Removal]
    /// Packages to install, by name.
    public let packages: [String]
    /// Patterns of paths that are not unpacked; with `!` in front, exceptions.
    public let pathExcludes: [String]
    /// The files that may have set-id bits or capabilities; `nil` when the recipe does not say.
    public let setuidFiles: [String]?
    /// Arguments that every host boots the image with.
    public let kernelArguments: [String]
    /// The line of releases, such as `lean-host/stable`.
    public let channel: String
    /// The release's name; `nil` to take the source date.
    public let version: String?
    /// As `uname -m` says it: `x86_64` or `aarch64`.
    public let architecture: String

    /// The name under which the store keeps the image.
    public var ref: String { "\(channel)/\(architecture)" }

    /// Reads a recipe.
    ///
    /// - Parameter overrides: `KEY=VALUE` as if a last drop-in had them; a list is added to, `KEY=` empties it.
    /// - Throws: `SettingsError` with file and line, `SystemError`.
    public init(reading folder: FilePath, overrides: [String] = []) throws {
        let plain = try Self.settings(of: folder, [], overrides)
        let options = try RecipeReader(file: plain).options(in: folder)
        let file = try options.isEmpty ? plain : Self.settings(of: folder, options, overrides)
        try self.init(file, folder: folder, options: options)
    }

    private static func settings(
        of folder: FilePath, _ options: [String], _ overrides: [String]
    ) throws -> SettingsFile {
        var file = try SettingsFile(
            reading: folder.appending("image.conf"), dropIns: places("image.conf.d", folder, options), schema: schema)
        for override in overrides { try file.add(override, section: "Image", option: "--set") }
        return file
    }

    /// A name in the recipe and in each of its options.
    private static func places(_ name: String, _ folder: FilePath, _ options: [String]) -> [FilePath] {
        [folder.appending(name)] + options.map { folder.appending("options/\($0)/\(name)") }
    }

    /// A folder of the recipe and of each of its options: `rootfs`, `hooks`.
    func places(of name: String) -> [FilePath] { Self.places(name, folder, options) }

    private init(_ file: SettingsFile, folder: FilePath, options: [String]) throws {
        let read = RecipeReader(file: file)
        self.folder = folder
        self.options = options
        hostctlBinaries = try read.folder("HostctlBinaries", in: folder)
        hostctlUnits = try read.folder("HostctlUnits", in: folder)
        removals = try Removal.read(folder, dropIns: Self.places("removals.conf.d", folder, options))
        initramfs = try read.initramfs()
        distribution = try file.choice("Distribution", in: "Image", from: ["debian"], default: "debian")
        suite = try read.name("Suite", example: "trixie")
        variant = try file.choice("Variant", in: "Image", from: Self.variants, default: "minbase")
        pockets = try read.pockets()
        components = try read.names("Components", default: ["main"])
        mirrors = try read.mirrors("Mirrors", default: "http://deb.debian.org/debian")
        securityMirrors = try read.mirrors("SecurityMirrors", default: "http://deb.debian.org/debian-security")
        keyring = try read.absolutePath("Keyring", default: "/usr/share/keyrings/debian-archive-keyring.gpg")
        packages = try read.packages()
        pathExcludes = try read.patterns()
        setuidFiles = try read.setuidFiles()
        kernelArguments = try file.words("KernelArguments", in: "Image") ?? []
        channel = try read.channel()
        version = try read.version()
        architecture = try file.choice(
            "Architecture", in: "Image", from: RecipeReader.architectures, default: Self.machineArchitecture)
    }

    /// The architecture as Debian names it.
    var debianArchitecture: String { architecture == "aarch64" ? "arm64" : "amd64" }

    private static let variants = ["essential", "apt", "minbase", "important", "standard"]

    private static let schema = SettingsSchema([
        "Image": [
            "Distribution", "Suite", "Variant", "Pockets", "Components", "Mirrors", "SecurityMirrors", "Keyring",
            "Packages", "PathExcludes", "SetuidFiles", "KernelArguments", "Channel", "Version", "Architecture",
            "Options", "HostctlBinaries", "HostctlUnits", "Initramfs", "InitramfsModules", "InitramfsOptionalModules",
            "InitramfsPrograms", "InitramfsLimit",
        ]
    ])

    static var machineArchitecture: String {
        var names = utsname()
        uname(&names)
        return withUnsafeBytes(of: &names.machine) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
