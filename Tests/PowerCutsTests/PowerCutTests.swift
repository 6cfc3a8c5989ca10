import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

@testable import PowerCuts

@Suite("Disks whose power went", .enabled(if: RecordedDisk.isPossible, "needs qemu-storage-daemon, FUSE and root"))
struct PowerCutTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder(inMemory: true) }

    /// An ext4 file system on which `numbers` was replaced by a rename, flushed, this many times.
    private func record(times: Int) throws -> (before: FilePath, log: WriteLog) {
        let image = folder.path.appending("image")
        try tool("/usr/bin/truncate", "-s", "16M", image.string)
        try tool("/sbin/mkfs.ext4", "-q", "-F", image.string)
        let before = folder.path.appending("before")
        try tool("/bin/cp", "--sparse=always", image.string, before.string)
        let disk = try RecordedDisk(image, in: folder.path.appending("record"))
        let place = folder.path.appending("mounted")
        try Files.makeFolder(place)
        try tool("/bin/mount", "-o", "loop", disk.device.string, place.string)
        for number in 1...times {
            let bytes = [UInt8](repeating: UInt8(number), count: 20_000)
            try Files.replace(place.appending("numbers"), with: bytes)
        }
        try unmount(place)
        return (before, try disk.finish())
    }

    private func tool(_ command: String...) throws {
        let result = try run(command)
        try #require(result.status == 0, "\(command): \(result.errorText)")
    }

    /// A process that was started by another test may hold the folder for a moment.
    private func unmount(_ place: FilePath) throws {
        let isDone = waitUntil { (try? run(["/bin/umount", place.string]).status) == 0 }
        try #require(isDone, "\(place) stays mounted")
    }

    /// What `numbers` holds on a disk whose power went; nothing when it is not there.
    private func content(of image: FilePath) throws -> [UInt8]? {
        // A superblock that was torn is no file system for the kernel before this.
        let check = try run(["/sbin/e2fsck", "-y", image.string])
        try #require((check.status ?? 8) < 4, "\(check.text)")
        let place = folder.path.appending("state")
        try Files.makeFolder(place)
        try tool("/bin/mount", "-o", "loop", image.string, place.string)
        let bytes = try Files.readIfPresent(place.appending("numbers"), limit: 1 << 20)
        try unmount(place)
        return bytes
    }

    @Test("a file replaced by flush and rename is old or new, never in between, whatever was lost, reordered or torn")
    func replacement() throws {
        let (before, log) = try record(times: 4)
        let choice = PowerCutChoice(log)
        #expect(choice.flushes.count > 8)
        let history = try DiskHistory(log, on: before)
        var generator = SystemRandomNumberGenerator()
        var seen: Set<UInt8> = []
        var newest: UInt8 = 0
        for start in choice.flushes {
            for manner in PowerCut.Manner.allCases {
                let cut = choice.cut(after: start, manner, &generator)
                let state = folder.path.appending("cut")
                try history.make(cut, at: state)
                let bytes = try content(of: state) ?? []
                #expect(Set(bytes).count <= 1 && (bytes.isEmpty || bytes.count == 20_000), "\(cut)")
                let number = bytes.first ?? 0
                seen.insert(number)
                if manner == .flushed {
                    #expect(number >= newest, "what was flushed has been lost: \(cut)")
                    newest = number
                }
            }
        }
        #expect(seen.count >= 4, "the states were \(seen)")
    }

    @Test("a file that was written over in place is found torn, so that the method can fail")
    func inPlace() throws {
        let image = folder.path.appending("image")
        try tool("/usr/bin/truncate", "-s", "16M", image.string)
        try tool("/sbin/mkfs.ext4", "-q", "-F", image.string)
        let place = folder.path.appending("mounted")
        try Files.makeFolder(place)
        try tool("/bin/mount", "-o", "loop", image.string, place.string)
        try Files.replace(place.appending("numbers"), with: [UInt8](repeating: 1, count: 20_000))
        try unmount(place)
        let before = folder.path.appending("before")
        try tool("/bin/cp", "--sparse=always", image.string, before.string)
        let disk = try RecordedDisk(image, in: folder.path.appending("record"))
        try tool("/bin/mount", "-o", "loop", disk.device.string, place.string)
        do {
            let file = try Descriptor(opening: place.appending("numbers").string, flags: O_WRONLY)
            try file.write([UInt8](repeating: 2, count: 20_000))
            try file.sync()
        }
        try unmount(place)
        let log = try disk.finish()
        let choice = PowerCutChoice(log)
        let history = try DiskHistory(log, on: before)
        var generator = SystemRandomNumberGenerator()
        var torn = 0
        for start in choice.flushes {
            for _ in 0..<12 {
                let state = folder.path.appending("cut")
                try history.make(choice.cut(after: start, .torn, &generator), at: state)
                if Set(try content(of: state) ?? []).count == 2 { torn += 1 }
            }
        }
        #expect(torn > 0)
    }

    @Test("a file of the boot partition whose name came to the disk before its place in the table reads as nothing")
    func nameWithoutPlace() throws {
        let image = folder.path.appending("image")
        try tool("/usr/bin/truncate", "-s", "16M", image.string)
        try tool("/sbin/mkfs.vfat", "-F", "16", image.string)
        try add("whole", to: image)
        let before = try Files.read(image, limit: 16 << 20)
        try add("placeless", to: image)
        let number = { (offset: Int) in Int(before[offset]) | Int(before[offset + 1]) << 8 }
        let (sector, reserved) = (number(11), number(14))
        let tables = reserved * sector..<(reserved + Int(before[16]) * number(22)) * sector
        let file = try Descriptor(opening: image.string, flags: O_RDWR)
        let written = before[tables].withUnsafeBytes {
            pwrite(file.raw, $0.baseAddress, $0.count, off_t(tables.lowerBound))
        }
        #expect(written == tables.count)
        let copies = folder.path.appending("copies")
        try Files.makeFolder(copies)
        try MountedHost.copyBoot(image, at: 0, to: copies)
        #expect(try Files.read(copies.appending("whole"), limit: 1 << 20).count == 20_000)
        #expect(try Files.read(copies.appending("placeless"), limit: 1 << 20).isEmpty)
    }

    private func add(_ name: String, to image: FilePath) throws {
        let source = try folder.write("sources/\(name)", [UInt8](repeating: 7, count: 20_000))
        try tool("/usr/bin/mcopy", "-i", image.string, source.string, "::/\(name)")
    }

    @Test("a record that is none, or was cut off, is refused")
    func malformed() throws {
        let none = try folder.write("none", [UInt8](repeating: 7, count: 4096))
        #expect(throws: WriteLog.Malformed.self) { try WriteLog(reading: none) }
        let (_, log) = try record(times: 1)
        let bytes = try Files.read(log.path, limit: 64 << 20)
        let short = try folder.write("short", Array(bytes[..<(bytes.count / 2)]))
        #expect(throws: WriteLog.Malformed.self) { try WriteLog(reading: short) }
    }
}
