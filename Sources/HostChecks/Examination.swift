import Glibc
import LinuxSystem
public import Sysroots
public import SystemPackage

/// Looks a host over: what hostctl needs of it, and what an operator should know. It repairs nothing.
public struct Examination {
    let reader: SysrootReader
    /// The sysroot's state, read once; `nil` where there is none.
    let report: SysrootReport?
    /// The hostctl-store executable that commands would use.
    let store: FilePath
    /// This program's version.
    let version: String
    /// Seconds since 1970.
    let now: Int64
    private let host: RunningHost
    private let isNamed: Bool

    /// - Parameters:
    ///   - root: the physical root.
    ///   - isNamed: whether the operator has named it, so that it must be a sysroot.
    ///   - store: the hostctl-store executable that commands would use.
    ///   - version: this program's version, which hostctl-store's must be.
    ///   - now: the time, in seconds since 1970; the clock's by default.
    public init(
        root: FilePath, isNamed: Bool = true, store: FilePath, version: String, host: RunningHost = RunningHost(),
        now: Int64? = nil
    ) {
        reader = SysrootReader(root: root, host: host)
        report = reader.isSysroot ? reader.report() : nil
        self.store = store
        self.version = version
        self.now = now ?? Int64(time(nil))
        self.host = host
        self.isNamed = isNamed
    }

    var paths: SysrootPaths { reader.paths }

    /// The root folder whose settings count: the running host's, or the default deployment's.
    var settingsRoot: FilePath? {
        guard let report else { return nil }
        return report.isRunning ? host.root : report.defaultDeployment.map { paths.folder(of: $0.name) }
    }

    /// Runs every check.
    ///
    /// - Parameter network: whether the origin is asked, too, which may take a minute.
    public func run(network: Bool) -> [Finding] {
        var findings = [privileges] + kernel + programs
        guard report != nil else { return findings + [missingSysroot] }
        findings += fileSystem + space + boot + [keys] + following(network: network)
        return findings + [clock] + state + leftovers + [units]
    }

    /// A machine that builds and publishes images has none.
    private var missingSysroot: Finding {
        let text = "\(paths.root) is not a sysroot"
        let why = "images can be built and published here, and nothing can be upgraded"
        let advice = "install a host with 'hostctl install sysroot', or give its --sysroot"
        return isNamed
            ? .problem("sysroot", text, why: why, advice: advice) : .warning("sysroot", text, why: why, advice: advice)
    }

    /// Whether the checks that need privileges were made.
    private var privileges: Finding {
        if geteuid() == 0 { return .ok("privileges", "running as root") }
        return .warning(
            "privileges", "not running as root", why: "the store cannot be read, so that some checks were left out",
            advice: "run the command as root")
    }
}
