import HostctlCommands
import LinuxSystem
import Subprocess

/// Restarting the host.
enum Reboot {
    /// Why there was no restart.
    struct Refused: ExplainedError {
        let reason: String
        let advice: String? = "restart the host by hand; the change itself was made"
        let category = FailureCategory.needsReboot
    }

    /// Asks systemd to restart.
    ///
    /// - Throws: `Refused`, also for a sysroot that is not the running host's.
    static func now(_ sysroot: SysrootOption) async throws {
        guard sysroot.sysroot == nil else {
            throw Refused(reason: "--reboot is for the running host, and --sysroot names another root")
        }
        let result = try await Subprocess.run(
            .name("systemctl"), arguments: ["reboot"], output: .discarded, error: .string(limit: 4096))
        guard result.terminationStatus.isSuccess else {
            throw Refused(reason: "systemd refuses to restart: \(result.standardError)")
        }
    }
}
