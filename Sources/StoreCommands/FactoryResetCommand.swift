import ArgumentParser
import Deployments
import EtcMerges
import Glibc
import HostctlCommands
import LinuxSystem
import Sysroots
import SystemPackage
import TrustMetadata

/// `hostctl factory-reset`.
struct FactoryResetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "factory-reset", abstract: "Start over with the image's /etc and an empty /var.",
        discussion: """
            Makes a new deployment of what the next boot would start. Kept are /etc/fstab, the trusted keys, the \
            machine's identity unless '--machine-identity new' is given, and what --keep names. Accounts, passwords and \
            SSH keys are not kept by themselves: see to it that somebody can still log in. hostctl's own state in \
            /ostree/hostctl stays. On the running host all this happens at the shutdown, with what is there to keep by then. \
            The old /etc stays with its deployment, the old /var beside the new one, until 'hostctl cleanup'. Going back \
            brings back the old /etc, and on a host with a boot partition the old /var, as long as it is there; it is \
            not removed before the reset has proved itself.

            Example: hostctl factory-reset --keep /etc/shadow --keep /etc/passwd --keep /var/roothome/.ssh
            """)

    enum Identity: String, ExpressibleByArgument, CaseIterable { case keep, new }

    @Option(help: ArgumentHelp("A file or folder of /etc or /var to keep; may be repeated.", valueName: "path"))
    var keep: [String] = []
    @Option(help: "Whether machine-id, hostname and machine-info stay: keep or new.")
    var machineIdentity = Identity.keep
    @Flag(help: "Do not ask.") var yes = false
    @OptionGroup var sysroot: SysrootOption
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        _ = try request()
        guard yes || isatty(STDIN_FILENO) == 1 else {
            throw ValidationError("Give --yes: nobody can be asked here.")
        }
    }

    private func request() throws -> ResetRequest {
        var request = ResetRequest(keepsIdentity: machineIdentity == .keep)
        for text in keep {
            let path = FilePath(text)
            let names = path.components.map(\.string)
            guard path.isAbsolute, names.count > 1, !names.contains(".."), names[0] == "etc" || names[0] == "var" else {
                throw ValidationError("--keep takes a path below /etc or /var, not '\(text)'.")
            }
            let rest = EtcPath(names.dropFirst().joined(separator: "/"))
            if names[0] == "etc" { request.etc.append(rest) } else { request.state.append(rest) }
        }
        return request
    }

    func run() throws {
        if !yes {
            StandardError.write("All of /etc and /var but what is kept will be gone. Type 'yes' to go on: ")
            guard readLine() == "yes" else { throw NotConfirmed() }
        }
        let request = try request()
        let report = try ChangeRun(sysroot, waiting, "hostctl factory-reset").run { try $0.factoryReset(request) }
        output.show(FactoryResetOutput(report: report))
    }
}

/// The operator did not say yes.
private struct NotConfirmed: ExplainedError {
    let reason = "nothing was reset"
    let advice: String? = "type 'yes', or give --yes"
}

/// The answer of `factory-reset`; docs/disk-format.md describes the JSON.
private struct FactoryResetOutput: OutputValue {
    let report: ResetReport

    var text: String {
        var lines = ["deployment \(report.deployment.name.folderName) starts afresh with the next boot"]
        let when = report.deployment.isStaged ? "will be" : "is"
        lines.append("the old /var \(when) kept as \(report.formerState) until 'hostctl cleanup'")
        lines += report.missing.map { "not kept, as it is not there: \($0)" }
        return lines.joined(separator: "\n")
    }

    var json: JSONValue {
        [
            "format": 1, "deployment": .string(report.deployment.name.description),
            "former_var": .string(report.formerState), "missing": .array(report.missing.map { .string($0) }),
        ]
    }
}
