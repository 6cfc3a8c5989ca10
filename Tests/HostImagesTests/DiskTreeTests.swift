import CLinux
import Glibc
import LinuxSystem
import ObjectFormats
import ObjectStorage
import SystemPackage
import TestSupport
import Testing

@testable import HostImages

/// Major 1, minor 3.
private let nullDevice: dev_t = 0x103

@Suite("a tree on disk", .enabled(if: geteuid() == 0, "needs root")) struct DiskTreeTests {
    let folder: TemporaryFolder
    var root: FilePath { folder.path.appending("tree") }

    init() throws {
        folder = try TemporaryFolder()
        try Files.makeFolder(folder.path.appending("tree"))
        for name in ["bin", "sbin", "lib"] {
            try retrying("link", name) { symlink("usr/\(name)", "\(folder.path)/tree/\(name)") }
        }
        for name in ["etc", "dev", "run", "usr/bin", "boot"] {
            try Files.makeFolder(folder.path.appending("tree/\(name)"))
        }
        try folder.write("tree/usr/lib/modules/6.1/modules.dep", text: "")
        try folder.write("tree/boot/vmlinuz-6.1", text: "kernel")
        try folder.write("tree/boot/initrd.img-6.1", text: "initramfs")
        try folder.write("tree/var/lib/dpkg/status", text: "Package: a\nVersion: 1\nStatus: install ok installed\n")
    }

    private func convert() throws -> TreeFolder {
        let tree = try TreeFolder.scan(root) { RuntimeFolders.contain($0) }
        _ = try TreeConversion.convert(tree)
        return tree
    }

    private func attributes(_ path: String) throws -> FileAttributes? {
        if case .file(let file)? = try convert()[path] { file.attributes } else { nil }
    }

    @Test("a file's capabilities are kept")
    func capabilities() throws {
        let path = try folder.write("tree/usr/bin/ping", text: "x", mode: 0o755)
        // cap_net_raw=ep, as setcap writes it.
        let value: [UInt8] = [1, 0, 0, 2, 0, 0x20, 0, 0] + [UInt8](repeating: 0, count: 12)
        try retrying("set capabilities of", path.string) {
            hostctl_lsetxattr(path.string, "security.capability", value, value.count)
        }
        #expect(
            try attributes("usr/bin/ping")?.extendedAttributes
                == [ExtendedAttribute(name: Array("security.capability".utf8), value: value)])
    }

    @Test("set-id and sticky bits are kept", arguments: [0o4755, 0o2755, 0o6711, 0o1644] as [mode_t])
    func setID(mode: mode_t) throws {
        let path = try folder.write("tree/usr/bin/su", text: "x")
        chmod(path.string, mode)
        #expect(try attributes("usr/bin/su")?.permissions == mode)
    }

    @Test("an odd owner is kept, also one beyond 16 bits")
    func owners() throws {
        let path = try folder.write("tree/usr/bin/tool", text: "x")
        chown(path.string, 70_000, 4_000_000)
        let attributes = try attributes("usr/bin/tool")
        #expect(attributes?.uid == 70_000)
        #expect(attributes?.gid == 4_000_000)
    }

    @Test("a device node outside /dev is refused, one in /dev is left out")
    func devices() throws {
        try retrying("make", "null") { mknod(root.appending("dev/null").string, S_IFCHR | 0o666, nullDevice) }
        #expect(try convert().folder(at: "dev")?.entries.isEmpty == true)
        try retrying("make", "null") { mknod(root.appending("usr/null").string, S_IFCHR | 0o666, nullDevice) }
        let error = #expect(throws: StoreError.self) { try convert() }
        #expect(error?.reason.contains("usr/null") == true)
    }

    @Test("a named pipe outside /run is refused")
    func pipes() throws {
        try retrying("make", "pipe") { mkfifo(root.appending("run/pipe").string, 0o600) }
        _ = try convert()
        try retrying("make", "pipe") { mkfifo(root.appending("etc/pipe").string, 0o600) }
        #expect(throws: StoreError.self) { try convert() }
    }

    @Test("a name that is not UTF-8 is refused with its folder")
    func names() throws {
        let bytes = root.appending("etc/").string.utf8CString.dropLast() + [CChar(bitPattern: 0xFF), 0]
        let descriptor = open(Array(bytes), O_CREAT | O_WRONLY, 0o644)
        try #require(descriptor >= 0)
        close(descriptor)
        let error = #expect(throws: StoreError.self) { try convert() }
        #expect(error?.reason.contains("UTF-8") == true)
    }

    @Test("the stored image is one that ostree itself finds whole, with every file's real attributes")
    func stored() throws {
        let path = try folder.write("tree/usr/bin/su", text: "x")
        chown(path.string, 12, 34)
        chmod(path.string, 0o4750)
        let store = try Store.create(at: folder.path.appending("store"), mode: .bare)
        let stored = try store.ingest(try convert())
        let commit = Commit(
            metadata: [:], subject: "test", timestamp: 1, rootTree: stored.rootTree, rootMetadata: stored.rootMetadata)
        let checksum = try store.write(commit: commit, ref: "test")
        let object = try #require(try store.file(at: "usr/bin/su", in: checksum))
        #expect(try store.fileHeader(object).header.attributes == FileAttributes(uid: 12, gid: 34, permissions: 0o4750))
    }
}
