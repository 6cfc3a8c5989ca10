public import Checksums
public import ObjectFormats
public import ObjectStorage
public import TrustMetadata

/// What `hostctl image inspect` shows of an image in a store.
public struct ImageReport: Sendable, Equatable {
    public let commit: Checksum
    public let version: String
    public let channel: String
    /// The refs that the commit may stand under.
    public let refs: [String]
    public let architecture: String
    /// The source date, in seconds since 1970.
    public let timestamp: UInt64
    /// The kernel's version.
    public let kernel: String
    public let kernelArguments: [String]
    public let packages: [InstalledPackage]
    /// The sizes of all files, in bytes.
    public let installedSize: UInt64
    /// Objects that the image needs, its commit included.
    public let objectCount: Int
    /// What its files are; `nil` in an archive store, which would have to be inflated for it.
    public let figures: ImageFigures?
    /// The bytes of its objects as an origin has them; `nil` when it was not asked for.
    public let compressedSize: Int64?

    /// Reads an image's commit and counts its objects.
    ///
    /// - Parameters:
    ///   - name: a ref or a commit's checksum.
    ///   - compressing: whether to find out the compressed size, which takes seconds.
    /// - Throws: `ImageError.noImageMetadata` for a commit of another program; `StoreError`, `FormatError`.
    public init(of name: String, in store: Store, compressing: Bool = false) throws {
        commit = try store.resolve(name)
        let read = try store.commit(commit)
        guard let version = read.version, let channel = read.channel, let architecture = read.architecture,
            let kernel = read.string(Commit.Key.linux),
            case .uint64(let size)? = read.metadata[Commit.Key.installedSize]
        else { throw ImageError.noImageMetadata(commit: commit.hex) }
        (self.version, self.channel, self.architecture, self.kernel) = (version, channel, architecture, kernel)
        refs = read.refBindings
        timestamp = read.timestamp
        kernelArguments = read.strings(Commit.Key.kernelArguments)
        packages = read.packages
        installedSize = size
        var count = 0
        try store.forEachObject(of: commit) { _ in count += 1 }
        objectCount = count
        figures = store.mode == .bare ? try ImageFigures(of: commit, in: store) : nil
        compressedSize = compressing || store.mode == .archive ? try store.compressedSize(of: commit) : nil
    }

    /// The bytes of a package's files in the image; its maintainer's estimate where the files are not known.
    func size(of package: InstalledPackage) -> Int64 {
        guard let figures, !figures.packageSizes.isEmpty else { return package.estimatedSize }
        return figures.packageSizes[package.name] ?? 0
    }

    /// For people; one line for each package when `listingPackages`, and for each program when `listingPrograms`.
    public func text(listingPackages: Bool, listingPrograms: Bool = false) -> String {
        let compressed = compressedSize.map { "\(Self.mebibytes(UInt64($0))) MiB" } ?? ""
        let lines: [(String, String)] = [
            ("Image", "\(channel) \(version), \(architecture)"), ("Commit", commit.hex),
            ("Ref", refs.joined(separator: ", ")), ("Source date", Timestamps.text(timestamp)), ("Kernel", kernel),
            ("Arguments", kernelArguments.joined(separator: " ")),
            ("Size", "\(Self.mebibytes(installedSize)) MiB in \(objectCount) objects"),
            ("Compressed", compressed), ("Packages", "\(packages.count)"),
        ]
        let shown = (lines + figureLines).filter { !$0.1.isEmpty }
        let head = shown.map { "\($0.0)\(String(repeating: " ", count: 13 - $0.0.count))\($0.1)\n" }.joined()
        let packageLines = listingPackages ? packages.map(line).joined() : ""
        let programs = listingPrograms ? figures?.programs ?? [] : []
        return head + packageLines + programs.map { "  \($0.path) \($0.size)\n" }.joined()
    }

    private var figureLines: [(String, String)] {
        guard let figures else { return [] }
        let privileged = figures.setIDFiles.isEmpty ? "none" : figures.setIDFiles.joined(separator: " ")
        return [("Programs", "\(figures.programs.count)"), ("Set-id", privileged), ("Largest", largest)]
    }

    /// The schema: every member is always there; sizes are in bytes, dates in seconds since 1970.
    public var json: JSONValue {
        [
            "format": 1, "commit": .string(commit.hex), "version": .string(version), "channel": .string(channel),
            "refs": .array(refs.map { .string($0) }), "architecture": .string(architecture),
            "sourceDate": .integer(Int64(clamping: timestamp)), "kernel": .string(kernel),
            "kernelArguments": .array(kernelArguments.map { .string($0) }),
            "installedSize": .integer(Int64(clamping: installedSize)), "objects": .integer(Int64(objectCount)),
            "packages": .array(packages.map(json)),
            "compressedSize": compressedSize.map { .integer($0) } ?? .null,
            "programs": programsJSON, "setIDFiles": setIDJSON,
            "unpackagedSize": figures.map { .integer($0.otherSize) } ?? .null,
        ]
    }

    private func json(_ package: InstalledPackage) -> JSONValue {
        [
            "name": .string(package.name), "version": .string(package.version),
            "architecture": .string(package.architecture), "installedSize": .integer(size(of: package)),
        ]
    }

    private var programsJSON: JSONValue {
        guard let figures else { return .null }
        return .array(figures.programs.map { ["path": .string($0.path), "size": .integer($0.size)] })
    }

    private var setIDJSON: JSONValue {
        guard let figures else { return .null }
        return .array(figures.setIDFiles.map { .string($0) })
    }

    /// The ten largest packages, and what no package brought.
    private var largest: String {
        guard let figures else { return "" }
        let sorted = packages.sorted { (size(of: $0), $1.name) > (size(of: $1), $0.name) }.prefix(10)
        let words = sorted.map { "\($0.name) \(Self.mebibytes(UInt64(max(0, size(of: $0)))))" }
        return (words + ["no package \(Self.mebibytes(UInt64(figures.otherSize)))"]).joined(separator: ", ") + " (MiB)"
    }

    private func line(_ package: InstalledPackage) -> String {
        "  \(package.name) \(package.version) \(package.architecture) \(size(of: package))\n"
    }

    private static func mebibytes(_ bytes: UInt64) -> String {
        // Sizes that a commit claims can be any number.
        let tenths = bytes / 1_048_576 * 10 + (bytes % 1_048_576 * 10 + (1 << 19)) >> 20
        return "\(tenths / 10).\(tenths % 10)"
    }
}

extension InstalledPackage {
    /// Its maintainer's estimate in bytes. A commit can claim any number of KiB.
    fileprivate var estimatedSize: Int64 {
        let (bytes, overflow) = max(0, installedKiB).multipliedReportingOverflow(by: 1024)
        return overflow ? .max : bytes
    }
}
