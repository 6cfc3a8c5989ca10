import Checksums
import ObjectFormats
public import ObjectStorage

/// What `hostctl diff` prints.
public struct DiffReport: OutputValue {
    let difference: CommitDifference
    let listing: Bool

    /// - Parameter listing: whether every path is shown.
    public init(_ difference: CommitDifference, listing: Bool) {
        self.difference = difference
        self.listing = listing
    }

    /// For people: what is compared, packages first, then the sums, then each path when it was asked for.
    public var text: String {
        let lines = [header, packageLines, sums, listing ? difference.changes.map(\.line) : []]
        return lines.filter { !$0.isEmpty }.map { $0.joined(separator: "\n") }.joined(separator: "\n\n")
    }

    private var header: [String] {
        var lines = [side("From", difference.old), side("To", difference.new)]
        let kernels = [difference.old, difference.new].map { $0.commit.string(Commit.Key.linux) ?? "unknown" }
        if kernels[0] != kernels[1] { lines.append("Kernel    \(kernels[0]) -> \(kernels[1])") }
        let key = Commit.Key.kernelArguments
        let arguments = (difference.old.commit.strings(key), difference.new.commit.strings(key))
        lines += arguments.0.filter { !arguments.1.contains($0) }.map { "          kernel argument -\($0)" }
        lines += arguments.1.filter { !arguments.0.contains($0) }.map { "          kernel argument +\($0)" }
        return lines
    }

    private func side(_ word: String, _ side: CommitDifference.Side) -> String {
        let name = [side.commit.channel, side.commit.version].compactMap { $0 }.joined(separator: " ")
        let time = UTCTime(Int64(clamping: side.commit.timestamp))
        let label = word + String(repeating: " ", count: 10 - word.count)
        return "\(label)\(name.isEmpty ? "" : "\(name)  ")\(side.checksum.hex.prefix(12))  \(time)".terminalSafe
    }

    private var packageLines: [String] {
        let packages = difference.packages
        let change = { (change: PackageDifference.Change) in "\(change.name) \(change.old) -> \(change.new)" }
        let one = { (package: InstalledPackage) in "\(package.name) \(package.version)" }
        return section("Upgraded", packages.upgraded.map(change))
            + section("Downgraded", packages.downgraded.map(change)) + section("Removed", packages.removed.map(one))
            + section("Added", packages.added.map(one))
    }

    private func section(_ title: String, _ lines: [String]) -> [String] {
        lines.isEmpty ? [] : ["\(title):"] + lines.map { "  \($0.terminalSafe)" }
    }

    private var sums: [String] {
        let packages = difference.packages
        let counts = [
            (packages.upgraded.count, "upgraded"), (packages.downgraded.count, "downgraded"),
            (packages.removed.count, "removed"), (packages.added.count, "added"),
        ].filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
        let files = difference.files
        let net = difference.bytesAdded - difference.bytesRemoved
        return [
            "Packages  \(counts.isEmpty ? "no change" : counts.joined(separator: ", "))",
            "Files     \(files.added) added, \(files.removed) removed, \(files.changed) changed",
            "Size      +\(ByteCount.text(difference.bytesAdded)) -\(ByteCount.text(difference.bytesRemoved)), "
                + "net \(net < 0 ? "-" : "+")\(ByteCount.text(abs(net)))",
        ]
    }
}

extension TreeChange {
    /// A letter as in `ostree diff`, the path, and what is different about it.
    fileprivate var line: String {
        let letter =
            switch kind {
            case .added: "A"
            case .removed: "D"
            case .changed: "M"
            }
        let details = aspects.map(detail).joined(separator: ", ")
        return "\(letter)  \(path)\(details.isEmpty ? "" : "  (\(details))")".terminalSafe
    }

    private func detail(_ aspect: Aspect) -> String {
        guard let old, let new else { return aspect.rawValue }
        switch aspect {
        case .type: return "\(old.kind.rawValue) -> \(new.kind.rawValue)"
        case .content:
            if let before = old.target, let after = new.target { return "\(before) -> \(after)" }
            return old.size == new.size ? "content" : "content, \(old.size) -> \(new.size) bytes"
        case .mode: return "mode \(old.mode) -> \(new.mode)"
        case .owner: return "owner \(old.owner) -> \(new.owner)"
        case .attributes: return "extended attributes"
        }
    }
}

extension ComparedEntry {
    /// Octal, four digits.
    var mode: String {
        let text = String(attributes.permissions, radix: 8)
        return String(repeating: "0", count: max(0, 4 - text.count)) + text
    }

    var owner: String { "\(attributes.uid):\(attributes.gid)" }
}

extension String {
    /// The text without anything that a terminal would obey: names come out of images.
    var terminalSafe: String {
        if utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F && $0 != 0xC2 }) { return self }
        return String(
            String.UnicodeScalarView(
                unicodeScalars.map { $0.properties.generalCategory == .control ? "\u{FFFD}" : $0 }))
    }
}
