import LinuxSystem
import SystemPackage
import TestSupport

/// Releases of a test's own, after those that all tests share. Its files are the shared ones under further names, which
/// costs nothing, as no file of an origin or a store is ever changed in place.
final class OwnReleases {
    let fixture: BootFixture

    init() throws {
        let shared = try BootFixture.shared.get()
        let folder = try Machine.needText(
            run(["/bin/mktemp", "-d", shared.folder.appending("own.XXXXXX").string]))
        fixture = BootFixture(folder: FilePath(folder.filter { !$0.isWhitespace }))
        let shares = ["origin", "builds", "key", "key.pub"].map { shared.folder.appending($0).string }
        try Machine.need(run(["/bin/cp", "-al"] + shares + [fixture.folder.string]))
    }

    deinit {
        // Nothing is asked of it any more, and what stays only takes room.
        try? Files.removeTree(fixture.folder)
    }

    /// A machine that follows these releases, with release 1 on it.
    func machine(_ loader: String = "systemd-boot", firmware: Machine.Firmware = .uefi) throws -> Machine {
        let machine = try Machine(BootFixture.shared.get().disk(loader), firmware: firmware, origin: fixture.origin)
        machine.keeping = self
        return machine
    }
}

extension Machine {
    static func needText(_ result: ProcessResult) throws -> String {
        try need(result)
        return result.text
    }

    static func needBytes(_ result: ProcessResult) throws -> [UInt8] {
        try need(result)
        return result.output
    }

    /// What the release says of itself.
    func release() throws -> String {
        try run("cat /usr/share/boot-tests/release 2>/dev/null || echo 1").filter { !$0.isWhitespace }
    }

    /// Restarts into a deployment that does not come up, `times` times: it ends by itself each time.
    ///
    /// - Parameter hangs: what its console says when it will not end by itself; the power is cut then.
    func restartInVain(times: Int, hangs: String? = nil) throws {
        try shutDown()
        for _ in 0..<times {
            try start()
            guard let hangs else {
                try waitForEnd()
                continue
            }
            try waitForConsole(hangs)
            stop()
        }
    }
}
