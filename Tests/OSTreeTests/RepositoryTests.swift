import LinuxSystem
import OSTree
import ObjectFormats
import ObjectStorage
import SysrootFixtures
import SystemPackage
import TestSupport
import Testing

@Suite struct RepositoryTests {
    private let folder: TemporaryFolder
    private let path: FilePath

    init() throws {
        folder = try TemporaryFolder()
        path = folder.path.appending("repo")
    }

    private func objectCount() throws -> Int {
        try Files.names(in: path.appending("objects")).reduce(0) { count, name in
            count + (try Files.names(in: path.appending("objects/\(name)")).count)
        }
    }

    @Test("a repository is made, opened, and made again without harm", arguments: [Repository.Mode.bare, .archive])
    func create(_ mode: Repository.Mode) throws {
        _ = try Repository.create(at: path, mode: mode)
        _ = try Repository.create(at: path, mode: mode)
        _ = try Repository(opening: path)
        #expect(try Store(opening: path).mode == (mode == .bare ? .bare : .archive))
    }

    @Test("a folder that is no repository is refused with the path in the sentence")
    func notARepository() throws {
        let error = #expect(throws: OSTreeError.self) { try Repository(opening: folder.path) }
        #expect(error?.reason.hasPrefix("cannot open the repository \(folder.path): ") == true)
    }

    @Test("a prune removes what no ref reaches and keeps the rest")
    func prune() throws {
        let repository = try Repository.create(at: path, mode: .bare)
        let store = try Store(opening: path)
        let kept = try TestImage("1").commit(to: store, ref: "kept")
        let dropped = try TestImage("2").commit(to: store, ref: "dropped")
        #expect(try repository.prune().removed == 0)
        let before = try objectCount()
        try store.setRef("dropped", to: nil)
        let result = try repository.prune()
        #expect(result.removed > 0)
        #expect(try objectCount() == before - result.removed)
        #expect(!store.contains(.init(dropped, .commit)))
        #expect(store.contains(.init(kept, .commit)))
        #expect(try run(["/usr/bin/ostree", "fsck", "--quiet", "--repo=\(path)"]).status == 0)
    }

    @Test("a configuration value is written once, and stock tools read it")
    func configure() throws {
        let repository = try Repository.create(at: path, mode: .bare)
        try repository.configure(group: "sysroot", key: "bootloader", value: "none")
        try repository.configure(group: "sysroot", key: "bootloader", value: "none")
        let result = try run(["/usr/bin/ostree", "config", "--repo=\(path)", "get", "sysroot.bootloader"])
        #expect(result.text == "none\n")
    }

    @Test("the summary lists the refs for stock clients")
    func summary() throws {
        let repository = try Repository.create(at: path, mode: .bare)
        _ = try TestImage("1").commit(to: Store(opening: path))
        try repository.regenerateSummary()
        let result = try run(["/usr/bin/ostree", "summary", "--repo=\(path)", "--view"])
        #expect(result.text.contains(TestImage.ref))
    }

    @Test("the store's own lock and libostree's exclude each other")
    func locksExclude() throws {
        let repository = try Repository.create(at: path, mode: .bare)
        let store = try Store(opening: path)
        try repository.withLock(.exclusive) {
            #expect(throws: LockedError.self) { _ = try store.lock(.shared, seconds: 0) }
        }
        _ = try store.lock(.exclusive, seconds: 0)
    }

    @Test("an error thrown under the lock gives the lock back")
    func lockIsGivenBack() throws {
        struct Unlucky: Error {}
        let repository = try Repository.create(at: path, mode: .bare)
        #expect(throws: Unlucky.self) { try repository.withLock(.exclusive) { () throws -> Void in throw Unlucky() } }
        _ = try Store(opening: path).lock(.exclusive, seconds: 0)
    }

    @Test("libostree is called from many threads at once")
    func manyThreads() throws {
        _ = try Repository.create(at: path, mode: .bare)
        let path = path
        try Workers.run(8) { _, _ in
            for _ in 0..<50 { _ = try Repository(opening: path) }
        }
    }
}
