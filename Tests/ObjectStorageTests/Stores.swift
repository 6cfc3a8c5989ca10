import Checksums
import Glibc
import LinuxSystem
import ObjectFormats
import ObjectStorage
import SystemPackage
import TestSupport
import Testing

/// Runs a program and expects it to succeed.
@discardableResult
func succeed(_ command: String..., environment: [String: String] = [:]) throws -> String {
    let result = try run(command, environment: environment, timeout: 120)
    try #require(result.status == 0, "\(command.joined(separator: " ")): \(result.end) \(result.errorText)")
    return result.text
}

/// Runs stock ostree and expects it to succeed.
@discardableResult
func ostree(_ arguments: String...) throws -> String {
    let result = try run(["/usr/bin/ostree"] + arguments, timeout: 120)
    try #require(result.status == 0, "ostree \(arguments.joined(separator: " ")): \(result.end) \(result.errorText)")
    return result.text
}

/// Runs a shell script with `$1`, `$2`… and expects it to succeed.
@discardableResult
func shell(_ script: String, _ arguments: String...) throws -> String {
    let result = try run(["/bin/sh", "-euc", script, "sh"] + arguments, timeout: 120)
    try #require(result.status == 0, "\(script): \(result.end) \(result.errorText)")
    return result.text
}

extension TemporaryFolder {
    func store(_ name: String = "store", _ mode: StoreMode = .bare) throws -> Store {
        try Store.create(at: path.appending(name), mode: mode)
    }

    /// A folder for a tree.
    func makeTree(_ name: String = "tree") throws -> FilePath {
        try Files.makeFolder(path.appending(name))
        return path.appending(name)
    }

    /// A bare store made by stock ostree.
    func stockStore(_ name: String = "stock", mode: String = "bare") throws -> FilePath {
        let folder = path.appending(name)
        try ostree("--repo=\(folder)", "init", "--mode=\(mode)")
        return folder
    }
}

extension Store {
    /// Stores a folder as `hostctl store ingest` does.
    @discardableResult
    func commit(_ tree: FilePath, ref: String = "demo", metadata: [String: Variant] = [:]) throws -> Checksum {
        try commit(TreeFolder.scan(tree), ref: ref, metadata: metadata)
    }

    @discardableResult
    func commit(_ tree: TreeFolder, ref: String = "demo", metadata: [String: Variant] = [:]) throws -> Checksum {
        let stored = try ingest(tree, workers: 2)
        let commit = Commit(
            metadata: metadata, subject: "", timestamp: 1_700_000_000, rootTree: stored.rootTree,
            rootMetadata: stored.rootMetadata)
        return try write(commit: commit, ref: ref)
    }

    /// The files under `objects`, sorted.
    func objectFiles() throws -> [String] {
        try Files.names(in: path.appending("objects")).flatMap { prefix in
            try Files.names(in: path.appending("objects/\(prefix)")).map { "\(prefix)/\($0)" }
        }
    }

    /// What is left under `tmp`, without lock files.
    func temporaryNames() throws -> [String] {
        try Files.names(in: path.appending("tmp")).filter { $0 != "cache" && !$0.hasPrefix(".") }
    }
}

/// A small file.
func file(_ text: String, permissions: UInt32 = 0o644) -> TreeEntry {
    .file(TreeFile(attributes: FileAttributes(permissions: permissions), content: .bytes(Array(text.utf8))))
}

/// A folder whose files hold their own names.
func folder(_ names: String...) -> TreeFolder {
    TreeFolder(entries: Dictionary(uniqueKeysWithValues: names.map { ($0, file($0)) }))
}

/// The name of a file with this content, owned by root.
func name(of text: String, permissions: UInt32 = 0o644) -> ObjectName {
    let header = FileHeader(attributes: FileAttributes(permissions: permissions), content: .regular)
    return ObjectName(SHA256.hash(header.checksumPrefix + Array(text.utf8)), .file)
}

func inode(_ path: FilePath) throws -> UInt64 {
    var status = stat()
    try retrying("examine", path.string) { lstat(path.string, &status) }
    return UInt64(status.st_ino)
}
