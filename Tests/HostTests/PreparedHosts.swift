import Glibc
import LinuxSystem
import SysrootFixtures
import SystemPackage
import TestSupport

/// Hosts that are made once for all tests and copied: publishing is what costs.
enum PreparedHosts {
    /// Releases 1 and 2 are published, 1 is installed.
    static let fresh = Result { try keep(HostFixture(publishing: ["1", "2"], installing: "1")) }

    /// The same with 3 published, 2 deployed and 1 as rollback.
    static let upgraded = Result {
        let host = try HostFixture(releases: ["1", "2", "3"])
        try host.change("upgrade", "--version", "2")
        return keep(host)
    }

    /// The same with 7 in another channel, with a kernel of 300 kB, and with an image of 4 that is not published.
    static let varied = Result {
        let host = try HostFixture(releases: ["1", "2", "3"])
        var other = HostFixture.image("7", channel: HostFixture.otherChannel)
        other.kernel = String(repeating: "another kernel ", count: 20_000)
        try host.publish(other)
        try host.build(HostFixture.image("4"))
        try host.change("upgrade", "--version", "2")
        return keep(host)
    }

    /// As `upgraded`, with releases that are large enough for patches, each with patches from the one before.
    static let patched = Result {
        let host = try HostFixture(publishing: [], installing: nil)
        host.patches = 1
        for version in ["1", "2", "3"] { try host.publish(HostFixture.largeImage(version)) }
        try host.install(version: "1")
        try host.change("upgrade", "--version", "2")
        return keep(host)
    }

    /// Copies a folder's contents with owners, modes, links and hard links.
    static func copy(_ folder: FilePath, to target: FilePath) throws {
        let result = try run(["/bin/cp", "-a", "\(folder)/.", target.string])
        guard result.status == 0 else { throw CommandFailed(command: "cp", errors: result.errorText) }
    }

    private static let folders = Guarded<[TestSysroot]>([])

    /// A static value's life never ends by itself: its folder goes when the process does.
    @discardableResult
    static func keep(_ host: HostFixture) -> TestSysroot {
        let isFirst = folders.with { folders in
            folders.append(host.sysroot)
            return folders.count == 1
        }
        if isFirst { atexit { PreparedHosts.remove() } }
        return host.sysroot
    }

    private static func remove() {
        for sysroot in folders.with({ $0 }) {
            do { try Files.removeTree(sysroot.folder) } catch { print("a prepared host stays: \(error)") }
        }
    }
}
