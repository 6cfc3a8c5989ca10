import ArgumentParser
import Deployments
import HostctlCommands
import LinuxSystem
import Sysroots
import TrustMetadata

/// `hostctl kernel-args`.
struct KernelArgumentsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kernel-args", abstract: "Show or change what the kernel is started with.",
        discussion: """
            Shown is what the next boot uses, and whether the image or this host wants it. A change makes a new \
            deployment of the same commit; the present one stays as rollback. This host's own arguments survive \
            updates, and what is deleted of the image's stays away. Asked for again, nothing is made anew.

            Examples:
              hostctl kernel-args
              hostctl kernel-args --append console=ttyS0,115200 --delete quiet
              hostctl kernel-args --replace panic=30
            """)

    @Option(help: "An argument to add; may be repeated.") var append: [String] = []
    @Option(help: "An argument to take away, whole or by its name; may be repeated.") var delete: [String] = []
    @Option(help: ArgumentHelp("The only argument of this name gets another value.", valueName: "name=value"))
    var replace: [String] = []
    @OptionGroup var sysroot: SysrootOption
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let changes = KernelArgumentChanges(appending: append, deleting: delete, replacing: replace)
        let isChange = !(append + delete + replace).isEmpty
        let report =
            try isChange
            ? ChangeRun(sysroot, waiting, "hostctl kernel-args").run { try $0.changeKernelArguments(changes) }
            : KernelArgumentsReport.read(root: sysroot.root)
        output.show(KernelArgumentsOutput(report: report, isChange: isChange))
    }
}

/// The answer of `kernel-args`; docs/disk-format.md describes the JSON.
private struct KernelArgumentsOutput: OutputValue {
    let report: KernelArgumentsReport
    let isChange: Bool

    var text: String {
        var lines: [String] = []
        if isChange {
            lines.append(
                report.isChanged
                    ? "deployment \(report.deployment.name.folderName) starts with the next boot"
                    : "nothing was changed: the arguments are so already")
        }
        lines += report.arguments.map { argument in
            "\(argument.origin.rawValue)".padded(to: 10) + argument.text
        }
        lines += report.removed.map { "removed".padded(to: 10) + $0 }
        return lines.isEmpty ? "there are no arguments" : lines.joined(separator: "\n")
    }

    var json: JSONValue {
        [
            "format": 1, "deployment": .string(report.deployment.name.description),
            "changed": .bool(report.isChanged),
            "arguments": .array(
                report.arguments.map { argument in
                    ["argument": .string(argument.text), "origin": .string(argument.origin.rawValue)]
                }),
            "removed": .array(report.removed.map { .string($0) }),
        ]
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String { self + String(repeating: " ", count: max(1, width - count)) }
}
