/// Writes a cpio archive in the form that the kernel unpacks as its first root ("newc", Documentation/driver-api/
/// early-userspace/buffer-format.rst of the kernel).
///
/// Owners are root, times are 0, inodes count up: the same entries in the same order give the same bytes.
struct CpioWriter {
    /// The archive so far.
    private(set) var bytes: [UInt8] = []
    private var inode: UInt32 = 0

    private static let folder: UInt32 = 0o040000, file: UInt32 = 0o100000, link: UInt32 = 0o120000

    /// - Parameter path: relative, without `./`; the folders on the way must have been added before.
    mutating func addFolder(_ path: String) { add(path, mode: Self.folder | 0o755, content: []) }

    /// - Parameter permissions: such as `0o755`.
    mutating func addFile(_ path: String, permissions: UInt32, _ content: [UInt8]) {
        add(path, mode: Self.file | permissions, content: content)
    }

    mutating func addLink(_ path: String, target: String) {
        add(path, mode: Self.link | 0o777, content: Array(target.utf8))
    }

    /// Writes the end mark; nothing may be added afterwards.
    mutating func finish() {
        inode = UInt32.max
        add("TRAILER!!!", mode: 0, content: [])
        while bytes.count % 512 != 0 { bytes.append(0) }
    }

    /// The header has 13 numbers of eight hexadecimal digits: inode, mode, owner, group, links, time, size, device and
    /// represented device (two each), length of the name with its end, and a checksum that is not used.
    private mutating func add(_ path: String, mode: UInt32, content: [UInt8]) {
        inode &+= 1
        let name = Array(path.utf8)
        let links: UInt32 = mode & Self.folder != 0 && mode & Self.file == 0 ? 2 : 1
        bytes += Array("070701".utf8)
        for number in [
            inode, mode, 0, 0, links, 0, UInt32(content.count), 0, 0, 0, 0, UInt32(name.count + 1), 0,
        ] { bytes += Self.hexadecimal(number) }
        bytes += name + [0]
        pad()
        bytes += content
        pad()
    }

    private mutating func pad() { while bytes.count % 4 != 0 { bytes.append(0) } }

    private static func hexadecimal(_ number: UInt32) -> [UInt8] {
        let digits = Array(String(number, radix: 16, uppercase: true).utf8)
        return [UInt8](repeating: UInt8(ascii: "0"), count: 8 - digits.count) + digits
    }
}
