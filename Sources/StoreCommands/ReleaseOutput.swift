import Checksums
import HostctlCommands
import Releases
import TrustMetadata

/// The answer of `release init`.
struct OriginOutput: OutputValue {
    let path: String
    var text: String { "origin: \(path)" }
    var json: JSONValue { ["origin": .string(path)] }
}

/// The answer of `release publish`.
struct PublishedOutput: OutputValue {
    let release: PublishedRelease

    var text: String {
        let manifest = release.manifest
        let what = release.wasPublished ? "was published already" : "published"
        let first =
            "\(manifest.ref) \(manifest.version) \(what): "
            + "\(release.newObjects) new objects, \(ByteCount.text(release.newBytes)) compressed"
        let packed = manifest.fullPack.map { ["a full pack of \(ByteCount.text($0.poolSize))"] } ?? []
        let notes =
            release.mended.map { "\($0) was damaged and is whole again" }
            + release.lost.map {
                "\($0) is damaged and cannot be made again as it was: hosts fetch whole objects; a new version has a new one"
            }
        return ([first] + packed + notes + ["\(manifest.commit)"]).joined(separator: "\n")
    }

    var json: JSONValue {
        let manifest = release.manifest
        return [
            "channel": .string(manifest.channel.text), "architecture": .string(manifest.architecture.text),
            "version": .string(manifest.version.text), "commit": .string(manifest.commit.hex),
            "was_published": .bool(release.wasPublished), "new_objects": .integer(Int64(release.newObjects)),
            "new_bytes": .integer(release.newBytes), "sequence": .integer(release.sequence),
            "full_pack_bytes": manifest.fullPack.map { .integer($0.poolSize) } ?? .null,
            "mended": .array(release.mended.map { .string($0) }), "lost": .array(release.lost.map { .string($0) }),
        ]
    }
}

/// The answer of `release list`.
struct ReleaseListOutput: OutputValue {
    let indexes: [ChannelIndex]

    var text: String {
        if indexes.isEmpty { return "nothing is published yet" }
        return indexes.flatMap { index in
            ["\(index.channel) (\(index.architecture)):"]
                + index.releases.map {
                    "  \($0.version)  \($0.commit.hex.prefix(12))  \(UTCTime(Int64(clamping: $0.timestamp)))"
                }
        }.joined(separator: "\n")
    }

    var json: JSONValue {
        .array(
            indexes.map { index in
                [
                    "channel": .string(index.channel.text), "architecture": .string(index.architecture.text),
                    "sequence": .integer(index.sequence),
                    "releases": .array(
                        index.releases.map { release in
                            [
                                "version": .string(release.version.text), "commit": .string(release.commit.hex),
                                "timestamp": .integer(Int64(clamping: release.timestamp)),
                            ]
                        }),
                ]
            })
    }
}

/// The answer of `release prune`.
struct PrunedOutput: OutputValue {
    let pruned: PrunedReleases

    var text: String {
        (pruned.releases.map { "removed \($0)" }
            + ["removed \(pruned.objects) objects, \(ByteCount.text(pruned.bytes))"]).joined(separator: "\n")
    }

    var json: JSONValue {
        [
            "releases": .array(pruned.releases.map { .string($0) }), "objects": .integer(Int64(pruned.objects)),
            "bytes": .integer(pruned.bytes),
        ]
    }
}
