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
        case .unchanged where outcome.previous?.isStaged == true:
            "\(release) is staged already: the next shutdown switches to it"
        case .unchanged: "\(release) is deployed already ('hostctl verify' checks it file by file)"
        case .available:
            "\(release) is available: at most \(ByteCount.text(outcome.size.downloadBytes)) "
                + "\(download) \(outcome.size.objects) objects"
                + (outcome.size.way == .objects ? " to download" : "")
                + ", \(ByteCount.text(outcome.size.bytes)) on disk"
        case .downloaded: "\(release) is downloaded: \(fetched)\ndeploy it with '\(next)'"
        case .deployed where outcome.deployment?.isStaged == true:
            "\(release) is staged: \(fetched)\nthe next shutdown switches to it, and it starts then"
        case .deployed: "\(release) is deployed: \(fetched)\nit starts with the next boot"
        }
    }

    private var download: String {
        switch outcome.size.way {
        case .patches: "to download as patches for"
        case .route: "to download as patches of this and earlier releases for"
        case .fullPack: "to download out of the full pack for"
        case .objects: "in"
        }
    }

    private var fetched: String {
        let figures = outcome.fetched
        var ways: [String] = []
        if figures.patched > 0 {
            let through = figures.through.isEmpty ? "" : " by way of \(figures.through.joined(separator: " and "))"
            ways.append("\(figures.patched) from patches\(through)")
        }
        if figures.packed > 0 { ways.append("\(figures.packed) from the full pack") }
        let patched = ways.isEmpty ? "" : " (\(ways.joined(separator: ", ")))"
        return "\(figures.objects) objects fetched\(patched), \(ByteCount.text(figures.downloaded)) downloaded, "
            + "\(ByteCount.text(figures.bytes)) on disk"
    }

    /// What an operator should know besides, in one line: patches did not do what they were there for.
    var warning: String? {
        guard let failure = outcome.fetched.patchFailure else { return nil }
        let fallen = outcome.fetched.fallen
        if fallen > 0 { return "\(fallen) objects could not be made from patches and were fetched whole: \(failure)" }
        return
            "patches were not used\(outcome.fetched.patched > 0 ? " as far as they could have been" : ""): \(failure)"
    }

    var json: JSONValue {
        [
            "result": .string(outcome.result.rawValue), "channel": .string(outcome.manifest.channel.text),
            "version": .string(outcome.manifest.version.text), "commit": .string(outcome.manifest.commit.hex),
            "staged": .bool((outcome.deployment ?? outcome.previous)?.isStaged == true),
            "previous_version": outcome.previous?.version.map { .string($0) } ?? .null,
            "previous_commit": outcome.previous.map { .string($0.checksum.hex) } ?? .null,
            "download": [
                "objects": .integer(outcome.size.objects), "bytes": .integer(outcome.size.bytes),
                "compressed_bytes": .integer(outcome.size.compressedBytes),
                "patch_bytes": outcome.size.patchBytes.map { .integer($0) } ?? .null,
                "route_bytes": outcome.size.routeBytes.map { .integer($0) } ?? .null,
                "full_pack_bytes": outcome.size.fullPackBytes.map { .integer($0) } ?? .null,
                "download_bytes": .integer(outcome.size.downloadBytes),
                "patches": .bool(outcome.size.way == .patches || outcome.size.way == .route),
                "way": .string(outcome.size.way.rawValue),
            ],
            "fetched": [
                "objects": .integer(outcome.fetched.objects), "bytes": .integer(outcome.fetched.bytes),
                "from_patches": .integer(outcome.fetched.patched),
                "from_full_pack": .integer(outcome.fetched.packed),
                "whole": .integer(outcome.fetched.whole),
                "passing_objects": .integer(outcome.fetched.passing),
                "through": .array(outcome.fetched.through.map { .string($0) }),
                "fallen_back": .integer(outcome.fetched.fallen),
                "downloaded_bytes": .integer(outcome.fetched.downloaded),
                "patch_failure": outcome.fetched.patchFailure.map { .string($0) } ?? .null,
            ],
            "etc": outcome.etc.map(EtcOutput.json) ?? .null,
        ]
    }
}
