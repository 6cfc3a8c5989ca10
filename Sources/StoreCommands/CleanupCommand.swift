import ArgumentParser
import Deployments
import HostctlCommands
import LinuxSystem
import ObjectStorage
import TrustMetadata
import Updates

/// `hostctl cleanup`.
struct CleanupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cleanup", abstract: "Remove what nothing needs any more, and tell how much that gives back.",
        discussion: """
            Goes: deployments that are neither default, booted, rollback nor pinned; what killed commands have left; \
            interrupted downloads; unused kernels; and objects that no ref and no deployment needs. Whatever cannot be \
            accounted for stays, and so does a complete download, unless --downloads is given.

            Example: hostctl cleanup --dry-run
            """)

    @OptionGroup var sysroot: SysrootOption
    @Flag(help: "Only tell what would be removed.") var dryRun = false
    @Flag(help: "Remove a download that waits to be deployed, too.") var downloads = false
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let cleaner = Cleaner(root: sysroot.root, wait: waiting.wait, notices: .toOperator)
        let report = try cleaner.run(dryRun: dryRun, includingDownloads: downloads)
        output.show(CleanupOutput(report: report))
        if let refusal = report.refusal { throw refusal }
    }
}

/// The answer of `cleanup`; docs/disk-format.md describes the JSON.
private struct CleanupOutput: OutputValue {
    let report: CleanupReport

    var text: String {
        let verb = report.isDryRun ? "would remove" : "removed"
        var lines = report.items.map { item in
            "\(verb) \(Self.word(item.kind)) \(item.name): \(item.reason)"
                + (item.bytes > 0 ? ", \(ByteCount.text(item.bytes))" : "")
        }
        if let objects = report.objects, objects.removed > 0 {
            lines.append("\(verb) \(objects.removed) of \(objects.objects) objects: \(ByteCount.text(objects.bytes))")
        }
        lines += report.kept
        if report.items.isEmpty, report.objects?.removed == 0 {
            lines.append("there is nothing to remove")
        } else {
            lines.append("\(ByteCount.text(report.bytes)) \(report.isDryRun ? "would come" : "came") free")
        }
        return lines.joined(separator: "\n")
    }

    private static func word(_ kind: CleanupItem.Kind) -> String {
        switch kind {
        case .deployment: "the deployment"
        case .lease: "the lease"
        case .download, .leftover: "the file or folder"
        case .kernel: "the kernel"
        case .formerState: "the folder"
        case .bootLink: "the boot link"
        case .bootEntry: "the boot entry"
        }
    }

    var json: JSONValue {
        [
            "dry_run": .bool(report.isDryRun), "bytes": .integer(report.bytes),
            "items": .array(
                report.items.map { item in
                    [
                        "kind": .string(item.kind.rawValue), "name": .string(item.name),
                        "reason": .string(item.reason), "bytes": .integer(item.bytes),
                    ]
                }),
            "objects": report.objects.map { objects in
                [
                    "total": .integer(Int64(objects.objects)), "removed": .integer(Int64(objects.removed)),
                    "bytes": .integer(objects.bytes),
                ]
            } ?? .null,
            "refusal": report.refusal.map { .string($0.reason) } ?? .null,
            "kept": .array(report.kept.map { .string($0) }),
        ]
    }
}
