import Glibc
import LinuxSystem
import SystemPackage

/// Runs the programs that make partitions and file systems, one after another.
enum Tool {
    /// The Debian package that has each of them.
    private static let packages = [
        "sfdisk": "fdisk", "mkfs.vfat": "dosfstools", "fsck.vfat": "dosfstools", "mcopy": "mtools",
        "mkfs.ext4": "e2fsprogs", "mkfs.btrfs": "btrfs-progs", "mkfs.xfs": "xfsprogs", "qemu-img": "qemu-utils",
        "losetup": "mount", "wipefs": "util-linux",
    ]
    private static let folders = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"]

    /// Where a program is.
    ///
    /// - Throws: `DiskError.missingTool`.
    static func find(_ name: String) throws(DiskError) -> String {
        for folder in folders where access("\(folder)/\(name)", X_OK) == 0 { return "\(folder)/\(name)" }
        throw .missingTool(name, package: packages[name] ?? name)
    }

    /// Runs a program to its end, without the operator's environment.
    ///
    /// - Parameter input: what it reads from its standard input.
    /// - Returns: what it printed.
    /// - Throws: `DiskError.missingTool`, `.toolFailed` with its last lines; `SystemError`.
    @discardableResult
    static func run(_ command: [String], input: String = "") throws -> String {
        let program = try find(command[0])
        let reading = try unnamedFile(Array(input.utf8))
        let writing = try unnamedFile([])
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, reading.raw, 0)
        posix_spawn_file_actions_adddup2(&actions, writing.raw, 1)
        posix_spawn_file_actions_adddup2(&actions, writing.raw, 2)
        var arguments = command.map { strdup($0) } + [nil]
        let variables = ["PATH=\(folders.joined(separator: ":"))", "LC_ALL=C.UTF-8", "MTOOLS_SKIP_CHECK=1"]
        var environment = variables.map { strdup($0) } + [nil]
        defer { for text in arguments + environment { free(text) } }
        var process = pid_t()
        let code = posix_spawn(&process, program, &actions, nil, &arguments, &environment)
        guard code == 0 else { throw SystemError("start", program, code: Errno(rawValue: code)) }
        var status: Int32 = 0
        try retrying("wait for", program) { waitpid(process, &status, 0) }
        try retrying("rewind", program) { lseek(writing.raw, 0, SEEK_SET) }
        let output = String(decoding: try writing.readToEnd(limit: 1 << 20), as: UTF8.self)
        if status == 0 { return output }
        let lines = output.split(separator: "\n").suffix(6).joined(separator: "\n  ")
        throw DiskError.toolFailed(command[0], detail: lines.isEmpty ? "status \(status >> 8)" : lines)
    }

    private static func unnamedFile(_ bytes: [UInt8]) throws(SystemError) -> Descriptor {
        var template = Array("/tmp/hostctl-tool.XXXXXX".utf8CString)
        let raw = try retrying("make a file in", "/tmp") { mkstemp(&template) }
        let file = Descriptor(adopting: raw, path: "a temporary file")
        unlink(template)
        try file.write(bytes)
        try retrying("rewind", file.path) { lseek(file.raw, 0, SEEK_SET) }
        return file
    }
}
