import Checksums
import Glibc
import LinuxSystem
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

/// Several commands at once.
@Suite struct LockTests {
    /// A server of the host's origin, at which one file does not arrive until the test says so.
    private final class Delayed {
        private let server: ScriptedServer
        private let isAsked = StopFlag()
        private let isReleased = StopFlag()

        init(_ host: HostFixture, _ path: String) throws {
            server = try ScriptedServer(serving: host.origin)
            try SysrootState(origin: server.url, channel: HostFixture.channel, architecture: "x86_64")
                .save(host.sysroot.paths)
            let (isAsked, isReleased) = (isAsked, isReleased)
            server.set(
                .after {
                    isAsked.set()
                    _ = waitUntil(timeout: 30) { isReleased.isSet }
                }, for: path)
        }

        /// Waits until somebody asks for the file.
        func waitForReader() throws { try #require(waitUntil(timeout: 20) { isAsked.isSet }) }

        /// Lets the file arrive; whoever comes later has it at once.
        func release() { isReleased.set() }
    }

    private func delayedCommit(_ host: HostFixture, _ version: String) throws -> Delayed {
        let commit = try host.commit(version)
        return try Delayed(host, "store/objects/\(commit.prefix(2))/\(commit.dropFirst(2)).commit")
    }

    private func start(_ host: HostFixture, _ arguments: String...) throws -> ChildProcess {
        try ChildProcess([BuiltProducts.hostctl] + arguments + ["--sysroot", host.root.string])
    }

    @Test("a second upgrade names the first and ends with 6 when its time to wait is over")
    func twoUpgrades() throws {
        let host = try HostFixture()
        let delayed = try delayedCommit(host, "2")
        let first = try start(host, "upgrade")
        defer { withExtendedLifetime(delayed) {} }
        try delayed.waitForReader()
        let begin = ContinuousClock.now
        expect(try host.onSysroot("upgrade", "--wait", "0"), 6, "hostctl upgrade (pid \(first.id))")
        #expect(ContinuousClock.now - begin < .seconds(5))
        let patient = try host.onSysroot("upgrade", "--wait", "0.5")
        expect(patient, 6, "waiting for hostctl upgrade (pid \(first.id))")
        #expect(patient.errorText.contains("is locked by hostctl upgrade (pid \(first.id))"))
        delayed.release()
        #expect(try first.wait().status == 0)
        try host.expectAgreement(["2", "1"])
        #expect(try !host.status().has("last-failure"))
    }

    @Test("a second upgrade that waits long enough finds the work done")
    func patientUpgrade() throws {
        let host = try HostFixture()
        let delayed = try delayedCommit(host, "2")
        let first = try start(host, "upgrade")
        defer { withExtendedLifetime(delayed) {} }
        try delayed.waitForReader()
        let second = try start(host, "upgrade", "--wait", "60", "--json")
        usleep(300_000)
        #expect(second.isRunning)
        delayed.release()
        #expect(try first.wait().status == 0)
        let result = try second.wait()
        expect(result, 0)
        #expect(try result.json.string("result") == "unchanged")
        try host.expectAgreement(["2", "1"])
    }

    @Test("a rollback goes ahead during a download, and the upgrade then does not deploy")
    func rollbackDuringDownload() throws {
        let host = try HostFixture(releases: ["1", "2", "3"])
        try host.change("upgrade", "--version", "2")
        let delayed = try delayedCommit(host, "3")
        let upgrade = try start(host, "upgrade")
        defer { withExtendedLifetime(delayed) {} }
        try delayed.waitForReader()
        try host.change("rollback")
        try host.expectAgreement(["1", "2"])
        delayed.release()
        expect(try upgrade.wait(), 1, "another command has changed the deployments")
        try host.expectAgreement(["1", "2"])
        #expect(try host.changeJSON("upgrade").fields("fetched").integer("objects") == 0)
        try host.expectAgreement(["3", "1"])
    }

    @Test("a pin during a download is kept by the upgrade")
    func pinDuringDownload() throws {
        let host = try HostFixture(releases: ["1", "2", "3"])
        try host.change("upgrade", "--version", "2")
        let delayed = try delayedCommit(host, "3")
        let upgrade = try start(host, "upgrade")
        defer { withExtendedLifetime(delayed) {} }
        try delayed.waitForReader()
        try host.change("pin", "1")
        delayed.release()
        #expect(try upgrade.wait().status == 0)
        try host.expectAgreement(["3", "2", "1*"])
    }

    @Test("status works during an upgrade and during a change")
    func statusMeanwhile() throws {
        let host = try HostFixture.prepared()
        let lock = try FileLock(host.sysroot.paths.lock, .exclusive, seconds: 0, holder: "hostctl test (pid 1)")
        let library = try FileLock(host.root.appending("ostree/lock"), .exclusive, seconds: 0)
        #expect(try host.versions() == ["2", "1"])
        _ = consume lock
        _ = consume library
    }

    @Test(
        "a change that another process is making is waited for, by name",
        arguments: ["rollback", "pin", "unpin", "upgrade"])
    func change(_ verb: String) throws {
        let host = try HostFixture.prepared()
        let lock = try FileLock(host.sysroot.paths.lock, .exclusive, seconds: 0, holder: "hostctl test (pid 1)")
        let arguments = verb.hasSuffix("pin") ? [verb, "0"] : [verb]
        expect(try host.hostctl(arguments + ["--sysroot", host.root.string, "--wait", "0"]), 6, "hostctl test (pid 1)")
        try host.expectAgreement(["2", "1"])
        let patient = try ChildProcess(
            [BuiltProducts.hostctl] + arguments + ["--sysroot", host.root.string, "--wait", "60"])
        usleep(300_000)
        #expect(patient.isRunning)
        _ = consume lock
        #expect(try patient.wait().status == 0)
        try host.expectAgreement()
    }

    @Test("a turn as short as those of a booting host is waited for without being asked")
    func shortTurn() throws {
        let host = try HostFixture.prepared()
        let lock = try FileLock(host.sysroot.paths.lock, .exclusive, seconds: 0, holder: "hostctl boot record (pid 1)")
        let rollback = try start(host, "rollback")
        usleep(300_000)
        #expect(rollback.isRunning)
        _ = consume lock
        expect(try rollback.wait(), 0, "waiting for hostctl boot record (pid 1)")
        try host.expectAgreement(["1", "2"])
    }

    @Test("a stock tool that is changing the sysroot is waited for", arguments: ["rollback", "upgrade"])
    func stockTool(_ verb: String) throws {
        let host = try HostFixture.prepared()
        let lock = try FileLock(host.root.appending("ostree/lock"), .exclusive, seconds: 0)
        expect(try host.onSysroot(verb, "--wait", "0"), 6, "an ostree command")
        let patient = try start(host, verb, "--wait", "60")
        usleep(300_000)
        #expect(patient.isRunning)
        _ = consume lock
        #expect(try patient.wait().status == 0)
        try host.expectAgreement(verb == "upgrade" ? ["3", "2"] : ["1", "2"])
    }

    @Test("while hostctl holds the sysroot, a stock tool waits")
    func stockToolWaits() throws {
        let host = try HostFixture.prepared()
        let lock = try FileLock(host.root.appending("ostree/lock"), .exclusive, seconds: 0)
        let stock = try ChildProcess(
            ["/usr/bin/ostree", "admin", "pin", "--sysroot=\(host.root)", "0"])
        usleep(300_000)
        #expect(stock.isRunning)
        _ = consume lock
        #expect(try stock.wait().status == 0)
        try host.expectAgreement(["2*", "1"])
    }

    @Test("a second publisher names the first, waits, and both releases are published")
    func twoPublishers() throws {
        let host = try HostFixture(releases: ["1"], installed: nil)
        try host.build(HostFixture.image("2"))
        let lock = try FileLock(
            host.origin.appending(".lock"), .exclusive, seconds: 0, holder: "hostctl release publish (pid 1)")
        expect(try host.hostctl(host.publication() + ["--wait", "0"]), 6, "hostctl release publish (pid 1)")
        let patient = try ChildProcess([BuiltProducts.hostctl] + host.publication() + ["--wait", "60"])
        #expect(waitUntil(timeout: 20) { (try? patient.errorsSoFar().contains("waiting for")) == true })
        #expect(patient.isRunning)
        _ = consume lock
        expect(try patient.wait(), 0, "waiting for hostctl release publish (pid 1)")
        #expect(try host.commit("2").count == 64)
    }

    @Test("two publications at once, the one waiting for the other: both are there")
    func publishersTogether() throws {
        let host = try HostFixture(releases: ["1"], installed: nil)
        // Made at the same time, so that either may come first.
        let commits = try ["2.1", "2.2"].map { version in
            try HostFixture.image(version).commit(to: host.builds, ref: HostFixture.ref).hex
        }
        let publishers = try commits.map {
            try ChildProcess([BuiltProducts.hostctl] + host.publication($0) + ["--wait", "60"])
        }
        for publisher in publishers { #expect(try publisher.wait().status == 0) }
        for version in ["1", "2.1", "2.2"] { #expect(try host.commit(version).count == 64) }
        try host.sysroot.ostree("fsck", "--quiet", "--repo=\(host.origin)/store")
    }

    @Test("a lock of a process that was killed holds nobody up")
    func killedHolder() throws {
        let host = try HostFixture()
        let delayed = try delayedCommit(host, "2")
        let first = try start(host, "upgrade")
        defer { withExtendedLifetime(delayed) {} }
        try delayed.waitForReader()
        first.signal(SIGKILL)
        _ = try first.wait()
        delayed.release()
        try host.change("upgrade")
        try host.expectAgreement(["2", "1"])
    }
}
