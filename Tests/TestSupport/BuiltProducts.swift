import LinuxSystem
public import SystemPackage

/// Where the package manager puts what it builds.
public enum BuiltProducts {
    /// The folder that holds the running test bundle, and the executables beside it.
    public static let folder: FilePath = {
        let bundle = Files.linkTarget("/proc/self/exe") ?? "."
        return FilePath(bundle).removingLastComponent()
    }()

    /// The built `hostctl`; `HOSTCTL_TEST_BINARIES=FOLDER` chooses others, such as a release build.
    public static var hostctl: String { path(of: "hostctl") }
    /// The built `hostctl-store`.
    public static var hostctlStore: String { path(of: "hostctl-store") }

    private static func path(of name: String) -> String {
        let chosen = ProcessVariables["HOSTCTL_TEST_BINARIES"].map { FilePath($0) }
        return (chosen ?? folder).appending(name).string
    }
}
