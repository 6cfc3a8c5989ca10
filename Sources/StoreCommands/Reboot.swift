import ArgumentParser
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

    /// Refuses, before anything is changed, to restart this host for a change of another one.
    ///
    /// - Throws: `ValidationError`.
    static func validate(_ reboot: Bool, _ sysroot: SysrootOption) throws {
        guard !reboot || sysroot.sysroot == nil else {
            throw ValidationError("--reboot is for the running host, and --sysroot names another root.")
        }
    }

    /// Asks systemd to restart.
    ///
    /// - Parameter unlessInhibited: whether an inhibitor lock, or somebody else who is logged in, may prevent it.
    /// - Throws: `Refused`.
    static func now(unlessInhibited: Bool = false) async throws {
        let arguments = ["reboot"] + (unlessInhibited ? ["--check-inhibitors=yes"] : [])
        do {
            let result = try await Subprocess.run(
                .name("systemctl"), arguments: Arguments(arguments), output: .discarded, error: .string(limit: 4096))
            if result.terminationStatus.isSuccess { return }
            throw Refused(reason: "systemd refuses to restart: \(result.standardError)")
        } catch let error as SubprocessError {
            throw Refused(reason: "systemctl cannot be started: \(error)")
        }
    }
}
