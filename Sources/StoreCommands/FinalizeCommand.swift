import ArgumentParser
import BootLoaders
import Deployments
import HostctlCommands
import LinuxSystem
import Subprocess
import Sysroots
import SystemPackage
import TrustMetadata

/// `hostctl finalize`, which `hostctl-finalize.service` runs.
struct FinalizeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "finalize", abstract: "Switch to what is staged, as the next shutdown does.",
        discussion: """
            On the running host it waits for the shutdown, as what is changed in /etc afterwards is not in the deployment \
            that boots next.

            Example: hostctl finalize
            """, shouldDisplay: false)

    @OptionGroup var sysroot: SysrootOption
    @Flag(help: "Only complete what was cut off.") var resume = false
    @Flag(help: "Switch now, whether the host is shutting down or not.") var now = false
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard !resume || !now else { throw ValidationError("--resume and --now exclude each other.") }
    }

    func run() async throws {
        let occasion: SysrootChange.Occasion = resume ? .resumption : now ? .demand : .shutdown
        let paths = SysrootPaths(root: sysroot.root)
        let mustAsk = occasion == .shutdown && RunningHost().runs(paths)
        let answer: Result<Bool, ShutdownUnknown> = mustAsk ? await Shutdown.isUnderWay() : .success(false)
        if case .success(true) = answer, StagedDeployment.exists(in: paths) { await BootPartitionMount.restore(paths) }
        let result = try SysrootChange.finalize(
            root: sysroot.root, occasion, isStopping: { try answer.get() }, wait: waiting.wait,
            notices: .toOperator)
        output.show(FinalizeOutput(result: result))
    }
}

/// Whether the host goes down.
enum Shutdown {
    /// The targets that end in another boot. Not that of a soft reboot, nor of kexec: the same deployment runs after it.
    static let targets = ["reboot.target", "poweroff.target", "halt.target"]

    /// Asks systemd, whose first process answers until the end, for a job that starts one of them.
    ///
    /// `systemctl is-system-running` would not do: it says `stopping` of a soft reboot, too.
    static func isUnderWay() async -> Result<Bool, ShutdownUnknown> {
        let arguments = ["list-jobs", "--plain", "--no-legend", "--no-pager", "--full"] + targets
        do {
            let result = try await Subprocess.run(
                .name("systemctl"), arguments: Arguments(arguments), output: .string(limit: 1 << 16),
                error: .string(limit: 4096))
            guard result.terminationStatus.isSuccess else {
                return .failure(ShutdownUnknown(detail: result.standardError))
            }
            return .success(isStart(in: result.standardOutput))
        } catch {
            return .failure(ShutdownUnknown(detail: "systemctl cannot be started: \(error)"))
        }
    }

    /// Lines are `JOB UNIT TYPE STATE`.
    private static func isStart(in text: String) -> Bool {
        text.split(separator: "\n").contains { line in
            let words = line.split(separator: " ").map(String.init)
            return words.count >= 3 && targets.contains(words[1]) && words[2] == "start"
        }
    }
}

/// The boot partition of the running host, which somebody may have unmounted.
enum BootPartitionMount {
    /// Mounts it as /etc/fstab says, if it is not. What then is still wrong is told by whoever needs it.
    ///
    /// It stays mounted. This is a shutdown, which ends with systemd-shutdown: that flushes, makes read-only and unmounts
    /// all that is mounted, whether a unit was to stop it or not, so that FAT is left clean. The unit has no mount
    /// namespace of its own, in which nobody would see it.
    static func restore(_ paths: SysrootPaths) async {
        do {
            guard let configuration = try BootConfiguration.load(paths),
                BootMount(paths, configuration).problem != nil
            else { return }
            _ = try await Subprocess.run(
                .name("mount"), arguments: [paths.bootPartition.string], output: .discarded, error: .discarded)
        } catch {}
    }
}

/// systemd does not say whether the host goes down.
struct ShutdownUnknown: ExplainedError {
    let detail: String
    var reason: String { "it cannot be told whether the host is shutting down: \(detail)" }
    var advice: String? { "it stays staged; 'systemctl list-jobs' has to answer" }
}

/// The answer of `finalize`.
private struct FinalizeOutput: OutputValue {
    let result: SysrootChange.Finalization

    var text: String {
        switch result {
        case .nothing: "nothing is staged"
        case .waiting(let staged): "\(staged.title) stays staged until the host shuts down"
        case .switched(let record): "\(record.version ?? record.name.description) starts with the next boot"
        }
    }

    var json: JSONValue {
        switch result {
        case .nothing, .waiting: ["deployment": .null, "version": .null]
        case .switched(let record):
            [
                "deployment": .string(record.name.description),
                "version": record.version.map { .string($0) } ?? .null,
            ]
        }
    }
}
