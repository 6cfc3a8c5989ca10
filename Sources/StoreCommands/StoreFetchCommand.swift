import ArgumentParser
import Checksums
import HostctlCommands
import LinuxSystem
import ObjectFormats
import ObjectStorage
import Releases
import SystemPackage
import Transfers
import TrustMetadata

/// `hostctl store fetch`: what `ostree pull` does with verification by signature switched off. Hosts upgrade
/// otherwise; this measures the fetching itself.
struct StoreFetchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fetch", abstract: "Fetch a commit of an archive repository; its signatures are not asked for.",
        discussion: "Example: hostctl store fetch http://127.0.0.1:8000 demo --store ./store")

    @Argument(help: "The repository's address.") var repository: String
    @Argument(help: "The ref to fetch, and to point at the commit.") var ref: String
    @Option(help: ArgumentHelp("The store; made when it is missing.", valueName: "folder")) var store: String
    @OptionGroup var output: OutputOptions
    @OptionGroup var progress: ProgressOptions

    func run() throws {
        // No signature is checked here.
        guard !Files.exists(FilePath(store).absolute.removingLastComponent().appending("deploy")) else {
            throw ValidationError("This is for measurements, and --store belongs to a sysroot: use 'hostctl upgrade'.")
        }
        let transaction = try StoreTransaction(Store.create(at: FilePath(store), mode: .bare))
        let options = TransferOptions()
        let connection = Connection(options)
        let address = repository.hasSuffix("/") ? String(repository.dropLast()) : repository
        let text = try connection.bytes(of: "\(address)/refs/heads/\(ref)", limit: 128)
        guard let checksum = Checksum(hex: String(decoding: text.prefix(64), as: UTF8.self)) else {
            throw StoreError.unknownRef(ref)
        }
        let path = ObjectName(checksum, .commit).archivePath
        let bytes = try connection.bytes(of: "\(address)/objects/\(path)", limit: Store.metadataLimit)
        try transaction.write(.commit, bytes, expected: checksum)
        let fetcher = ObjectFetcher(repository: address, options: options, sizeLimit: .max / 2)
        let figures = try fetcher.fetch(Commit(decoding: bytes), into: transaction, progress: progress.handler)
        try transaction.commit()
        try transaction.store.setRef(ref, to: checksum)
        output.show(FetchedCommit(checksum: checksum.hex, figures: figures))
    }
}

private struct FetchedCommit: OutputValue {
    let checksum: String
    let figures: FetchFigures

    var text: String { checksum }
    var json: JSONValue {
        ["commit": .string(checksum), "objects": .integer(figures.objects), "bytes": .integer(figures.bytes)]
    }
}
