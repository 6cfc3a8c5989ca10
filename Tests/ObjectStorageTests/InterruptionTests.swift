import Checksums
import Glibc
import LinuxSystem
import ObjectFormats
import ObjectStorage
import SystemPackage
import TestSupport
import Testing

/// Kills, power cuts in spirit, full disks, and others who use the store at the same time.
@Suite struct InterruptionTests {
    private let temporary: TemporaryFolder
    private let tree: FilePath
    private var storePath: FilePath { temporary.path.appending("store") }

    init() throws {
        temporary = try TemporaryFolder()
        tree = try temporary.makeTree()
        try shell(
            "cd \"$1\"; for d in $(seq 8); do mkdir d$d; for f in $(seq 20); do echo $d-$f >d$d/f$f; done; done",
            tree.string)
    }

    private func ingest(faultPoint: String? = nil, store: FilePath? = nil) throws -> ProcessResult {
        try run(
            [
                BuiltProducts.hostctlStore, "store", "ingest", tree.string, "--store", (store ?? storePath).string,
                "--ref", "demo",
            ],
            environment: faultPoint.map { ["HOSTCTL_FAULT_POINT": $0] } ?? [:])
    }

    /// Every commit that can be seen has all its objects.
    private func expectWhole(_ store: Store) throws {
        for file in try store.objectFiles() where file.hasSuffix(".commit") {
            let checksum = try #require(Checksum(hex: file.filter { $0 != "/" }.prefix(64)))
            try store.forEachObject(of: checksum) { #expect(store.contains($0), "\($0)") }
        }
        try ostree("--repo=\(store.path)", "fsck", "--quiet")
    }

    // The second visits are those of the transaction that writes the commit.
    @Test(
        "killed at any step, the store is whole; run again, the work is completed",
        arguments: ["before-sync", "before-lock", "before-commits", "after-commits"].flatMap {
            ["store.\($0):1", "store.\($0):2"]
        } + ["replace.before-rename:1", "replace.before-rename:2", "replace.after-rename:2"])
    func killed(faultPoint: String) throws {
        let first = try ingest(faultPoint: faultPoint)
        #expect(first.end == .signaled(SIGKILL))
        if Files.exists(storePath.appending("config")) {
            let store = try Store(opening: storePath)
            try expectWhole(store)
            for checksum in try store.refs().values { #expect(store.contains(ObjectName(checksum, .commit))) }
        }
        let second = try ingest()
        #expect(second.status == 0, "\(second.errorText)")
        let store = try Store(opening: storePath)
        try expectWhole(store)
        #expect(try store.resolve(ref: "demo").hex == second.text.filter { $0 != "\n" })
        #expect(try store.temporaryNames() == [])
    }

    @Test("the staging folder of a killed process is removed by the next one, that of a living one is not")
    func leftBehind() throws {
        _ = try ingest(faultPoint: "store.before-lock")
        let store = try Store(opening: storePath)
        let left = try store.temporaryNames()
        #expect(left.count == 1)
        let living = try StoreTransaction(store)
        #expect(try store.temporaryNames().count == 1)
        #expect(try store.temporaryNames() != left)
        #expect(try ingest().status == 0)
        #expect(try store.temporaryNames().count == 1)
        _ = try living.ingest(folder("still", "usable"), workers: 1)
        try living.commit()
        #expect(try store.temporaryNames() == [])
    }

    @Test("killed between the objects of a copy, the next copy takes up what was compressed")
    func resumedCopy() throws {
        _ = try ingest()
        let store = try Store(opening: storePath)
        let checksum = try store.resolve(ref: "demo")
        let archive = try temporary.store("archive", .archive)
        let staging = temporary.path.appending("staging")
        do {
            let transaction = try StoreTransaction(archive, staging: .resumable(staging))
            _ = try transaction.copy(checksum, from: store, workers: 2)
        }
        let transaction = try StoreTransaction(archive, staging: .resumable(staging))
        #expect(try transaction.copy(checksum, from: store, workers: 2).objects == 0)
        try transaction.commit()
        try ostree("--repo=\(archive.path)", "fsck", "--quiet")
    }

    @Test("while we hold the store's lock, stock ostree cannot prune")
    func lockExcludesPrune() throws {
        _ = try ingest()
        let store = try Store(opening: storePath)
        try ostree("--repo=\(storePath)", "config", "set", "core.lock-timeout-secs", "1")
        let lock = try store.lock(.shared)
        let pruned = try run(["/usr/bin/ostree", "--repo=\(storePath)", "prune", "--refs-only"])
        #expect(pruned.status != 0)
        _ = consume lock
        try ostree("--repo=\(storePath)", "prune", "--refs-only")
        try expectWhole(store)
    }

    @Test("while someone holds the store exclusively, a commit waits and then completes")
    func commitWaits() throws {
        _ = try ingest()
        let store = try Store(opening: storePath)
        let lock = try store.lock(.exclusive)
        let process = try ChildProcess([
            BuiltProducts.hostctlStore, "store", "ingest", tree.string, "--store", storePath.string, "--ref", "other",
        ])
        usleep(500_000)
        #expect(process.isRunning)
        #expect(try store.refs()["other"] == nil)
        _ = consume lock
        #expect(try process.wait().status == 0)
        #expect(try store.refs()["other"] != nil)
    }

    @Test("on a full disk the command says so, and the store is as it was")
    func fullDisk() throws {
        let disk = try SmallDisk(in: temporary, kind: "tmpfs", megabytes: 8)
        let small = disk.path.appending("store")
        #expect(try ingest(store: small).status == 0)
        let store = try Store(opening: small)
        let before = (try store.objectFiles(), try store.refs())
        try shell("head -c 20000000 /dev/urandom >\"$1\"/big", tree.string)
        let result = try ingest(store: small)
        #expect(result.status == 4, "\(result.errorText)")
        #expect(try store.objectFiles() == before.0)
        #expect(try store.refs() == before.1)
        #expect(try store.temporaryNames() == [])
        try expectWhole(store)
        try Files.remove(tree.appending("big"))
        #expect(try ingest(store: small).status == 0)
    }

    @Test("without free inodes the command says so, and the store is as it was")
    func noInodes() throws {
        let disk = try SmallDisk(in: temporary, kind: "ext4", megabytes: 16, inodes: 1200)
        let small = disk.path.appending("store")
        let first = try ingest(store: small)
        #expect(first.status == 0, "\(first.errorText)")
        let store = try Store(opening: small)
        let before = try store.objectFiles()
        try shell("cd \"$1\"; for i in $(seq 900); do echo new-$i >new-$i; done", tree.string)
        #expect(try ingest(store: small).status == 4)
        #expect(try store.objectFiles() == before)
        try expectWhole(store)
    }
}

/// A small file system of its own, unmounted when the value's life ends.
private final class SmallDisk {
    let path: FilePath

    init(in temporary: TemporaryFolder, kind: String, megabytes: Int, inodes: Int = 0) throws {
        path = temporary.path.appending("disk")
        try Files.makeFolder(path)
        if kind == "tmpfs" {
            try succeed("/usr/bin/mount", "-t", "tmpfs", "-o", "size=\(megabytes)m", "none", path.string)
            return
        }
        let image = temporary.path.appending("disk.img").string
        try succeed("/usr/bin/truncate", "-s", "\(megabytes)M", image)
        try succeed("/usr/sbin/mkfs.ext4", "-q", "-N", "\(inodes)", image)
        try succeed("/usr/bin/mount", "-o", "loop", image, path.string)
    }

    deinit { umount2(path.string, Int32(MNT_DETACH)) }
}
