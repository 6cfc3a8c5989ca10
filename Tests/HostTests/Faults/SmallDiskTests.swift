import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

/// The tests with small disks would find nothing if these did not do what they say.
@Suite(.enabled(if: geteuid() == 0, "mounts file systems"))
struct SmallDiskTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder(inMemory: true) }

    private func disk() throws -> SmallDisk {
        try SmallDisk(folder.path.appending("image"), at: folder.path.appending("disk"), size: 8 << 20)
    }

    @Test("a power cut loses what was not flushed, and nothing else")
    func powerCut() throws {
        let disk = try disk()
        defer { withExtendedLifetime(disk) {} }
        let (kept, lost) = (disk.place.appending("kept"), disk.place.appending("lost"))
        try Files.replace(kept, with: [1])
        _ = try Descriptor(opening: lost.string, flags: O_WRONLY | O_CREAT, mode: 0o600)
        try disk.cutPower()
        #expect(throws: SystemError.self) { try Files.replace(kept, with: [2]) }
        try disk.restart()
        #expect(try Files.read(kept, limit: 8) == [1])
        #expect(!Files.exists(lost))
        try disk.unmount()
    }

    @Test("a full disk is full, and so is one that can hold no more files")
    func full() throws {
        let disk = try disk()
        for blocks in [0, 1, 5] {
            try disk.fill(leaving: blocks)
            #expect(try disk.free == blocks)
        }
        try disk.empty()
        try disk.fillFiles(leaving: 2)
        #expect(try FileSystemSpace(at: disk.place).files == 2)
        try disk.unmount()
    }

    @Test("a file system that breaks down is read-only")
    func breakDown() throws {
        let disk = try disk()
        try disk.breakDown()
        let error = #expect(throws: SystemError.self) { try Files.replace(disk.place.appending("file"), with: [1]) }
        #expect(error?.code == .readOnlyFileSystem)
        try disk.unmount()
    }
}
