import Checksums
import Glibc
import LinuxSystem
import ObjectFormats
import ObjectStorage
import SystemPackage
import TestSupport
import Testing

@testable import HostImages

private let canBuild = geteuid() == 0 && Files.exists("/usr/bin/mmdebstrap")

@Suite("builds that fail", .enabled(if: canBuild, "needs root and mmdebstrap")) struct FailingBuildTests {
    let folder: TemporaryFolder
    let store: Store

    init() throws {
        folder = try TemporaryFolder()
        store = try Store.create(at: folder.path.appending("store"), mode: .bare)
    }

    private func build(_ settings: String) async throws {
        try folder.write("recipe/image.conf", text: "[Image]\nSuite=trixie\nChannel=test/stable\n\(settings)\n")
        let recipe = try Recipe(reading: folder.path.appending("recipe"))
        _ = try await ImageBuilder(workFolder: folder.path.appending("work")).build(recipe, into: store)
    }

    @Test("a mirror that does not answer fails with what the package tool said, and commits nothing")
    func noMirror() async throws {
        let error = await #expect(throws: ImageError.self) {
            try await build("Packages=systemd\nMirrors=file:///does/not/exist")
        }
        guard case .packagesFailed(let detail)? = error else { throw error ?? .needsRoot }
        #expect(detail.contains("/does/not/exist") || detail.contains("apt-get update"))
        #expect(try store.refs(below: "").isEmpty)
    }

    @Test("a second build in the same work folder is refused and names the first")
    func locked() async throws {
        try Files.makeFolder(folder.path.appending("work"))
        let lock = try FileLock(folder.path.appending("work/lock"), .exclusive, seconds: 0, holder: "the first build")
        let error = await #expect(throws: LockedError.self) { try await build("Packages=systemd") }
        #expect(error?.holder == "the first build")
        withExtendedLifetime(lock) {}
    }

    @Test("a SOURCE_DATE_EPOCH that is no number is refused", arguments: ["yesterday", "-1", "1.5"])
    func sourceDate(text: String) throws {
        #expect(throws: ImageError.invalidSourceDate(text)) { try BuildEnvironment.sourceDate(from: text) }
    }
}

@Suite("a real image", .enabled(if: canBuild && ProcessVariables["HOSTCTL_TESTS"] != "quick", "takes minutes"))
struct BuildTests {
    @Test("the lean host is built from packages, and is one that ostree can deploy")
    func leanHost() async throws {
        let folder = try TemporaryFolder()
        let store = try Store.create(at: folder.path.appending("store"), mode: .bare)
        let recipe = try Recipe(reading: "images/lean-host", overrides: ["Version=1", "HostctlBinaries="])
        let built = try await ImageBuilder(workFolder: folder.path.appending("work")).build(recipe, into: store)

        let report = try ImageReport(of: built.ref, in: store)
        #expect(report.commit == built.commit)
        #expect(report.packages.contains { $0.name == "systemd" })
        for path in [
            "usr/lib/modules/\(built.kernel)/vmlinuz", "usr/lib/modules/\(built.kernel)/initramfs.img",
            "usr/etc/os-release", "usr/bin/crun", "usr/sbin/nft", "usr/lib/sysimage/dpkg/status", "usr/etc/machine-id",
        ] {
            #expect(try store.file(at: path, in: built.commit) != nil, "\(path)")
        }
        for path in [
            "etc/os-release", "usr/etc/hostname", "usr/etc/ssh/ssh_host_ed25519_key",
            "usr/etc/dpkg/dpkg.cfg.d/99mmdebstrap", "var/lib/dpkg/status",
        ] {
            #expect(try store.file(at: path, in: built.commit) == nil, "\(path)")
        }
        let program = try #require(try store.file(at: "usr/bin/systemctl", in: built.commit))
        #expect(try store.fileHeader(program).header.attributes.permissions == 0o755)
        #expect(!Files.exists(folder.path.appending("work/tree")))
        try expectLean(report)
        #expect(try await again(recipe, in: folder) == built.commit)
    }

    /// What the lean host promises; its own programs come on top of the size.
    private func expectLean(_ report: ImageReport) throws {
        let figures = try #require(report.figures)
        #expect(report.packages.count < 100)
        #expect(figures.programs.count < 300)
        #expect(figures.setIDFiles == [])
        #expect(report.installedSize < 200_000_000)
        let names = Set(report.packages.map(\.name))
        #expect(names.isDisjoint(with: ["apt", "dpkg", "perl-base", "gnupg", "gpgv", "initramfs-tools", "coreutils"]))
    }

    /// The same image once more from its lock file, in another folder and with kept packages.
    private func again(_ recipe: Recipe, in folder: TemporaryFolder) async throws -> Checksum {
        let work = folder.path.appending("elsewhere/work")
        try Files.makeFolder(work)
        try retrying("move", work.string) {
            rename(folder.path.appending("work/packages").string, work.appending("packages").string)
        }
        let store = try Store.create(at: folder.path.appending("elsewhere/store"), mode: .bare)
        let inputs = BuildInputs(lockFile: folder.path.appending("work/image.lock"), isLocked: true)
        return try await ImageBuilder(workFolder: work).build(recipe, inputs, into: store).commit
    }
}
