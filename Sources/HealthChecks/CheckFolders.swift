import LinuxSystem
import SystemPackage

/// An executable of a health folder.
struct CheckFile: Equatable, Sendable {
    let path: FilePath
    /// Whether the boot has failed when it fails.
    let isRequired: Bool
    /// Whether it is a shell script of greenboot's, which need not be executable.
    let isScript: Bool

    /// What starts it.
    var command: [String] {
        guard isScript else { return [path.string] }
        return [Files.exists("/bin/bash") ? "/bin/bash" : "/bin/sh", path.string]
    }
}

/// Where health checks and hooks lie: hostctl's folders, and greenboot's.
struct CheckFolders {
    let root: FilePath

    /// The required checks, then the wanted ones, each in the order of their names.
    func checks() throws -> [CheckFile] {
        let own = try own("health.d", isRequired: true)
        let required = try scripts("check/required.d", isRequired: true)
        return try own + required + scripts("check/wanted.d", isRequired: false)
    }

    /// `red.d` or `green.d`: what is told how the boot went.
    func hooks(_ folder: String) throws -> [CheckFile] {
        try own(folder, isRequired: false) + scripts(folder, isRequired: false)
    }

    /// A file in /etc replaces that of the same name in /usr/lib, and masks it when it is a link to /dev/null.
    private func own(_ folder: String, isRequired: Bool) throws -> [CheckFile] {
        let folders = ["etc/hostctl", "usr/lib/hostctl"].map { root.appending($0).appending(folder) }
        var seen: Set<String> = []
        var found: [FilePath] = []
        for folder in folders where Files.isFolder(folder) {
            for name in try Files.names(in: folder, malformed: { _ in }) where Self.isMeant(name) {
                if seen.insert(name).inserted { found.append(folder.appending(name)) }
            }
        }
        return found.filter { Files.linkTarget($0) != "/dev/null" }.sorted { Self.name($0) < Self.name($1) }
            .map { CheckFile(path: $0, isRequired: isRequired, isScript: false) }
    }

    /// As greenboot has it: all `*.sh` of both folders.
    private func scripts(_ folder: String, isRequired: Bool) throws -> [CheckFile] {
        let folders = ["usr/lib/greenboot", "etc/greenboot"].map { root.appending($0).appending(folder) }
        var found: [CheckFile] = []
        for folder in folders where Files.isFolder(folder) {
            for name in try Files.names(in: folder, malformed: { _ in }) where name.hasSuffix(".sh") {
                let path = folder.appending(name)
                found.append(CheckFile(path: path, isRequired: isRequired, isScript: true))
            }
        }
        return found
    }

    private static func name(_ path: FilePath) -> String { path.lastComponent?.string ?? "" }

    /// Neither hidden nor what editors and dpkg leave.
    private static func isMeant(_ name: String) -> Bool {
        !name.hasPrefix(".") && !name.hasSuffix("~") && !name.contains(".dpkg-") && name != "README"
    }
}
