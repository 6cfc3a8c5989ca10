import Deployments
import Glibc
import LinuxSystem
import OSTree
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing

@Suite struct LockTests {
    private let host: DeploymentFixture
    private var trial: String { BuiltProducts.folder.appending("deployment-trial").string }

    init() throws {
        host = try DeploymentFixture()
        try host.deploy("1")
    }

    @Test("a second process is told who holds the lock, and gives up with the locked error")
    func second() throws {
        let first = try host.change("hostctl upgrade")
        let told = Guarded<[String?]>([])
        let notices = Notices(waiting: { holder in told.with { $0.append(holder) } })
        let error = #expect(throws: LockedError.self) {
            _ = try SysrootChange(root: host.root, command: "hostctl rollback", wait: 0.2, notices: notices)
        }
        #expect(told.with { $0 } == ["hostctl upgrade (pid \(getpid()))"])
        #expect(error?.holder == "hostctl upgrade (pid \(getpid()))")
        #expect(error?.category == .locked)
        withExtendedLifetime(first) {}
    }

    @Test("without waiting the second fails at once")
    func noWait() throws {
        let first = try host.change()
        let start = ContinuousClock.now
        #expect(throws: LockedError.self) { _ = try host.change() }
        #expect(ContinuousClock.now - start < .seconds(1))
        withExtendedLifetime(first) {}
    }

    @Test("the lock is given back when the change ends, also by an error")
    func givenBack() throws {
        do { #expect(throws: DeploymentError.noRollback) { try host.change().rollback() } }
        _ = try host.change()
    }

    @Test(
        "while another process changes the sysroot, nobody writes a status file that may be outdated when it is there")
    func statusUnderLock() throws {
        let status = host.paths.state.appending("status")
        try Files.replace(status, with: [])
        let other = try host.change("hostctl upgrade")
        var isPrepared = false
        try SysrootChange.refreshStatus(host.paths, command: "hostctl cleanup") { isPrepared = true }
        #expect(!isPrepared)
        #expect(try Files.read(status, limit: 1 << 20) == [])
        withExtendedLifetime(other) {}
    }

    @Test("once nobody else has the lock, the status file is written anew") func statusAfterwards() throws {
        let status = host.paths.state.appending("status")
        try Files.replace(status, with: [])
        try SysrootChange.refreshStatus(host.paths, command: "hostctl cleanup")
        #expect(try !Files.read(status, limit: 1 << 20).isEmpty)
    }

    @Test("of two installations into one folder the second makes nothing")
    func secondInstallation() throws {
        let other = try TestSysroot()
        try Files.makeFolder(other.paths.state)
        let lock = try FileLock(other.paths.lock, .exclusive, seconds: 0, holder: "hostctl install sysroot")
        #expect(throws: LockedError.self) { try SysrootChange.initialize(root: other.root, stateroot: "host") }
        #expect(try Files.names(in: other.root.appending("ostree")) == ["hostctl"])
        withExtendedLifetime(lock) {}
    }

    @Test("a stock ostree command keeps us out, and is named")
    func stockCommand() throws {
        let library = Sysroot(at: host.root)
        try #require(try library.tryLock())
        defer { library.unlock() }
        let error = #expect(throws: LockedError.self) { _ = try host.change() }
        #expect(error?.holder == "an ostree command")
    }

    @Test("we keep stock ostree commands out")
    func keepsStockOut() throws {
        let change = try host.change()
        let command = ["/usr/bin/ostree", "admin", "cleanup", "--sysroot=\(host.root)"]
        #expect(try run(command, timeout: 1).end == .timedOut)
        withExtendedLifetime(change) {}
    }

    @Test("a process that dies leaves no lock behind")
    func deadHolder() throws {
        let holder = try ChildProcess([trial, host.root.string, "hold"])
        _ = try holder.wait()
        _ = try host.change()
    }
}
