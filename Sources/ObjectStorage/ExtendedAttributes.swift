import CLinux
import Glibc
public import LinuxSystem
public import ObjectFormats
public import SystemPackage

/// Reading and writing extended attributes, never following a link.
enum ExtendedAttributes {
    /// Those of a file by its path.
    static func read(path: String) throws(SystemError) -> [ExtendedAttribute] {
        try read(path, list: { hostctl_llistxattr(path, $0, $1) }, get: { hostctl_lgetxattr(path, $0, $1, $2) })
    }

    /// Those of an open file.
    static func read(_ file: borrowing Descriptor) throws(SystemError) -> [ExtendedAttribute] {
        let raw = file.raw
        return try read(
            file.path, list: { hostctl_flistxattr(raw, $0, $1) }, get: { hostctl_fgetxattr(raw, $0, $1, $2) })
    }

    private static func read(
        _ path: String, list: (UnsafeMutablePointer<CChar>?, Int) -> Int,
        get: (UnsafePointer<CChar>, UnsafeMutableRawPointer?, Int) -> Int
    ) throws(SystemError) -> [ExtendedAttribute] {
        var attributes: [ExtendedAttribute] = []
        for name in try names(path, list) {
            let size = try retrying("read an attribute of", path) { get(name, nil, 0) }
            // ostree does not see an attribute whose value is empty, so it is in no checksum.
            if size == 0 { continue }
            var value = [UInt8](repeating: 0, count: size)
            let count = try retrying("read an attribute of", path) { get(name, &value, size) }
            let bytes = name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            attributes.append(ExtendedAttribute(name: bytes, value: Array(value.prefix(count))))
        }
        return attributes
    }

    private static func names(
        _ path: String, _ read: (UnsafeMutablePointer<CChar>?, Int) -> Int
    ) throws(SystemError) -> [[CChar]] {
        let size = read(nil, 0)
        if size == 0 || size < 0 && errno == ENOTSUP { return [] }
        if size < 0 { throw SystemError("list the attributes of", path) }
        var list = [CChar](repeating: 0, count: size)
        let count = try retrying("list the attributes of", path) { read(&list, size) }
        return list.prefix(count).split(separator: 0).map { Array($0) + [0] }
    }

    static func write(_ attributes: [ExtendedAttribute], to descriptor: Int32, path: String) throws(SystemError) {
        for attribute in attributes {
            let name = attribute.name.map { CChar(bitPattern: $0) } + [0]
            try retrying("set an attribute of", path) {
                hostctl_fsetxattr(descriptor, name, attribute.value, attribute.value.count)
            }
        }
    }

    static func write(_ attributes: [ExtendedAttribute], toLink path: String) throws(SystemError) {
        for attribute in attributes {
            let name = attribute.name.map { CChar(bitPattern: $0) } + [0]
            try retrying("set an attribute of", path) {
                hostctl_lsetxattr(path, name, attribute.value, attribute.value.count)
            }
        }
    }
}

extension FileAttributes {
    /// The extended attributes of an open file or folder, in the form that checksums need.
    ///
    /// - Throws: `SystemError`.
    public static func extended(of file: borrowing Descriptor) throws(SystemError) -> [ExtendedAttribute] {
        FileAttributes(permissions: 0, extendedAttributes: try ExtendedAttributes.read(file)).extendedAttributes
    }

    /// Gives an open file or folder these attributes: owner, permissions, extended attributes, and no others.
    ///
    /// - Throws: `SystemError`.
    public func apply(to file: borrowing Descriptor) throws(SystemError) {
        // The owner first: changing it clears set-id bits and capabilities.
        try retrying("set the owner of", file.path) { fchown(file.raw, uid, gid) }
        try retrying("set the permissions of", file.path) { fchmod(file.raw, permissions) }
        let wanted = Set(extendedAttributes.map(\.name))
        for attribute in try ExtendedAttributes.read(file) where !wanted.contains(attribute.name) {
            let name = attribute.name.map { CChar(bitPattern: $0) } + [0]
            try retrying("remove an attribute of", file.path) { hostctl_fremovexattr(file.raw, name) }
        }
        try ExtendedAttributes.write(extendedAttributes, to: file.raw, path: file.path)
    }
}

extension FileHeader {
    /// What precedes the content of a file or link in its checksum, from its inode.
    ///
    /// - Throws: `SystemError`, `StoreError.unsupportedFile` for other kinds of file.
    public init(ofFileAt path: FilePath) throws {
        var status = stat()
        try retrying("examine", path.string) { lstat(path.string, &status) }
        let attributes = FileAttributes(
            uid: status.st_uid, gid: status.st_gid, permissions: status.st_mode & 0o7777,
            extendedAttributes: try ExtendedAttributes.read(path: path.string))
        if status.st_mode & S_IFMT == Glibc.S_IFREG {
            self.init(attributes: attributes, content: .regular)
        } else if status.st_mode & S_IFMT == Glibc.S_IFLNK, let target = Files.linkTarget(path) {
            self.init(attributes: attributes, content: .link(target: target))
        } else {
            throw StoreError.unsupportedFile(path: path.string, detail: "it is neither a file nor a link")
        }
    }
}
