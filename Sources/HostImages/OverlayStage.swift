import Glibc
import LinuxSystem
import SystemPackage

/// The second stage: the recipe's own files over the tree.
///
/// They come from a checkout, which keeps neither owner nor exact mode: all belong to root, with mode 0755 for
/// folders and executables and 0644 for the rest. Hooks can change that.
struct OverlayStage {
    /// The recipe's `rootfs/`; may be missing.
    let source: FilePath
    let tree: FilePath

    /// - Throws: `ImageError.fileNotCopied`, `SystemError`.
    func run() throws {
        if Files.exists(source) { try copyFolder("") }
    }

    private func copyFolder(_ relative: String) throws {
        for name in try Files.names(in: source.appending(relative)) {
            let path = relative.isEmpty ? name : "\(relative)/\(name)"
            switch try kind(source.appending(path)) {
            case Glibc.S_IFDIR:
                try makeFolder(path)
                try copyFolder(path)
            case Glibc.S_IFLNK: try copyLink(path)
            case Glibc.S_IFREG: try copyFile(path)
            default: throw ImageError.fileNotCopied(path: path, detail: "it is not a file, a link or a folder")
            }
        }
    }

    /// An existing folder keeps its mode. A link in its place is never followed: it could lead out of the tree.
    private func makeFolder(_ path: String) throws {
        let target = tree.appending(path)
        if !Files.exists(target) { return try makeNewFolder(target) }
        guard try kind(target) == Glibc.S_IFDIR else {
            let place = Files.linkTarget(target).map { "a link to \($0)" } ?? "a file"
            throw ImageError.fileNotCopied(path: path, detail: "the tree has \(place) there")
        }
    }

    private func makeNewFolder(_ target: FilePath) throws {
        try retrying("make the folder", target.string) { mkdir(target.string, 0o755) }
        try retrying("set the permissions of", target.string) { chmod(target.string, 0o755) }
    }

    private func copyLink(_ path: String) throws {
        guard let target = Files.linkTarget(source.appending(path)) else {
            throw ImageError.fileNotCopied(path: path, detail: "its target is not UTF-8")
        }
        try makeRoom(path)
        try retrying("make the link", path) { symlink(target, tree.appending(path).string) }
    }

    private func copyFile(_ path: String) throws {
        try makeRoom(path)
        let from = try Descriptor(opening: source.appending(path).string, flags: O_RDONLY | O_NOFOLLOW)
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW
        let to = try Descriptor(opening: tree.appending(path).string, flags: flags, mode: 0o644)
        let isExecutable = try from.status().st_mode & 0o111 != 0
        try retrying("set the permissions of", to.path) { fchmod(to.raw, isExecutable ? 0o755 : 0o644) }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
        defer { buffer.deallocate() }
        while case let count = try from.read(into: buffer), count > 0 {
            try to.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }

    /// A file or link of the same name gives way, a folder does not.
    private func makeRoom(_ path: String) throws {
        let target = tree.appending(path)
        guard Files.exists(target) else { return }
        guard try kind(target) != Glibc.S_IFDIR else {
            throw ImageError.fileNotCopied(path: path, detail: "the tree has a folder there")
        }
        try Files.remove(target)
    }

    private func kind(_ path: FilePath) throws(SystemError) -> mode_t {
        var status = stat()
        try retrying("examine", path.string) { lstat(path.string, &status) }
        return status.st_mode & S_IFMT
    }
}
