import EtcMerges
import Glibc
import LinuxSystem
import SystemPackage
import TestSupport

/// Three trees of /etc, and a deployment that the new one belongs to.
final class EtcFixture {
    private let folder: TemporaryFolder
    let old: FilePath
    let live: FilePath
    let deployment: FilePath
    var new: FilePath { deployment.appending("usr/etc") }
    var merged: FilePath { deployment.appending("etc") }

    init() throws {
        folder = try TemporaryFolder(inMemory: true)
        old = folder.path.appending("old")
        live = folder.path.appending("live")
        deployment = folder.path.appending("deployment")
        for path in [old, live, new] { try Files.makeFolder(path) }
    }

    /// A place outside all trees.
    var outside: FilePath { folder.path.appending("outside") }

    func plan(_ policy: EtcPolicy = .keep) throws -> EtcPlan {
        try EtcMerge.plan(old: old, live: live, new: new, policy: policy)
    }

    @discardableResult
    func merge(_ policy: EtcPolicy = .keep) throws -> EtcPlan {
        try EtcMerge.apply(old: old, live: live, into: deployment, policy: policy)
    }

    /// Writes a file into one of the trees, or into several, with the time 1.
    func write(_ name: String, _ text: String, mode: mode_t = 0o644, in trees: FilePath...) throws {
        for tree in trees {
            let path = tree.appending(name)
            try Files.makeFolder(path.removingLastComponent())
            try Files.replace(path, with: Array(text.utf8), mode: mode)
            try retrying("chmod", path.string) { chmod(path.string, mode) }
        }
    }

    func makeFolder(_ name: String, mode: mode_t = 0o755, in trees: FilePath...) throws {
        for tree in trees { try Files.makeFolder(tree.appending(name), mode: mode) }
    }

    func link(_ name: String, to target: String, in trees: FilePath...) throws {
        for tree in trees { try Files.makeLink(tree.appending(name), target: target) }
    }

    /// The text of a merged file; `nil` when there is none.
    func result(_ name: String) throws -> String? {
        try Files.readIfPresent(merged.appending(name), limit: 1 << 24).map { String(decoding: $0, as: UTF8.self) }
    }

    func mode(_ name: String) throws -> mode_t { try Self.status(merged.appending(name)).st_mode & 0o7777 }

    static func status(_ path: FilePath) throws -> stat {
        var status = stat()
        try retrying("examine", path.string) { lstat(path.string, &status) }
        return status
    }

    /// Everything in a tree: `find` and `getfattr` know no more.
    static func listing(_ path: FilePath) throws -> String {
        let script = """
            cd "$0" && find . -printf '%p %y %m %U:%G %l\\n' | LC_ALL=C sort
            find . -type f -print0 | LC_ALL=C sort -z | xargs -0r sha256sum
            find . -print0 | LC_ALL=C sort -z | xargs -0r getfattr -h -d -m '^(user|trusted|security|system)' -- 2>/dev/null
            """
        let result = try run(["/bin/sh", "-c", script, path.string])
        guard result.status == 0 || !result.text.isEmpty else { throw SystemError("list", path.string) }
        return result.text
    }
}
