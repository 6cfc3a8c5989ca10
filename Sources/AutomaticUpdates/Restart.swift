import Checksums
import Glibc
import LinuxSystem
import Sysroots

/// Whether the host is restarted for a release: once, as far as anybody can tell what became of it.
struct RestartDecision {
    let paths: SysrootPaths
    let host: RunningHost

    /// Notes a release that runs: that it did not boot must not be said of it later.
    ///
    /// - Throws: `SystemError`, `SysrootError`.
    func noteRunning() throws {
        guard var request = try RestartRequest.load(paths), !request.hasBooted,
            running == request.deployment.checksum
        else { return }
        request.hasBooted = true
        try request.save(paths)
    }

    /// Whether a restart would start another commit. The same one with other kernel arguments is the operator's affair.
    func isNeeded(for deployment: DeploymentName) -> Bool { running != deployment.checksum }

    /// Decides, and records the request before anybody makes it: a restart that nobody remembers would come again.
    ///
    /// Within one boot it may be asked for again: the last time it was postponed, or never came to it.
    /// - Returns: `restarting`, `notBooted`, or `deployed` for a release that has run already: to leave it, and to
    ///   go back to it, was somebody's choice.
    /// - Throws: `SystemError`, `SysrootError`. The host must not be restarted then.
    func decide(for deployment: DeploymentName) throws -> AutomaticRun.Result {
        let boot = try host.bootIdentifier()
        if let last = try RestartRequest.load(paths), last.deployment.checksum == deployment.checksum {
            if last.hasBooted { return .deployed }
            if last.boot != boot { return .notBooted }
        }
        FaultPoint.reached("restart.before-record")
        try RestartRequest(deployment: deployment, boot: boot).save(paths)
        FaultPoint.reached("restart.after-record")
        return .restarting
    }

    private var running: Checksum? { SysrootReader(root: paths.root, host: host).readDeployments().booted?.checksum }
}
