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

    /// Reads an image's commit and counts its objects.
    ///
    /// - Parameter name: a ref or a commit's checksum.
    /// - Throws: `ImageError.noImageMetadata` for a commit of another program; `StoreError`, `FormatError`.
    public init(of name: String, in store: Store) throws {
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
    }

    /// For people; one line for each package when `listingPackages`.
    public func text(listingPackages: Bool) -> String {
        let lines = [
            ("Image", "\(channel) \(version), \(architecture)"), ("Commit", commit.hex),
            ("Ref", refs.joined(separator: ", ")), ("Source date", Timestamps.text(timestamp)), ("Kernel", kernel),
            ("Arguments", kernelArguments.joined(separator: " ")),
            ("Size", "\(Self.mebibytes(installedSize)) MiB in \(objectCount) objects"),
            ("Packages", "\(packages.count)"),
        ]
        let head = lines.map { "\($0.0)\(String(repeating: " ", count: 13 - $0.0.count))\($0.1)\n" }.joined()
        return listingPackages ? head + packages.map(Self.line).joined() : head
    }

    /// The schema: every member is always there; sizes are in bytes, dates in seconds since 1970.
    public var json: JSONValue {
        [
            "format": 1, "commit": .string(commit.hex), "version": .string(version), "channel": .string(channel),
            "refs": .array(refs.map { .string($0) }), "architecture": .string(architecture),
            "sourceDate": .integer(Int64(clamping: timestamp)), "kernel": .string(kernel),
            "kernelArguments": .array(kernelArguments.map { .string($0) }),
            "installedSize": .integer(Int64(clamping: installedSize)), "objects": .integer(Int64(objectCount)),
            "packages": .array(
                packages.map {
                    [
                        "name": .string($0.name), "version": .string($0.version),
                        "architecture": .string($0.architecture), "installedSize": .integer($0.installedKiB * 1024),
                    ]
                }),
        ]
    }

    private static func line(_ package: InstalledPackage) -> String {
        "  \(package.name) \(package.version) \(package.architecture)\n"
    }

    private static func mebibytes(_ bytes: UInt64) -> String {
        let tenths = (bytes * 10 + (1 << 19)) >> 20
        return "\(tenths / 10).\(tenths % 10)"
    }
}
