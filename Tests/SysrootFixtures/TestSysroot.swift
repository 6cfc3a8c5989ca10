import Checksums
import Glibc
import LinuxSystem
public import ObjectStorage
public import Sysroots
public import SystemPackage
import TestSupport

/// A sysroot in a temporary folder, and what the stock tools say about it.
public final class TestSysroot: Sendable {
    private let temporary: TemporaryFolder
    public let root: FilePath
    public let paths: SysrootPaths

    /// Makes the folder only.
    public init() throws {
        temporary = try TemporaryFolder(inMemory: true)
        root = temporary.path.appending("sysroot")
        paths = SysrootPaths(root: root)
        try Files.makeFolder(root)
    }

    /// A sysroot made by stock tools, with the stateroot `host` and no deployment.
    public static func stock() throws -> TestSysroot {
        let sysroot = try TestSysroot()
        try Files.makeFolder(sysroot.paths.boot)
        try sysroot.ostree("admin", "init-fs", "--modern", sysroot.root.string)
        try sysroot.ostree("admin", "os-init", "--sysroot=\(sysroot.root)", "host")
        try sysroot.ostree("config", "--repo=\(sysroot.paths.repository)", "set", "sysroot.bootloader", "none")
        return sysroot
    }

    public var store: Store { get throws { try Store(opening: paths.repository) } }
    /// The test's folder, which holds the sysroot and whatever is beside it.
    public var folder: FilePath { temporary.path }
    /// A place beside the sysroot.
    public func beside(_ name: String) -> FilePath { folder.appending(name) }

    /// Runs `ostree` and returns what it printed.
    ///
    /// - Throws: `CommandFailed`.
    @discardableResult
    public func ostree(_ arguments: String...) throws -> String {
        let result = try run(["/usr/bin/ostree"] + arguments)
        guard result.status == 0 else {
            throw CommandFailed(command: arguments.joined(separator: " "), errors: result.errorText)
        }
        return result.text
    }

    /// Deploys a ref with `ostree admin deploy`.
    public func stockDeploy(_ ref: String = TestImage.ref, arguments: [String] = []) throws {
        let result = try run(
            ["/usr/bin/ostree", "admin", "deploy", "--sysroot=\(root)", "--os=host"] + arguments + [ref])
        guard result.status == 0 else { throw CommandFailed(command: "deploy", errors: result.errorText) }
    }

    /// The deployments in the order of `ostree admin status`, as `<checksum>.<serial>`, pinned ones with a `*`.
    public func stockStatus() throws -> [String] {
        var names: [String] = []
        for line in try ostree("admin", "status", "--sysroot=\(root)").split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count >= 2, let word = words.first(where: { $0.count > 65 && $0.contains(".") }) {
                names.append(String(word))
            } else if line.contains("Pinned: yes"), let last = names.popLast() {
                names.append(last + "*")
            }
        }
        return names
    }

    /// What `ostree fsck` finds; throws when anything is wrong.
    public func fsck() throws { try ostree("fsck", "--quiet", "--repo=\(paths.repository)") }

    /// Our reader's list in the same form as `stockStatus`.
    public func ownStatus() -> [String] {
        SysrootReader(root: root).report().listed.map { $0.name.folderName + ($0.isPinned ? "*" : "") }
    }

    /// Every path of the sysroot with its kind, mode, size and link target: equal before and after means untouched.
    public func snapshot(without excluded: [String] = []) throws -> [String] {
        var lines: [String] = []
        try collect(root, "", Set(excluded), &lines)
        return lines
    }

    private func collect(_ path: FilePath, _ relative: String, _ excluded: Set<String>, _ lines: inout [String]) throws
    {
        var status = stat()
        try retrying("examine", path.string) { lstat(path.string, &status) }
        let isFolder = status.st_mode & S_IFMT == Glibc.S_IFDIR
        let size = isFolder ? "" : " \(status.st_size)"
        let target = Files.linkTarget(path).map { " -> \($0)" } ?? ""
        lines.append("\(relative) \(String(status.st_mode, radix: 8))\(size)\(target)")
        guard isFolder else { return }
        for name in try Files.names(in: path) where !excluded.contains("\(relative)/\(name)") {
            try collect(path.appending(name), "\(relative)/\(name)", excluded, &lines)
        }
    }

    /// Writes a text below the root.
    public func write(_ relative: String, _ text: String) throws {
        try Files.replace(root.appending(relative), with: Array(text.utf8))
    }

    /// Reads a text below the root.
    public func read(_ relative: String) throws -> String {
        String(decoding: try Files.read(root.appending(relative), limit: 1 << 20), as: UTF8.self)
    }
}

/// A stock command that a test relies on did not work.
public struct CommandFailed: Error {
    public let command: String
    public let errors: String

    public init(command: String, errors: String) {
        self.command = command
        self.errors = errors
    }
}
