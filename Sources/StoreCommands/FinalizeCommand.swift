import ArgumentParser
import Deployments
import HostctlCommands
import Sysroots
import TrustMetadata

/// `hostctl finalize`, which `hostctl-finalize.service` runs.
struct FinalizeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "finalize", abstract: "Switch to what is staged, as the next shutdown does.",
        discussion: "Example: hostctl finalize", shouldDisplay: false)

    @OptionGroup var sysroot: SysrootOption
    @Flag(help: "Only complete what was cut off.") var resume = false
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let result = try SysrootChange.finalize(
            root: sysroot.root, resuming: resume, wait: waiting.wait, waiting: WaitOptions.announce)
        output.show(FinalizeOutput(result: result))
    }
}

/// The answer of `finalize`.
private struct FinalizeOutput: OutputValue {
    let result: SysrootChange.Finalization

    var text: String {
        switch result {
        case .nothing: "nothing is staged"
        case .switched(let record): "\(record.version ?? record.name.description) starts with the next boot"
        }
    }

    var json: JSONValue {
        switch result {
        case .nothing: ["deployment": .null, "version": .null]
        case .switched(let record):
            [
                "deployment": .string(record.name.description),
                "version": record.version.map { .string($0) } ?? .null,
            ]
        }
    }
}
