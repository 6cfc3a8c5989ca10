import Checksums
import LinuxSystem
import ObjectFormats
import ObjectStorage

/// What a host image consists of, counted in its files.
public struct ImageFigures: Sendable, Equatable {
    /// A program: an executable file in /usr/bin or /usr/sbin.
    public struct Program: Sendable, Equatable {
        /// Its path without the leading slash; the first of several names of one file.
        public let path: String
        /// In bytes.
        public let size: Int64
    }

    /// Each file once, however many names it has; links are not counted.
    public let programs: [Program]
    /// The bytes of each package's files that are in the image, by the package's name.
    public let packageSizes: [String: Int64]
    /// The bytes of what no package brought: the initramfs, hostctl, what hooks made.
    public let otherSize: Int64
    /// Files that run with another's rights, by path.
    public let setIDFiles: [String]

    /// Counts the files of an image in a bare store.
    ///
    /// - Throws: `StoreError`, `FormatError`, `SystemError`.
    init(of commit: Checksum, in store: Store) throws {
        let files = try Self.files(of: commit, in: store)
        var programs: [Checksum: Program] = [:]
        for (path, file) in files.sorted(by: { $0.key < $1.key }) where file.isExecutable {
            guard ["usr/bin/", "usr/sbin/"].contains(where: { path.hasPrefix($0) }) else { continue }
            if programs[file.checksum] == nil { programs[file.checksum] = Program(path: path, size: file.size) }
        }
        self.programs = programs.values.sorted { $0.path < $1.path }
        setIDFiles = files.filter(\.value.isSetID).keys.sorted()
        (packageSizes, otherSize) = try Self.sizes(files, store)
    }

    private struct File {
        let checksum: Checksum
        let size: Int64
        let isExecutable: Bool
        let isSetID: Bool
    }

    /// All regular files by path.
    private static func files(of commit: Checksum, in store: Store) throws -> [String: File] {
        var files: [String: File] = [:]
        func visit(_ tree: Checksum, _ path: String) throws {
            let folder = try store.tree(tree)
            for file in folder.files {
                let (header, size) = try store.fileHeader(file.checksum)
                guard header.content == .regular else { continue }
                let permissions = header.attributes.permissions
                files["\(path)\(file.name)"] = File(
                    checksum: file.checksum, size: size, isExecutable: permissions & 0o111 != 0,
                    isSetID: permissions & 0o6000 != 0)
            }
            for child in folder.folders { try visit(child.tree, "\(path)\(child.name)/") }
        }
        try visit(store.commit(commit).rootTree, "")
        return files
    }

    /// From the lists of files that the image has of each package. A file of several packages counts for each of them.
    private static func sizes(_ files: [String: File], _ store: Store) throws -> ([String: Int64], Int64) {
        let info = "\(TreeConversion.packageDatabase)/info/"
        var sizes: [String: Int64] = [:], owned: Set<String> = []
        for (path, file) in files where path.hasPrefix(info) && path.hasSuffix(".list") {
            let package = PackageFiles.package(String(path.dropFirst(info.count)))
            let list = try store.metadataText(file.checksum)
            for line in list.split(separator: "\n") {
                let path = converted(PackageFiles.merged(line))
                guard let size = files[path]?.size else { continue }
                sizes[package, default: 0] += size
                owned.insert(path)
            }
        }
        return (sizes, files.reduce(0) { owned.contains($1.key) ? $0 : $0 + $1.value.size })
    }

    /// Where the conversion has put a package's file.
    private static func converted(_ path: String) -> String {
        if path.hasPrefix("etc/") { return "usr/\(path)" }
        if path.hasPrefix("var/") { return "usr/share/factory/\(path)" }
        guard path.hasPrefix("boot/vmlinuz-") || path.hasPrefix("boot/config-") || path.hasPrefix("boot/System.map-"),
            let dash = path.firstIndex(of: "-")
        else { return path }
        let name = path[..<dash].dropFirst("boot/".count)
        return "usr/lib/modules/\(path[path.index(after: dash)...])/\(name)"
    }
}

extension Store {
    /// A small file's content.
    fileprivate func metadataText(_ file: Checksum) throws -> String {
        String(decoding: try Files.read(path(of: ObjectName(file, .file)), limit: 64 << 20), as: UTF8.self)
    }
}
