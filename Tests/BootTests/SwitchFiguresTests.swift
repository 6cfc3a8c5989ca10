import Glibc
import LinuxSystem
import PowerCuts
import SystemPackage
import TestSupport
import Testing

/// What a switch takes on the machine that runs the tests: the lean host's disk, its kernels and its /etc, all of it in
/// memory and nothing emulated.
@Suite("figures of switches", .enabled(if: BootFixture.isPossible, "needs root, QEMU and a release build"), .serialized)
struct SwitchFiguresTests {
    /// How much longer it may take while other tests keep the processors busy; `Tests/BootTests/figures` runs it alone.
    private static let allowance: Double = ProcessVariables["HOSTCTL_FIGURES"] == nil ? 5 : 1

    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder(inMemory: true, room: 2 << 30) }

    @Test("a finalization takes at most 2 s, a rollback at most 200 ms")
    func limits() throws {
        let fixture = try BootFixture.shared.get()
        var finalizations: [Double] = []
        var rollbacks: [Double] = []
        for round in 1...3 {
            let disk = folder.path.appending("disk-\(round)")
            defer { unlink(disk.string) }
            try Machine.need(
                run(
                    ["/usr/bin/qemu-img", "convert", "-O", "raw", fixture.disk("systemd-boot").string, disk.string],
                    timeout: 300))
            let host = try MountedHost(HostDisk(reading: disk), disk, in: folder.path.appending("host-\(round)"))
            _ = try seconds(["upgrade", "--version", "2", "--from", fixture.origin.string], on: host)
            finalizations.append(try seconds(["finalize"], on: host))
            let entries = try Files.names(in: host.root.appending("boot/efi/loader/entries"))
            #expect(entries.contains("host-000002+3.conf"), "\(entries)")
            // There and back.
            for _ in 1...2 { rollbacks.append(try seconds(["rollback"], on: host)) }
        }
        expect(finalizations, of: "finalization", atMost: 2)
        expect(rollbacks, of: "rollback", atMost: 0.2)
    }

    /// Runs hostctl, and waits for its end.
    private func seconds(_ arguments: [String], on host: MountedHost) throws -> Double {
        let start = ContinuousClock.now
        try Machine.need(run([BootFixture.program] + arguments + ["--sysroot", host.root.string], timeout: 300))
        return (ContinuousClock.now - start) / .seconds(1)
    }

    /// The least is what it takes: whatever else the machine does only adds to it.
    private func expect(_ seconds: [Double], of name: String, atMost limit: Double) {
        let least = seconds.min() ?? .infinity
        print("figure: \(name), \(least) s, \(least / limit) of what it may take; all: \(seconds)")
        #expect(least <= limit * Self.allowance, "\(name): \(seconds)")
    }
}
