public import Checksums
import LinuxSystem
import SystemPackage

extension Store {
    /// The commit that a ref names.
    ///
    /// - Throws: `StoreError.unknownRef`, `StoreError.invalidRefName`, `SystemError`.
    public func resolve(ref: String) throws -> Checksum {
        guard let bytes = try Files.readIfPresent(try refPath(ref), limit: 1024) else { throw StoreError.unknownRef(ref) }
        guard let checksum = Checksum(hex: String(decoding: bytes.prefix(64), as: UTF8.self)) else {
            throw StoreError.unknownRef(ref)
        }
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
        guard let checksum else { return try Files.remove(path) }
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

    private func collectRefs(_ folder: String, into found: inout [String: Checksum]) throws {
        let path = folder.isEmpty ? path.appending("refs/heads") : try refPath(folder)
        for name in try Files.namesIfPresent(in: path) where !name.hasPrefix(".") {
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
        let valid = parts.allSatisfy { part in
            part.first != "." && !part.isEmpty
                && part.utf8.allSatisfy { byte in
                    switch byte {
                    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                        true
                    default: false
                    }
                }
        }
        guard valid else { throw .invalidRefName(name) }
        return path.appending("refs/heads").appending(name)
    }
}
