import ArgumentParser
import Disks
import HealthChecks
import HostctlCommands
import LinuxSystem
import Settings
import Sysroots
import SystemPackage
import TrustMetadata

// What the units of a boot run; not shown in the help.

/// `hostctl boot failed`, which `hostctl-boot-failed.service` runs.
struct BootFailedCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "failed", abstract: "Do what follows from a failed boot: try again, go back, or stay.",
        discussion: "Example: hostctl boot failed", shouldDisplay: false)

    @OptionGroup var sysroot: SysrootOption
    @Flag(help: "Do not restart.") var dryRun = false
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let reason = HealthReport.load()?.firstFailure ?? "the boot did not come to its end"
        do { try BootHooks.run("red.d") } catch { StandardError.write("the red hooks cannot be run: \(error)\n") }
        let assessment = BootAssessment(root: sysroot.root, command: "hostctl boot failed", wait: waiting.wait)
        let consequence = try assessment.fail(reason: reason)
        output.show(ConsequenceOutput(reason: reason, consequence: consequence))
        if case .restart = consequence, !dryRun { try await Reboot.now() }
    }
}

/// `hostctl boot grow`, which `hostctl-grow.service` runs.
struct BootGrowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "grow", abstract: "Make the data partition reach to the end of a disk that has become larger.",
        discussion: "Example: hostctl boot grow", shouldDisplay: false)

    @OptionGroup var output: OutputOptions

    func run() throws {
        let disk = try PartitionGrowth.disk(of: "/sysroot")
        output.show(GrowthOutput(disk: disk, outcome: try disk.map { try PartitionGrowth($0).run() } ?? .unmarked))
    }
}

private struct GrowthOutput: OutputValue {
    let disk: FilePath?
    let outcome: PartitionGrowth.Outcome

    var text: String {
        guard case .grown(let number, let from, let to) = outcome, let disk else { return "nothing to grow" }
        return "partition \(number) of \(disk) has grown from \(ByteCount.text(from)) to \(ByteCount.text(to))"
    }

    var json: JSONValue {
        guard case .grown(let number, let from, let to) = outcome else { return ["result": "unchanged"] }
        return [
            "result": "grown", "partition": .integer(Int64(number)), "from": .integer(from), "to": .integer(to),
        ]
    }
}

private struct ConsequenceOutput: OutputValue {
    let reason: String
    let consequence: BootAssessment.Consequence

    private var parts: (word: String, sentence: String) {
        switch consequence {
        case .restart(let sentence): ("restart", sentence)
        case .stay(let sentence): ("stay", sentence)
        }
    }

    var text: String {
        let (word, sentence) = parts
        return "this boot has failed: \(reason)\nthe host \(word == "stay" ? "stays up" : "restarts"): \(sentence)"
    }

    var json: JSONValue {
        ["reason": .string(reason), "consequence": .string(parts.word), "detail": .string(parts.sentence)]
    }
}
