public import Checksums
import LinuxSystem
import SystemPackage

extension Store {
    /// The commit that a ref names.
    ///
    /// - Throws: `StoreError.unknownRef`, `StoreError.invalidRefName`, `SystemError`.
    public func resolve(ref: String) throws -> Checksum {
        let path = try refPath(ref)
        guard !Files.isFolder(path), let bytes = try Files.readIfPresent(path, limit: 1024),
            let checksum = Checksum(hex: String(decoding: bytes, as: UTF8.self).trimmingNewlines)
        else { throw StoreError.unknownRef(ref) }
        return checksum
    }

    /// The commit that a ref or 64 hexadecimal digits name.
    ///
    /// - Throws: as `resolve(ref:)`.
    public func resolve(_ name: String) throws -> Checksum {
        if let checksum = Checksum(hex: name) { return checksum }
        return try resolve(ref: name)
    }

    /// Points a ref at a commit, or removes it, in one durable step. A missing ref may be removed.
    ///
    /// - Throws: `StoreError.invalidRefName`, `SystemError`.
    public func setRef(_ name: String, to checksum: Checksum?) throws {
        let path = try refPath(name)
        guard let checksum else {
            guard Files.exists(path) else { return }
            try Files.remove(path)
            return try Files.syncFolder(path.removingLastComponent())
        }
        try Files.makeFolder(path.removingLastComponent())
        try Files.replace(path, with: Array("\(checksum.hex)\n".utf8))
    }

    /// The refs whose names start with `prefix` and a slash, or all of them for an empty prefix.
    ///
    /// - Throws: `SystemError`.
    public func refs(below prefix: String = "") throws -> [String: Checksum] {
        var found: [String: Checksum] = [:]
        try collectRefs(prefix, into: &found)
        return found
    }

    /// What ostree would not take for a ref's name is skipped, as ostree does.
    private func collectRefs(_ folder: String, into found: inout [String: Checksum]) throws {
        let path = folder.isEmpty ? path.appending("refs/heads") : try refPath(folder)
        guard Files.isFolder(path) else { return }
        for name in try Files.namesIfPresent(in: path) where Self.isValidPart(name[...]) {
            let ref = folder.isEmpty ? name : "\(folder)/\(name)"
            if Files.isFolder(path.appending(name)) {
                try collectRefs(ref, into: &found)
            } else {
                found[ref] = try resolve(ref: ref)
            }
        }
    }

    /// A ref name is a path, so it must not lead anywhere else.
    private func refPath(_ name: String) throws(StoreError) -> FilePath {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.allSatisfy(Self.isValidPart) else { throw .invalidRefName(name) }
        return path.appending("refs/heads").appending(name)
    }

    private static func isValidPart(_ part: Substring) -> Bool {
        part.utf8.first != UInt8(ascii: ".") && !part.isEmpty && part.utf8.count <= 255
            && part.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}

extension String {
    fileprivate var trimmingNewlines: Substring {
        var text = self[...]
        while text.last?.isNewline == true { text = text.dropLast() }
        return text
    }
}
