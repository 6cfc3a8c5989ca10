public import ArgumentParser
import Checksums
import LinuxSystem
import ObjectStorage
import Sysroots
import SystemPackage

/// `hostctl diff`.
public struct DiffCommand: ParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "Show what is different between two deployments.",
        discussion: """
            Without arguments, what the next boot brings: from the booted deployment, or else the rollback, to the \
            default one. A deployment or commit is named by its index, its version, its checksum or the first \
            digits of it, or a ref; FROM alone is compared with the default deployment.

            Examples:
              hostctl diff
              hostctl diff 1 0 --files
              hostctl diff --store ./origin 2026.1 2026.2 --json
            """)

    @Argument(help: "The old one.") var from: String?
    @Argument(help: "The new one.") var to: String?
    @Flag(help: "List the files, and what is different about each.") var files = false
    @Option(help: ArgumentHelp("Compare commits of this store or origin instead.", valueName: "folder"))
    var store: String?
    @OptionGroup var sysroot: SysrootOption
    @OptionGroup var output: OutputOptions

    public init() {}

    public func validate() throws {
        guard let store else { return }
        guard from != nil, to != nil else { throw ValidationError("--store \(store) needs FROM and TO.") }
        guard sysroot.sysroot == nil else { throw ValidationError("--store and --sysroot exclude each other.") }
    }

    public func run() throws {
        let (store, old, new) = try store.map(sidesInStore) ?? sidesInSysroot()
        output.show(try DiffReport(CommitDifference(old, new, in: store, listing: files), listing: files))
    }

    /// An origin holds its store in a folder of its own.
    private func sidesInStore(_ folder: String) throws -> (Store, Checksum, Checksum) {
        let path = FilePath(folder)
        let inside = path.appending("store")
        let store = try Store(opening: Files.exists(path.appending("config")) ? path : inside)
        let finder = CommitFinder(store)
        return try (store, finder.find(from ?? ""), finder.find(to ?? ""))
    }

    private func sidesInSysroot() throws -> (Store, Checksum, Checksum) {
        let reader = SysrootReader(root: sysroot.root)
        guard reader.isSysroot else { throw NotASysroot(path: sysroot.root.string) }
        try Self.requireReadable(reader.paths.repository)
        let store = try Store(opening: reader.paths.repository)
        let report = reader.report()
        let finder = CommitFinder(store, deployments: report.deployments)
        let old = try from.map(finder.find) ?? Self.before(report)
        guard let new = try to.map(finder.find) ?? report.nextBoot?.checksum else {
            throw NothingToCompare(reason: "there is no default deployment")
        }
        return (store, old, new)
    }

    /// Before the store's own error, which would say nothing about privileges.
    private static func requireReadable(_ store: FilePath) throws {
        _ = try Descriptor(opening: store.appending("config").string)
    }

    /// What runs, if the next boot starts something else; otherwise what a rollback would bring back.
    private static func before(_ report: SysrootReport) throws -> Checksum {
        if let booted = report.booted, booted.name != report.nextBoot?.name { return booted.checksum }
        guard let rollback = report.rollback else {
            throw NothingToCompare(reason: "there is only one deployment that can be booted")
        }
        return rollback.checksum
    }
}

/// A deployment that is to be compared does not exist.
private struct NothingToCompare: ExplainedError {
    let reason: String
    let advice: String? = "name two commits, as 'hostctl diff FROM TO'"
}
