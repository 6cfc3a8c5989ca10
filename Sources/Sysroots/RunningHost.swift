import Glibc
public import LinuxSystem
public import SystemPackage

/// What tells whether a sysroot is the one that runs, and which of its deployments was booted.
public struct RunningHost: Sendable {
    /// Exists on a host that was booted from a deployment.
    public let marker: FilePath
    /// The kernel's command line.
    public let commandLine: FilePath
    /// The root folder of what runs.
    public let root: FilePath
    /// The folder that holds the store and the deployments of what runs.
    public let ostree: FilePath
    /// Holds a random text that each boot has its own of.
    public let bootIdentity: FilePath
    /// Which boot loader has started the kernel, as a number.
    public let loaderType: FilePath
    /// What is mounted as /var of what runs.
    public let state: FilePath
    /// Exists while an overlay makes /usr writable, until the next boot.
    public let usrOverlay: FilePath = "/run/hostctl/usr-overlay"

    public init(
        marker: FilePath = "/run/ostree-booted", commandLine: FilePath = "/proc/cmdline", root: FilePath = "/",
        ostree: FilePath = "/ostree", bootIdentity: FilePath = "/proc/sys/kernel/random/boot_id",
        state: FilePath = "/var", loaderType: FilePath = "/proc/sys/kernel/bootloader_type"
    ) {
        self.loaderType = loaderType
        self.state = state
        self.marker = marker
        self.commandLine = commandLine
        self.root = root
        self.ostree = ostree
        self.bootIdentity = bootIdentity
    }

    /// Whether the running system was booted from a deployment in this sysroot.
    public func runs(_ paths: SysrootPaths) -> Bool {
        guard Files.exists(marker) else { return false }
        return Self.isSame(ostree, paths.root.appending("ostree"))
    }

    /// Whether this folder is the running system's root: the same inode, as the root is a bind mount of it.
    func isRoot(_ folder: FilePath) -> Bool { Self.isSame(root, folder) }

    /// Whether this folder is mounted as /var of what runs.
    func isState(_ folder: FilePath) -> Bool { Self.isSame(state, folder) }

    /// The boot link on the kernel's command line.
    ///
    /// - Throws: `SystemError`.
    public func bootLink() throws(SystemError) -> String? {
        try arguments().first { $0.hasPrefix("ostree=") }.map { String($0.dropFirst("ostree=".count)) }
    }

    /// The kernel's command line in words.
    ///
    /// - Throws: `SystemError`.
    func arguments() throws(SystemError) -> [String] {
        let text = String(decoding: try Files.read(commandLine, limit: 1 << 16), as: UTF8.self)
        return BootEntry.words(String(text.prefix { $0 != "\n" }))
    }

    /// What tells this boot from all others.
    ///
    /// - Throws: `SystemError`.
    public func bootIdentifier() throws(SystemError) -> String {
        let text = String(decoding: try Files.read(bootIdentity, limit: 4096), as: UTF8.self)
        return String(text.prefix { !$0.isWhitespace })
    }

    /// Whether another kernel has started this one, by kexec, and no boot loader has.
    ///
    /// The number is the loader's type above four bits of its version; 13 is kexec (Linux, Documentation/arch/x86/boot.rst,
    /// type_of_loader). Other architectures do not tell.
    /// - Throws: `SystemError`.
    public func isStartedByKernel() throws(SystemError) -> Bool {
        guard let bytes = try Files.readIfPresent(loaderType, limit: 64) else { return false }
        let number = Int(String(decoding: bytes.prefix { $0 > 0x20 }, as: UTF8.self))
        return number.map { $0 >> 4 == 13 } ?? false
    }

    private static func isSame(_ left: FilePath, _ right: FilePath) -> Bool {
        var first = stat()
        var second = stat()
        return stat(left.string, &first) == 0 && stat(right.string, &second) == 0
            && first.st_dev == second.st_dev && first.st_ino == second.st_ino
    }
}
