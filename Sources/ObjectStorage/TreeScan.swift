import CLinux
import Glibc
import LinuxSystem
import ObjectFormats
public import SystemPackage

extension TreeFolder {
    /// Reads a folder on disk: names, owners, permissions, extended attributes and link targets, no content.
    ///
    /// - Parameter excluding: called with each path relative to `path`; what it accepts is left out, with
    ///   everything below.
    /// - Parameter unsupported: called with what cannot be stored; when it returns, that file is left out.
    /// - Throws: `SystemError`; `StoreError.unsupportedFile` for a device, socket or named pipe, for another
    ///   file system mounted inside, and for a name that is not UTF-8,
    ///   or that Unicode takes for the same as another.
    public static func scan(
        _ path: FilePath, excluding: (String) -> Bool = { _ in false },
        unsupported: (StoreError) throws -> Void = { throw $0 }
    ) throws -> TreeFolder {
        var status = stat()
        try retrying("examine", path.string) { lstat(path.string, &status) }
        guard status.st_mode & S_IFMT == Glibc.S_IFDIR else {
            throw StoreError.unsupportedFile(path: path.string, detail: "it is not a folder")
        }
        return try withoutActuallyEscaping(excluding) { excluding in
            try withoutActuallyEscaping(unsupported) { unsupported in
                let scan = TreeScan(device: status.st_dev, excluding: excluding, unsupported: unsupported)
                return try scan.folder(path.string, relative: "", status)
            }
        }
    }
}

private struct TreeScan {
    let device: dev_t
    let excluding: (String) -> Bool
    let unsupported: (StoreError) throws -> Void

    func folder(_ path: String, relative: String, _ status: stat) throws -> TreeFolder {
        let folder = TreeFolder(attributes: try attributes(path, status))
        for name in try names(path) {
            let below = relative.isEmpty ? name : "\(relative)/\(name)"
            if excluding(below) { continue }
            do {
                if folder.entries[name] != nil {
                    throw StoreError.unsupportedFile(
                        path: "\(path)/\(name)", detail: "another name differs from it only in its Unicode spelling")
                }
                folder.entries[name] = try entry("\(path)/\(name)", relative: below)
            } catch let error as StoreError {
                try unsupported(error)
            }
        }
        return folder
    }

    private func names(_ path: String) throws -> [String] {
        try Files.names(in: FilePath(path)) { try unsupported(Self.notText(path, $0)) }
    }

    private static func notText(_ path: String, _ name: [UInt8]) -> StoreError {
        .unsupportedFile(
            path: "\(path)/\(String(decoding: name, as: UTF8.self))", detail: StoreError.notUTF8)
    }

    private func entry(_ path: String, relative: String) throws -> TreeEntry {
        var status = stat()
        try retrying("examine", path) { lstat(path, &status) }
        switch status.st_mode & S_IFMT {
        case Glibc.S_IFDIR:
            guard status.st_dev == device else {
                throw StoreError.unsupportedFile(path: path, detail: "another file system is mounted there")
            }
            return .folder(try folder(path, relative: relative, status))
        case Glibc.S_IFREG:
            let content = TreeFile.Content.onDisk(FilePath(path), size: Int64(status.st_size))
            return .file(TreeFile(attributes: try attributes(path, status), content: content))
        case Glibc.S_IFLNK:
            guard let target = Files.linkTarget(FilePath(path)) else {
                throw StoreError.unsupportedFile(path: path, detail: StoreError.targetNotUTF8)
            }
            return .link(TreeLink(attributes: try attributes(path, status), target: target))
        default:
            throw StoreError.unsupportedFile(path: path, detail: "it is a device, a socket or a named pipe")
        }
    }

    private func attributes(_ path: String, _ status: stat) throws -> FileAttributes {
        FileAttributes(
            uid: status.st_uid, gid: status.st_gid, permissions: status.st_mode & 0o7777,
            extendedAttributes: try ExtendedAttributes.read(path: path))
    }
}
