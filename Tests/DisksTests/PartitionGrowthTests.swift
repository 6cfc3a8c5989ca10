import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

@testable import Disks

/// Tables are made and judged by sfdisk.
@Suite("growing the last partition", .serialized) struct PartitionGrowthTests {
    let folder: TemporaryFolder
    private let mebibyte: Int64 = 1 << 20

    init() throws { folder = try TemporaryFolder() }

    private var disk: FilePath { folder.path.appending("disk.raw") }

    private func setSize(_ size: Int64) throws {
        let file = try Descriptor(opening: disk.string, flags: O_RDWR | O_CREAT, mode: 0o600)
        try retrying("resize", disk.string) { ftruncate(file.raw, off_t(size)) }
    }

    /// A disk of 64 MiB with an ESP and a last partition.
    private func make(attributes: String = ", attrs=\"GUID:59\"") throws {
        try setSize(64 * mebibyte)
        let script = """
            label: gpt
            start=2048, size=8192, type=c12a7328-f81f-11d2-ba4b-00a0c93ec93b, name="esp"
            start=10240, size=20480, type=0fc63daf-8483-4772-8e79-3d69d8477de4, name="data"\(attributes)

            """
        let input = try folder.write("script", text: script)
        let result = try run(["/bin/sh", "-c", "/sbin/sfdisk -q \(disk) <\(input)"])
        try #require(result.status == 0, "\(result.errorText)")
    }

    /// The table as sfdisk sees it, without a complaint.
    private func table() throws -> String {
        let result = try run(["/sbin/sfdisk", "--verify", disk.string])
        #expect(result.status == 0 && !result.text.contains("orrupt"), "\(result.text)\(result.errorText)")
        #expect(!result.errorText.contains("mismatch") && !result.errorText.contains("corrupt"), "\(result.errorText)")
        return try run(["/sbin/sfdisk", "--dump", disk.string]).text
    }

    /// The size of the last partition in MiB.
    private func size() throws -> Int64? {
        let line = try table().split(separator: "\n").last { $0.contains("name=\"data\"") }
        let words = line?.split { $0 == " " || $0 == "," } ?? []
        guard let index = words.firstIndex(of: "size=") else { return nil }
        return Int64(words[index + 1]).map { $0 / 2048 }
    }

    @Test("the last partition reaches to the last MiB, whenever the disk has become larger, and nothing else changes")
    func grows() throws {
        try make()
        let before = try table()
        #expect(try PartitionGrowth(disk).run() == .grown(number: 2, from: 10 * mebibyte, to: 58 * mebibyte))
        #expect(try PartitionGrowth(disk).run() == .full)
        for megabytes: Int64 in [100, 2000, 3000] {
            try setSize(megabytes * mebibyte)
            guard case .grown = try PartitionGrowth(disk).run() else { throw DiskError.needsRoot }
            #expect(try size() == megabytes - 6)
        }
        let changed = zip(before.split(separator: "\n"), try table().split(separator: "\n")).filter { $0 != $1 }
        #expect(changed.allSatisfy { $0.0.contains("last-lba") || $0.0.contains("name=\"data\"") }, "\(changed)")
    }

    @Test("a partition without the bit for growing, and a disk without a table, stay as they are")
    func unmarked() throws {
        try make(attributes: "")
        let before = try Files.read(disk, limit: 1 << 27)
        #expect(try PartitionGrowth(disk).run() == .unmarked)
        #expect(try Files.read(disk, limit: 1 << 27) == before)
        try setSize(0)
        try setSize(64 * mebibyte)
        #expect(try PartitionGrowth(disk).run() == .unmarked)
    }

    @Test("a table whose entries or header are damaged is left alone", arguments: [512 + 60, 1024 + 40, 1024 + 200])
    func damaged(position: Int) throws {
        try make()
        var bytes = try Files.read(disk, limit: 1 << 27)
        bytes[position] ^= 1
        try Files.replace(disk, with: bytes)
        #expect(try PartitionGrowth(disk).run() == .unmarked)
        #expect(try Files.read(disk, limit: 1 << 27) == bytes)
    }

    @Test(
        "cut before or after the header is written, the table is the old or the new one, whole, and the next run completes it",
        arguments: ["grow.before-header", "grow.after-header"])
    func cut(at point: String) throws {
        try make()
        let before = try Files.read(disk, limit: 1 << 27)
        _ = try PartitionGrowth(disk).run()
        let after = try Files.read(disk, limit: 1 << 27)
        // All has been written but the protective MBR and, before it, the header; the sectors between may come in any order.
        let isBefore = point == "grow.before-header"
        let written = isBefore ? 1024 : 512
        let cut = Array(before[..<written] + after[written...])
        try Files.replace(disk, with: cut)
        guard
            let table = PartitionTable(
                sector: Array(cut[512..<1024]), entries: { Array(cut[Int($0) * 512..<Int($0) * 512 + $1]) })
        else { throw DiskError.needsRoot }
        #expect(table.last?.end == (isBefore ? 30719 : 63 * 2048 - 1))
        let outcome = try PartitionGrowth(disk).run()
        #expect(outcome == (isBefore ? .grown(number: 2, from: 10 * mebibyte, to: 58 * mebibyte) : .full))
        #expect(try size() == 58)
    }

    /// The last sector of the last partition, by the primary table; `nil` without a valid one.
    private func end() throws -> UInt64? {
        let bytes = try Files.read(disk, limit: 1 << 27)
        let table = PartitionTable(sector: Array(bytes[512..<1024])) { start, count in
            Array(bytes[Int(start) * 512..<Int(start) * 512 + count])
        }
        return table?.last?.end
    }

    private func grow(killedAt point: String? = nil) throws -> ProcessResult {
        try run(
            [BuiltProducts.folder.appending("disk-trial").string, disk.string],
            environment: point.map { ["HOSTCTL_FAULT_POINT": $0] } ?? [:])
    }

    @Test(
        "a process that is killed leaves the old table or the new one, and the next one completes it",
        arguments: [
            ("grow.before-copy", false), ("grow.after-copy", false), ("grow.before-header", false),
            ("grow.after-header", true), ("grow.after-protective-record", true),
        ])
    func killed(at point: String, isGrown: Bool) throws {
        try make()
        for larger: Int64 in [0, 36] {
            try setSize((64 + larger) * mebibyte)
            let before = try end()
            let result = try grow(killedAt: point)
            #expect(result.end == .signaled(SIGKILL), "\(result.text)\(result.errorText)")
            let expected = isGrown ? UInt64(63 + larger) * 2048 - 1 : before
            #expect(try end() == expected)
            #expect(try grow().text.hasPrefix(isGrown ? "full" : "grown"))
            #expect(try size() == 58 + larger)
        }
    }
}
