/// One entry of the boot menu: a deployment, its kernel, and how often it may be tried.
public struct LoaderEntry: Sendable, Equatable {
    /// The generation and, for a deployment that has not proved itself, the counter; also the file's name.
    public let name: EntryName
    /// The deployment's folder name, `<checksum>.<serial>`.
    public let folder: String
    /// What the menu shows.
    public let title: String
    /// The folder below `/hostctl` of the boot partition that has the kernel: see `BootPartition.kernelFolder(for:)`.
    public let kernelFolder: String
    /// The kernel's arguments one by one, each as the command line has it (with its quotes), without `ostree=`.
    public let arguments: [String]

    /// - Parameters:
    ///   - folder: `<checksum>.<serial>`.
    ///   - arguments: without `ostree=`, which follows from the deployment.
    public init(name: EntryName, folder: String, title: String, kernelFolder: String, arguments: [String]) {
        self.name = name
        self.folder = folder
        self.title = title
        self.kernelFolder = kernelFolder
        self.arguments = arguments
    }

    /// A rising number; the highest is booted first.
    public var generation: Int { name.generation }
    /// The deployment as text, `<stateroot>/<checksum>.<serial>`.
    public var deployment: String { "\(name.stateroot)/\(folder)" }
    /// `nil` when the entry is good.
    public var counter: TryCounter? { name.counter }

    /// The permanent link to the deployment's folder, as `ostree=` names it.
    public var link: String { "\(Self.linkFolder)\(deployment)" }
    /// Where permanent links lie, below the physical root.
    public static let linkFolder = "/ostree/hostctl/boot/"

    /// The whole command line: `ostree=` and the arguments.
    var commandLine: [String] { ["ostree=\(link)"] + arguments }

    /// The same entry under another name.
    public func with(_ name: EntryName) -> LoaderEntry {
        LoaderEntry(name: name, folder: folder, title: title, kernelFolder: kernelFolder, arguments: arguments)
    }

    /// Reads an entry from what its file says; `nil` when that is no entry of ours for the deployment.
    ///
    /// - Parameters:
    ///   - kernel: the path of the kernel, `/hostctl/<folder>/vmlinuz`.
    ///   - commandLine: the arguments, `ostree=` among them.
    init?(name: EntryName, title: String, kernel: String, commandLine: [String]) {
        let prefix = "ostree=\(Self.linkFolder)\(name.stateroot)/"
        let links = commandLine.filter { $0.hasPrefix("ostree=") }
        let parts = kernel.split(separator: "/", omittingEmptySubsequences: true)
        guard links.count == 1, links[0].hasPrefix(prefix), parts.count == 3, parts[0] == "hostctl",
            parts[2] == "vmlinuz"
        else { return nil }
        let folder = String(links[0].dropFirst(prefix.count))
        guard Self.isFolderName(folder), BootPartition.isKernelFolder(String(parts[1])) else { return nil }
        self.init(
            name: name, folder: folder, title: title, kernelFolder: String(parts[1]),
            arguments: commandLine.filter { !$0.hasPrefix("ostree=") })
    }

    /// `<checksum>.<serial>`: 64 hexadecimal digits and a number.
    static func isFolderName(_ text: String) -> Bool {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 2 && parts[0].utf8.count == 64 && parts[0].utf8.allSatisfy(isLowerHexadecimal)
            && TryCounter.number(parts[1]) != nil
    }
}

/// 0 to 9 and a to f.
func isLowerHexadecimal(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte) }
