public import ArgumentParser
import EtcMerges
import LinuxSystem
import Sysroots
import SystemPackage
import TrustMetadata

/// `hostctl etc-diff`.
public struct EtcDiffCommand: ParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "etc-diff", abstract: "Show what was changed in /etc since its image brought it.",
        discussion: """
            A is added, M modified, D removed. Behind a modified one stands what of it differs, when it is not only the \
            content: type, target of a link, owner, mode, extended attributes. An upgrade carries these changes over.

            Examples:
              hostctl etc-diff
              hostctl etc-diff --sysroot /mnt 1
            """)

    @Argument(help: "The deployment's index; by default what runs, or else what the next boot starts.") var index: Int?
    @OptionGroup var sysroot: SysrootOption
    @OptionGroup var output: OutputOptions

    public init() {}

    public func run() throws {
        let reader = SysrootReader(root: sysroot.root)
        guard reader.isSysroot else { throw NotASysroot(path: sysroot.root.string) }
        let report = reader.readDeployments()
        let found = index.map { index in report.deployments.first { $0.index == index } }
        guard let record = found ?? report.booted ?? report.defaultDeployment else { throw NoSuchDeployment(index) }
        let folder = reader.paths.folder(of: record.name)
        let difference = try EtcDifference(from: folder.appending("usr/etc"), to: folder.appending("etc"))
        output.show(EtcDiffOutput(deployment: record.name.description, difference: difference))
    }
}

/// Of no deployment can /etc be compared.
private struct NoSuchDeployment: ExplainedError {
    let reason: String
    let advice: String? = "'hostctl status' lists the deployments"

    init(_ index: Int?) {
        reason = index.map { "there is no deployment \($0)" } ?? "there is no deployment"
    }
}

/// The answer; docs/disk-format.md describes the JSON.
private struct EtcDiffOutput: OutputValue {
    let deployment: String
    let difference: EtcDifference

    var text: String {
        let changes = difference.changes.map { change in
            let aspects = change.aspects == [.content] ? [] : change.aspects.map(\.rawValue)
            let detail = aspects.isEmpty ? "" : " (\(aspects.joined(separator: ", ")))"
            return "\(Self.letter(change.kind))    \(change.path)\(detail)"
        }
        let notes = difference.notes.map { "?    \($0.path): \($0.text)" }
        let lines = changes + notes
        return lines.isEmpty ? "/etc is as its image brought it" : lines.joined(separator: "\n")
    }

    private static func letter(_ kind: EtcChange.Kind) -> String {
        switch kind {
        case .added: "A"
        case .modified: "M"
        case .removed: "D"
        }
    }

    var json: JSONValue {
        [
            "format": 1, "deployment": .string(deployment),
            "changes": .array(
                difference.changes.map { change in
                    [
                        "path": .string("\(change.path)"), "change": .string(change.kind.rawValue),
                        "aspects": .array(change.aspects.map { .string($0.rawValue) }),
                    ]
                }),
            "notes": .array(
                difference.notes.map { note in ["path": .string("\(note.path)"), "text": .string(note.text)] }),
        ]
    }
}
