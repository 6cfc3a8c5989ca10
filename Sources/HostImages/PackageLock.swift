public import Checksums
import LinuxSystem
public import SystemPackage
import TrustMetadata

/// Exactly which packages an image was made of: what a later build needs to make the same image again.
public struct PackageLock: Equatable, Sendable {
    /// One package file.
    public struct Package: Equatable, Sendable {
        /// Its name.
        public let name: String
        /// Its version, with epoch and revision.
        public let version: String
        /// As dpkg names it, or `all`.
        public let architecture: String
        /// Of the file, in bytes.
        public let size: Int64
        /// Of the file.
        public let sha256: Checksum
        /// Where the archive had it.
        public let address: String

        /// As apt names the file where it keeps it.
        var fileName: String { "\(name)_\(version.replacing(":", with: "%3a"))_\(architecture).deb" }
    }

    /// One signed index of the archive, and its date.
    public struct Source: Equatable, Sendable {
        /// Such as `deb.debian.org/debian/dists/trixie`.
        public let index: String
        /// In seconds since 1970.
        public let date: UInt64
    }

    public let suite: String
    /// As dpkg names it.
    public let architecture: String
    /// The image's date, in seconds since 1970: the operator's, or that of the newest index.
    public let sourceDate: UInt64
    public let sources: [Source]
    /// By name.
    public let packages: [Package]
}

// MARK: file

extension PackageLock {
    /// Reads a lock file.
    ///
    /// - Throws: `TrustMetadataError.malformed`, `SystemError`.
    public init(reading path: FilePath) throws {
        let fields = try JSONFields(strict: Files.read(path, limit: 16 << 20), what: "the lock file \(path)")
        try fields.requireFormat(1)
        suite = try fields.string("suite")
        architecture = try fields.string("architecture")
        sourceDate = try Self.date(fields, "sourceDate")
        sources = try fields.objects("sources").map {
            Source(index: try $0.string("index"), date: try Self.date($0, "date"))
        }
        packages = try fields.objects("packages").map { try Self.package($0) }
    }

    private static func date(_ fields: JSONFields, _ name: String) throws -> UInt64 {
        guard let date = UInt64(exactly: try fields.integer(name)) else {
            throw fields.malformed("'\(name)' is before 1970")
        }
        return date
    }

    private static func package(_ fields: JSONFields) throws -> Package {
        guard let sha256 = Checksum(hex: try fields.string("sha256")) else {
            throw fields.malformed("a 'sha256' is not 64 hexadecimal digits")
        }
        let package = Package(
            name: try fields.string("name"), version: try fields.string("version"),
            architecture: try fields.string("architecture"), size: try fields.integer("size"), sha256: sha256,
            address: try fields.string("address"))
        // The parts become a file's name.
        guard !package.fileName.contains("/"), !package.name.hasPrefix("-"), !package.name.isEmpty else {
            throw fields.malformed("'\(package.name)' cannot be a package's name")
        }
        return package
    }

    /// The file: one line for each package, so that two of them can be compared.
    var text: String {
        let rows = packages.map { package in
            let value: JSONValue = [
                "name": .string(package.name), "version": .string(package.version),
                "architecture": .string(package.architecture), "size": .integer(package.size),
                "sha256": .string(package.sha256.hex), "address": .string(package.address),
            ]
            return "  \(Self.line(value))"
        }
        let indexes = sources.map { source in
            let value: JSONValue = ["index": .string(source.index), "date": .integer(Int64(clamping: source.date))]
            return "  \(Self.line(value))"
        }
        return """
            {"format":1,
             "suite":\(Self.line(.string(suite))),
             "architecture":\(Self.line(.string(architecture))),
             "sourceDate":\(sourceDate),
             "sources":[
            \(indexes.joined(separator: ",\n"))
             ],
             "packages":[
            \(rows.joined(separator: ",\n"))
             ]}

            """
    }

    private static func line(_ value: JSONValue) -> String { String(decoding: value.encode(), as: UTF8.self) }

    /// Replaces a lock file.
    ///
    /// - Throws: `SystemError`.
    func write(to path: FilePath) throws(SystemError) { try Files.replace(path, with: Array(text.utf8)) }
}
