import Checksums
import Glibc
public import LinuxSystem
public import ObjectFormats
public import SystemPackage

/// How a repository keeps its files.
public enum StoreMode: String, Sendable {
    /// As inodes with their real owner, permissions and attributes: a host's store.
    case bare
    /// Compressed, each with a header: an origin's store, which any static server can serve.
    case archive = "archive-z2"
}

/// An ostree repository, read and written without libostree.
///
/// The layout is stock: `config`, `objects/ab/…`, `refs/heads`, `refs/remotes`, `state`, `tmp`, `extensions`.
/// Source of the format: ostree's `docs/repo.md` and `ostree-repo.h`.
public struct Store: Sendable, Hashable {
    public let path: FilePath
    public let mode: StoreMode
    private let objects: String

    /// Opens a repository.
    ///
    /// - Throws: `StoreError.notARepository`.
    public init(opening path: FilePath) throws(StoreError) {
        let config: String
        do {
            config = String(decoding: try Files.read(path.appending("config"), limit: 1 << 20), as: UTF8.self)
        } catch {
            throw .notARepository(path: path.string, detail: "\(error.code)")
        }
        let value = Self.mode(in: config)
        guard let mode = StoreMode(rawValue: value == "archive" ? "archive-z2" : value) else {
            throw .notARepository(path: path.string, detail: "its mode is '\(value)'")
        }
        self.path = path
        self.mode = mode
        objects = "\(path)/objects/"
    }

    private static func mode(in config: String) -> String {
        var section = ""
        for line in config.split(whereSeparator: \.isNewline) {
            let text = line.filter { $0 != " " && $0 != "\t" }
            if text.hasPrefix("[") { section = text }
            if section == "[core]", text.hasPrefix("mode=") { return String(text.dropFirst(5)) }
        }
        return ""
    }

    /// Makes an empty repository; one that is there already is opened when it has the same mode.
    ///
    /// - Throws: `StoreError.notARepository` for another mode, `SystemError`.
    public static func create(at path: FilePath, mode: StoreMode) throws -> Store {
        if Files.exists(path.appending("config")) {
            let store = try Store(opening: path)
            guard store.mode == mode else {
                throw StoreError.notARepository(path: path.string, detail: "its mode is \(store.mode.rawValue)")
            }
            return store
        }
        for folder in ["objects", "refs/heads", "refs/remotes", "refs/mirrors", "state", "tmp/cache", "extensions"] {
            try Files.makeFolder(path.appending(folder))
        }
        // The configuration comes last, also on the disk: without it there is no repository.
        try Descriptor(opening: path.string, flags: O_RDONLY | O_DIRECTORY).syncFileSystem()
        let config = "[core]\nrepo_version=1\nmode=\(mode.rawValue)\n"
        try Files.replace(path.appending("config"), with: Array(config.utf8))
        return try Store(opening: path)
    }

    /// Where an object lies, whether it exists or not.
    public func path(of name: ObjectName) -> FilePath { FilePath(objectPath(name)) }

    /// The same as a string: a `FilePath` costs more than the system call that it is for.
    func objectPath(_ name: ObjectName) -> String {
        "\(objects)\(mode == .bare ? name.barePath : name.archivePath)"
    }

    /// Whether the object is in the store.
    public func contains(_ name: ObjectName) -> Bool {
        var status = stat()
        return lstat(objectPath(name), &status) == 0
    }

    /// Keeps collectors out while objects or refs are added, or everyone out.
    ///
    /// The same lock that libostree takes.
    /// - Throws: `LockedError` after `seconds`, `SystemError`.
    public func lock(_ kind: FileLock.Kind, seconds: Double = 300) throws -> FileLock {
        try FileLock(path.appending(".lock"), kind, seconds: seconds)
    }
}
