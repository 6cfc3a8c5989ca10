import Checksums
import ObjectFormats
import ObjectStorage
public import TrustMetadata

// The JSON of `hostctl diff --json`, format 1; docs/disk-format.md describes it.

extension DiffReport {
    public var json: JSONValue {
        var members: [(key: String, value: JSONValue)] = [
            ("format", 1), ("from", side(difference.old)), ("to", side(difference.new)),
            ("packages", packages), ("files", files),
            (
                "bytes",
                [
                    "added": .integer(difference.bytesAdded), "removed": .integer(difference.bytesRemoved),
                    "net": .integer(difference.bytesAdded - difference.bytesRemoved),
                ]
            ),
        ]
        if listing { members.append(("changes", .array(difference.changes.map(\.json)))) }
        return .object(members)
    }

    private func side(_ side: CommitDifference.Side) -> JSONValue {
        let text = { (value: String?) in value.map { JSONValue.string($0) } ?? .null }
        return [
            "commit": .string(side.checksum.hex), "version": text(side.commit.version),
            "channel": text(side.commit.channel), "kernel": text(side.commit.string(Commit.Key.linux)),
            "timestamp": .integer(Int64(clamping: side.commit.timestamp)),
        ]
    }

    private var packages: JSONValue {
        let one = { (package: InstalledPackage) -> JSONValue in
            [
                "name": .string(package.name), "architecture": .string(package.architecture),
                "version": .string(package.version),
            ]
        }
        let change = { (change: PackageDifference.Change) -> JSONValue in
            [
                "name": .string(change.name), "architecture": .string(change.architecture),
                "from": .string(change.old), "to": .string(change.new),
            ]
        }
        let packages = difference.packages
        return [
            "added": .array(packages.added.map(one)), "removed": .array(packages.removed.map(one)),
            "upgraded": .array(packages.upgraded.map(change)),
            "downgraded": .array(packages.downgraded.map(change)),
        ]
    }

    private var files: JSONValue {
        [
            "added": .integer(difference.files.added), "removed": .integer(difference.files.removed),
            "changed": .integer(difference.files.changed),
        ]
    }
}

extension TreeChange {
    fileprivate var json: JSONValue {
        [
            "path": .string(path), "change": .string(kind.rawValue),
            "aspects": .array(aspects.map { .string($0.rawValue) }), "from": old?.json ?? .null,
            "to": new?.json ?? .null,
        ]
    }
}

extension ComparedEntry {
    fileprivate var json: JSONValue {
        [
            "type": .string(kind.rawValue), "mode": .string(mode), "owner": .string(owner), "size": .integer(size),
            "target": target.map { .string($0) } ?? .null,
        ]
    }
}
