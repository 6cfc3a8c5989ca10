import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

@Suite struct FileLockTests {
    private let folder: TemporaryFolder
    private var path: FilePath { folder.path.appending("lock") }

    init() throws { folder = try TemporaryFolder() }

    /// A process that holds the lock until the value's life ends.
    private func hold(_ kind: String, as holder: String = "") throws -> ChildProcess {
        let process = try ChildProcess([Trial.path, "lock", path.string, kind, holder])
        let ready = FilePath("\(path).ready")
        #expect(waitUntil { Files.exists(ready) })
        try Files.remove(ready)
        return process
    }

    private func isFree(for kind: FileLock.Kind) throws -> Bool {
        do { _ = try FileLock(path, kind, seconds: 0) } catch is LockedError { return false }
        return true
    }

    @Test("an exclusive lock of another process keeps out both kinds, and its holder is named")
    func exclusive() throws {
        let holder = try hold("exclusive", as: "hostctl upgrade (pid 1)")
        for kind in [FileLock.Kind.exclusive, .shared] {
            let error = #expect(throws: LockedError.self) { _ = try FileLock(path, kind, seconds: 0) }
            #expect(error == LockedError(path: path.string, holder: "hostctl upgrade (pid 1)"))
        }
        #expect(holder.isRunning)
    }

    @Test("a shared lock of another process keeps out exclusive ones alone")
    func shared() throws {
        let holder = try hold("shared")
        #expect(try isFree(for: .shared))
        #expect(try !isFree(for: .exclusive))
        #expect(holder.isRunning)
    }

    @Test("two locks of one process exclude each other as those of two do")
    func oneProcess() throws {
        do {
            let first = try FileLock(path, .exclusive, seconds: 0)
            #expect(try !isFree(for: .shared))
            withExtendedLifetime(first) {}
        }
        #expect(try isFree(for: .exclusive))
    }

    @Test("a killed holder leaves the lock free")
    func killed() throws {
        let holder = try hold("exclusive", as: "killed")
        holder.signal(SIGKILL)
        _ = try holder.wait()
        #expect(try isFree(for: .exclusive))
    }

    @Test("a holder that was killed is not named in place of the one that shares the lock now")
    func staleName() throws {
        let killed = try hold("exclusive", as: "killed")
        killed.signal(SIGKILL)
        _ = try killed.wait()
        let holder = try hold("shared")
        let error = #expect(throws: LockedError.self) { _ = try FileLock(path, .exclusive, seconds: 0) }
        #expect(error?.holder == nil)
        #expect(holder.isRunning)
    }

    @Test("a name is gone when the lock is given back, and a shorter one leaves nothing of a longer")
    func names() throws {
        do {
            let lock = try FileLock(path, .exclusive, seconds: 0, holder: "a very long name of a holder")
            #expect(try folder.read("lock") == Array("a very long name of a holder\n".utf8))
            withExtendedLifetime(lock) {}
        }
        #expect(try folder.read("lock") == [])
        try folder.write("lock", text: "left by a killed holder")
        let lock = try FileLock(path, .exclusive, seconds: 0, holder: "short")
        #expect(try folder.read("lock") == Array("short\n".utf8))
        withExtendedLifetime(lock) {}
    }

    @Test("waiting ends when the time given is over, and the holder is announced once")
    func waits() throws {
        let holder = try hold("exclusive", as: "someone")
        var announced: [String?] = []
        let start = ContinuousClock.now
        #expect(throws: LockedError.self) {
            _ = try FileLock(path, .exclusive, seconds: 0.3) { announced.append($0) }
        }
        let waited = ContinuousClock.now - start
        #expect(waited >= .seconds(0.3) && waited < .seconds(5))
        #expect(announced == ["someone"])
        #expect(holder.isRunning)
    }

    @Test("a lock that becomes free during the wait is taken")
    func becomesFree() throws {
        let holder = try hold("exclusive")
        let lock = try FileLock(path, .exclusive, seconds: 30) { _ in holder.signal(SIGKILL) }
        #expect(try !isFree(for: .shared))
        withExtendedLifetime(lock) {}
    }

    @Test("a free lock is taken at once whatever the time to wait, and no number means no wait")
    func oddTimes() throws {
        for seconds in [0, -1, .infinity, .nan, 1e300] { _ = try FileLock(path, .exclusive, seconds: seconds) }
        let lock = try FileLock(path, .exclusive, seconds: 0)
        for seconds in [-1, Double.nan] {
            #expect(throws: LockedError.self) { _ = try FileLock(path, .exclusive, seconds: seconds) }
        }
        withExtendedLifetime(lock) {}
    }

    @Test("a child process that outlives the holder does not keep the lock")
    func children() throws {
        let child: ChildProcess
        do {
            let lock = try FileLock(path, .exclusive, seconds: 0)
            child = try ChildProcess(["/bin/sleep", "60"])
            withExtendedLifetime(lock) {}
        }
        #expect(try isFree(for: .exclusive))
        #expect(child.isRunning)
    }

    @Test("a link in the lock's place is refused")
    func link() throws {
        try Files.replaceLink(path, target: "elsewhere")
        #expect(throws: SystemError.self) { _ = try FileLock(path, .exclusive, seconds: 0) }
        #expect(try Files.names(in: folder.path) == ["lock"])
    }

    @Test("a full disk is no reason not to lock")
    func fullDisk() throws {
        let line = """
            mount -t tmpfs -o size=16k tmpfs $1; : > $1/lock; cat /dev/zero > $1/filler 2>/dev/null || :
            $0 lock $1/lock exclusive someone & sleep 0.5; kill $! && echo held
            """
        #expect(try Trial.shell(line, folder.path.string).text == "held\n")
    }

    @Test("the error says what to do, and has its own exit code")
    func explained() {
        let error = LockedError(path: "/lock", holder: nil)
        #expect(error.reason == "/lock is locked by another process")
        #expect(error.advice?.contains("--wait") == true)
        #expect(error.category == .locked)
    }
}
