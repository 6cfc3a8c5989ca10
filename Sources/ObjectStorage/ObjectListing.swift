import Checksums
import Glibc
import LinuxSystem
import ObjectFormats
import SystemPackage

/// One name in a folder of `objects`, and what it is.
enum ObjectEntry {
    case object(ObjectName)
    /// What stands beside a commit.
    case commitMetadata(Checksum)
    /// A link from a content's checksum to the object that has it: libostree's, for reflinks.
    case payloadLink
    /// A file that was to be moved to another name.
    case temporary
    /// Nothing that a store of this mode would hold, or nothing that is ever removed, such as a tombstone.
    case other

    /// - Parameters:
    ///   - folder: the two digits of the folder's name.
    ///   - name: the name in it.
    init(folder: (UInt8, UInt8), name: UnsafeRawBufferPointer, mode: StoreMode) {
        guard name.count > 63, name[62] == UInt8(ascii: ".") else {
            let isTemporary =
                name.first == UInt8(ascii: ".") && Files.isTemporary(String(decoding: name, as: UTF8.self))
            self = isTemporary ? .temporary : .other
            return
        }
        let checksum = withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) { digits in
            digits[0] = folder.0
            digits[1] = folder.1
            UnsafeMutableRawBufferPointer(rebasing: digits[2...]).copyMemory(
                from: UnsafeRawBufferPointer(rebasing: name[..<62]))
            return Checksum(hexDigits: UnsafeRawBufferPointer(digits))
        }
        guard let checksum else {
            self = .other
            return
        }
        self.init(checksum, ending: UnsafeRawBufferPointer(rebasing: name[63...]), mode)
    }

    private init(_ checksum: Checksum, ending: UnsafeRawBufferPointer, _ mode: StoreMode) {
        if ending.elementsEqual(mode == .bare ? "file".utf8 : "filez".utf8) {
            self = .object(ObjectName(checksum, .file))
        } else if ending.elementsEqual("dirtree".utf8) {
            self = .object(ObjectName(checksum, .dirtree))
        } else if ending.elementsEqual("dirmeta".utf8) {
            self = .object(ObjectName(checksum, .dirmeta))
        } else if ending.elementsEqual("commit".utf8) {
            self = .object(ObjectName(checksum, .commit))
        } else if ending.elementsEqual("commitmeta".utf8) {
            self = .commitMetadata(checksum)
        } else {
            self = ending.elementsEqual("payload-link".utf8) ? .payloadLink : .other
        }
    }
}

/// One of the up to 256 folders of `objects`.
struct ObjectFolder {
    let digits: (UInt8, UInt8)
    let path: String

    /// Those that there are.
    static func all(of store: Store) throws(SystemError) -> [ObjectFolder] {
        let objects = store.path.appending("objects")
        return try Files.names(in: objects).compactMap { name in
            let bytes = Array(name.utf8)
            let isHex = bytes.allSatisfy { "0123456789abcdef".utf8.contains($0) }
            guard bytes.count == 2, isHex else { return nil }
            return ObjectFolder(digits: (bytes[0], bytes[1]), path: "\(objects)/\(name)")
        }
    }

    func open() throws(SystemError) -> Descriptor {
        try Descriptor(opening: path, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    }
}
