public import ArgumentParser
import LinuxSystem
public import SystemPackage

/// `--sysroot`.
public struct SysrootOption: ParsableArguments {
    @Option(help: ArgumentHelp("The sysroot to work on; by default the running host's.", valueName: "folder"))
    public var sysroot: String?

    public init() {}

    /// The physical root: on a booted host it is mounted at /sysroot.
    public var root: FilePath {
        sysroot.map { FilePath($0).absolute } ?? Self.runningRoot
    }

    /// The physical root of the running host.
    public static var runningRoot: FilePath { Files.exists("/run/ostree-booted") ? "/sysroot" : "/" }
}

extension FilePath {
    /// Resolved against the current folder, so that it holds wherever it is used; links are not followed.
    public var absolute: FilePath {
        guard !isAbsolute, let current = CurrentFolder.path else { return lexicallyNormalized() }
        return current.pushing(self).lexicallyNormalized()
    }
}
