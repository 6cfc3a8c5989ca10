import ArgumentParser
import Checksums
import HostctlCommands
import LinuxSystem
import OSTree
import Releases
import Sysroots
import SystemPackage
import Transfers
import TrustMetadata
import Updates

/// `hostctl store versions`: what `hostctl doctor` asks, as it loads no libostree itself.
struct StoreVersionsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "versions", abstract: "Show the versions of hostctl and of the libraries that it has loaded.",
        discussion: "Example: hostctl store versions --json")

    @OptionGroup var output: OutputOptions

    func run() { output.show(LibraryVersions()) }
}

private struct LibraryVersions: OutputValue {
    private let versions = [
        ("hostctl", HostctlVersion.current), ("libostree", LibraryVersion.text), ("libcurl", TransferLibrary.version),
        ("libcrypto", CryptographyLibrary.version),
    ]

    var text: String { versions.map { "\($0.0) \($0.1)" }.joined(separator: "\n") }
    var json: JSONValue { .object(versions.map { (key: $0.0, value: .string($0.1)) }) }
}

/// `hostctl store origin`: whether the origin answers as it should; changes and remembers nothing.
struct StoreOriginCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "origin", abstract: "Ask the origin for the channel's index, once.",
        discussion: "Example: hostctl store origin --json")

    @OptionGroup var sysroot: SysrootOption
    @OptionGroup var output: OutputOptions

    func run() throws {
        let reader = SysrootReader(root: sysroot.root)
        guard let state = try SysrootState.load(reader.paths) else {
            throw UpdateError.noOrigin(sysroot: sysroot.root.string)
        }
        var options = TransferOptions.standard
        options.attempts = 1
        let client = try ReleaseClient(origin: state.origin, keys: reader.trustedKeys(), options: options)
        let index = try client.index(
            channel: ChannelName(state.channel), architecture: Architecture(state.architecture))
        output.show(OriginAnswer(index: index))
    }
}

private struct OriginAnswer: OutputValue {
    let index: ChannelIndex

    private var latest: String { index.latest?.version.text ?? "none" }
    var text: String { "\(index.channel) \(latest), index \(index.sequence)" }
    var json: JSONValue { ["latest": .string(latest), "sequence": .integer(index.sequence)] }
}
