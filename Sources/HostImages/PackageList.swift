import ObjectFormats

/// The packages in dpkg's database.
enum PackageList {
    /// The installed ones in the text of the file `status`, sorted by name and architecture.
    static func parse(status: String) -> [InstalledPackage] {
        var packages: [InstalledPackage] = []
        var fields: [Substring: Substring] = [:]
        func finish() {
            if let package = package(fields) { packages.append(package) }
            fields = [:]
        }
        for line in status.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.isEmpty { finish() }
            guard line.first != " ", let colon = line.firstIndex(of: ":") else { continue }
            fields[line[..<colon]] = line[line.index(after: colon)...].drop { $0 == " " }
        }
        finish()
        return packages.sorted { ($0.name, $0.architecture) < ($1.name, $1.architecture) }
    }

    /// The paragraphs of the file `status`, without the empty lines between them.
    static func paragraphs(_ status: String) -> [Substring] {
        var paragraphs: [Substring] = []
        var start: String.Index?
        var end = status.startIndex
        for line in status.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.isEmpty {
                if let first = start { paragraphs.append(status[first..<end]) }
                start = nil
            } else {
                start = start ?? line.startIndex
                end = line.endIndex
            }
        }
        if let first = start { paragraphs.append(status[first..<end]) }
        return paragraphs
    }

    /// The name of a paragraph's package; empty when it has none.
    static func name(of paragraph: Substring) -> String {
        let line = paragraph.split(separator: "\n").first { $0.hasPrefix("Package:") }
        return String(line?.dropFirst("Package:".count).drop { $0 == " " } ?? "")
    }

    private static func package(_ fields: [Substring: Substring]) -> InstalledPackage? {
        guard let name = fields["Package"], let version = fields["Version"], let state = fields["Status"],
            state.hasSuffix(" installed")
        else { return nil }
        return InstalledPackage(
            name: String(name), version: String(version), architecture: String(fields["Architecture"] ?? "all"),
            installedKiB: fields["Installed-Size"].flatMap { Int64($0) }.flatMap(plausible) ?? 0)
    }

    /// A size in KiB that a package can have; what else stands there is an estimate of nothing.
    private static func plausible(_ size: Int64) -> Int64? { (0...(1 << 32)).contains(size) ? size : nil }
}
