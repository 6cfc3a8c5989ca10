import ArgumentParser
import Checksums
import Glibc
import HostImages
import HostctlCommands
import LinuxSystem
import ObjectStorage
import SystemPackage
import TrustMetadata

/// `hostctl image export`.
struct ImageExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write an image as a tar archive.",
        discussion: """
            The same commit gives the same bytes. GNU tar unpacks everything with --xattrs --xattrs-include='*', and \
            'image import' takes the archive back.

            Examples:
              hostctl image export lean-host/stable/x86_64 --store ./builds --output host.tar
              hostctl image export lean-host/stable/x86_64 --store ./builds | zstd > host.tar.zst
            """)

    @Argument(help: "A ref or a commit.") var image: String
    @Option(help: ArgumentHelp("The store.", valueName: "folder")) var store: String
    @Option(name: [.short, .long], help: ArgumentHelp("The archive; '-' for standard output.", valueName: "file"))
    var output = "-"
    @OptionGroup var answer: OutputOptions

    func run() throws {
        let store = try Store(opening: FilePath(store))
        guard output == "-" else { return answer.show(try toFile(store)) }
        guard isatty(STDOUT_FILENO) == 0 else {
            throw ValidationError("An archive is nothing for a terminal: use --output, or a pipe.")
        }
        let copy = try retrying("open", "standard output") { fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0) }
        let file = Descriptor(adopting: copy, path: "standard output")
        _ = try ImageExporter.export(image, from: store) { try file.write($0) }
    }

    /// The file has its name when it is whole. An archive of a host has its `shadow`, so that it is its owner's alone.
    private func toFile(_ store: Store) throws -> ExportedImageOutput {
        let path = FilePath(output).absolute
        let temporary = Files.temporaryName(beside: path)
        let file = try Descriptor(
            opening: temporary.string, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
        let written: ExportedImage
        do {
            written = try ImageExporter.export(image, from: store) { try file.write($0) }
            try file.sync()
        } catch {
            unlink(temporary.string)
            throw error
        }
        try Files.move(temporary, over: path)
        return ExportedImageOutput(image: written, path: path.string)
    }
}

private struct ExportedImageOutput: OutputValue {
    let image: ExportedImage
    let path: String

    var text: String { "\(path): \(image.entryCount) entries, \(ByteCount.text(image.size))\n\(image.commit)" }
    var json: JSONValue {
        [
            "commit": .string(image.commit.hex), "file": .string(path), "entries": .integer(Int64(image.entryCount)),
            "bytes": .integer(image.size),
        ]
    }
}
