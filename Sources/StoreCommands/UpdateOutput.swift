import Checksums
import HostctlCommands
import Releases
import Sysroots
import TrustMetadata
import Updates

/// The answer of `install`, `upgrade` and `switch`.
struct UpdateOutput: OutputValue {
    let outcome: UpdateOutcome
    /// As it was typed, `hostctl upgrade`.
    var command = "hostctl upgrade"
    var isSwitch = false

    /// What deploys a download.
    private var next: String {
        (isSwitch ? "\(command) \(outcome.manifest.channel)" : command) + " --from-downloaded"
    }

    private var release: String { "\(outcome.manifest.channel) \(outcome.manifest.version)" }

    var text: String {
        switch outcome.result {
        case .unchanged: "\(release) is deployed already ('hostctl verify' checks it file by file)"
        case .available:
            "\(release) is available: at most \(ByteCount.text(outcome.size.compressedBytes)) in "
                + "\(outcome.size.objects) objects to download, \(ByteCount.text(outcome.size.bytes)) on disk"
        case .downloaded: "\(release) is downloaded: \(fetched)\ndeploy it with '\(next)'"
        case .deployed: "\(release) is deployed: \(fetched)\nit starts with the next boot"
        }
    }

    private var fetched: String {
        "\(outcome.fetched.objects) objects fetched, \(ByteCount.text(outcome.fetched.bytes)) on disk"
    }

    var json: JSONValue {
        [
            "result": .string(outcome.result.rawValue), "channel": .string(outcome.manifest.channel.text),
            "version": .string(outcome.manifest.version.text), "commit": .string(outcome.manifest.commit.hex),
            "previous_version": outcome.previous?.version.map { .string($0) } ?? .null,
            "previous_commit": outcome.previous.map { .string($0.checksum.hex) } ?? .null,
            "download": [
                "objects": .integer(outcome.size.objects), "bytes": .integer(outcome.size.bytes),
                "compressed_bytes": .integer(outcome.size.compressedBytes),
            ],
            "fetched": [
                "objects": .integer(outcome.fetched.objects), "bytes": .integer(outcome.fetched.bytes),
            ],
        ]
    }
}
