import ArgumentParser
import Checksums
import HostctlCommands
import LinuxSystem
import ObjectFormats
import ObjectStorage
import SystemPackage
import TrustMetadata

/// For benchmarks and diagnosis; not shown in the help.
struct StoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store", abstract: "Work on a store itself.", shouldDisplay: false,
        subcommands: [
            StoreIngestCommand.self, StoreFetchCommand.self, StoreVersionsCommand.self, StoreOriginCommand.self,
        ])
}

/// `hostctl store ingest`: what `ostree commit` does, without a recipe.
struct StoreIngestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ingest", abstract: "Store a folder as a commit.",
        discussion: "Example: hostctl store ingest ./tree --store ./store --ref demo")

    @Argument(help: "The folder.") var tree: String
    @Option(help: ArgumentHelp("The store; made when it is missing.", valueName: "folder")) var store: String
    @Option(help: "The ref to point at the commit.") var ref: String
    @OptionGroup var output: OutputOptions

    func run() throws {
        let store = try Store.create(at: FilePath(store), mode: .bare)
        let stored = try store.ingest(TreeFolder.scan(FilePath(tree)))
        let commit = Commit(
            metadata: [Commit.Key.refBinding: .strings([ref])], subject: "", timestamp: 0, rootTree: stored.rootTree,
            rootMetadata: stored.rootMetadata)
        output.show(StoredCommit(checksum: try store.write(commit: commit, ref: ref).hex, tree: stored))
    }
}

private struct StoredCommit: OutputValue {
    let checksum: String
    let tree: StoredTree

    var text: String { checksum }
    var json: JSONValue {
        ["commit": .string(checksum), "files": .integer(Int64(tree.fileCount)), "bytes": .integer(tree.size)]
    }
}
