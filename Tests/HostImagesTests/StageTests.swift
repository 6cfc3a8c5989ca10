import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

@testable import HostImages

/// A recipe and a tree for the stages that work on disk.
private struct Stages {
    let folder: TemporaryFolder
    var recipeFolder: FilePath { folder.path.appending("recipe") }
    var tree: FilePath { folder.path.appending("tree") }

    init() throws {
        folder = try TemporaryFolder()
        try folder.write(
            "recipe/image.conf", text: "[Image]\nSuite=trixie\nChannel=test/stable\nVersion=7\nPackages=systemd")
        try Files.makeFolder(folder.path.appending("tree/etc"))
    }

    func hook(_ name: String, _ script: String, mode: mode_t = 0o755) throws {
        try folder.write("recipe/hooks/\(name)", text: "#!/bin/sh\n\(script)\n", mode: mode)
    }

    func runHooks() async throws {
        let stage = HookStage(
            recipe: try Recipe(reading: recipeFolder), folder: recipeFolder, tree: tree,
            environment: BuildEnvironment(sourceDate: 5))
        try await stage.run(log: try ToolLog(folder.path.appending("build.log")))
    }

    func overlay() throws { try OverlayStage(source: recipeFolder.appending("rootfs"), tree: tree).run() }

    func text(_ name: String) throws -> String { String(decoding: try folder.read(name), as: UTF8.self) }

    func mode(_ name: String) throws -> mode_t {
        var status = stat()
        try retrying("examine", name) { lstat(tree.appending(name).string, &status) }
        return status.st_mode & 0o7777
    }
}

@Suite("hooks") struct HookTests {
    private let stages: Stages
    init() throws { stages = try Stages() }

    @Test("hooks run in the byte order of their names, with the tree as argument")
    func order() async throws {
        for name in ["20-b", "10-a", "9-c", "Z"] { try stages.hook(name, "echo \(name) >> \"$1/order\"") }
        try await stages.runHooks()
        #expect(try stages.text("tree/order") == "10-a\n20-b\n9-c\nZ\n")
    }

    @Test("a hook sees the recipe's values and nothing of the operator's environment")
    func environment() async throws {
        setenv("HOSTCTL_TEST_LEAK", "1", 1)
        try stages.hook("10", "env | sort > \"$1/env\"; pwd > \"$1/pwd\"")
        try await stages.runHooks()
        let lines = try stages.text("tree/env").split(separator: "\n")
        for line in [
            "HOSTCTL_SUITE=trixie", "HOSTCTL_CHANNEL=test/stable", "HOSTCTL_VERSION=7", "SOURCE_DATE_EPOCH=5",
            "HOSTCTL_TREE=\(stages.tree)", "LC_ALL=C.UTF-8",
        ] {
            #expect(lines.contains(Substring(line)))
        }
        #expect(!lines.contains { $0.hasPrefix("HOSTCTL_TEST_LEAK") })
        #expect(try stages.text("tree/pwd") == "\(stages.recipeFolder)\n")
    }

    @Test("a failing hook is named with its status and what it printed last, and later ones do not run")
    func failing() async throws {
        try stages.hook("10-bad", "echo out; echo the disk is on fire >&2; exit 3")
        try stages.hook("20-good", "touch \"$1/ran\"")
        let error = await #expect(throws: ImageError.self) { try await stages.runHooks() }
        guard case .hookFailed("10-bad", let detail)? = error else { throw Wrong(error) }
        #expect(detail.hasPrefix("status 3\n  out\n  the disk is on fire\n"))
        #expect(detail.contains("build.log"))
        #expect(!Files.exists(stages.tree.appending("ran")))
    }

    @Test("of a talkative hook only the last lines are shown, all is in the log")
    func talkative() async throws {
        try stages.hook("10", "for i in $(seq 3000); do echo line $i; done; exit 1")
        let error = await #expect(throws: ImageError.self) { try await stages.runHooks() }
        guard case .hookFailed(_, let detail)? = error else { throw Wrong(error) }
        #expect(detail.split(separator: "\n").count == 14)
        #expect(detail.contains("line 3000") && !detail.contains("line 2000"))
        #expect(try stages.text("build.log").contains("line 2000\n"))
    }

    @Test("a hook that a signal ends has failed")
    func killed() async throws {
        try stages.hook("10", "kill -9 $$")
        let error = await #expect(throws: ImageError.self) { try await stages.runHooks() }
        guard case .hookFailed(_, let detail)? = error else { throw Wrong(error) }
        #expect(detail.hasPrefix("signal 9"))
    }

    @Test("a hook without the executable bit is a mistake, not skipped")
    func notExecutable() async throws {
        try stages.hook("10", "true", mode: 0o644)
        await #expect(throws: ImageError.hookNotExecutable(name: "10")) { try await stages.runHooks() }
    }

    @Test("an editor's backup is no hook")
    func backup() async throws {
        try stages.hook("10~", "exit 1")
        try stages.hook(".10.swp", "exit 1")
        try await stages.runHooks()
    }

    @Test("a hook whose interpreter is missing has failed")
    func noInterpreter() async throws {
        try stages.folder.write("recipe/hooks/10", text: "#!/does/not/exist\n", mode: 0o755)
        let error = await #expect(throws: ImageError.self) { try await stages.runHooks() }
        #expect(error == .hookFailed(name: "10", detail: "the program that its first line names does not exist"))
    }

    @Test(
        "a .chroot hook runs inside the tree, with /proc and /dev, and leaves nothing there",
        .enabled(if: geteuid() == 0, "needs root"))
    func chroot() async throws {
        try installShell(into: stages.tree)
        try stages.hook(
            "10.chroot",
            "set -eu; test -e /proc/self/status; echo x > /dev/null; echo \"$HOSTCTL_SUITE\" > /inside; echo left > /run/left; echo left > /dev/left"
        )
        try await stages.runHooks()
        #expect(try stages.text("tree/inside") == "trixie\n")
        #expect(try Files.names(in: stages.tree.appending("run")).isEmpty)
        #expect(try Files.names(in: stages.tree.appending("dev")).isEmpty)
    }

    @Test("a failing .chroot hook is named", .enabled(if: geteuid() == 0, "needs root"))
    func failingChroot() async throws {
        try installShell(into: stages.tree)
        try stages.hook("10.chroot", "echo inside; exit 4")
        let error = await #expect(throws: ImageError.self) { try await stages.runHooks() }
        guard case .hookFailed("10.chroot", let detail)? = error else { throw Wrong(error) }
        #expect(detail.hasPrefix("status 4\n  inside"))
    }
}

@Suite("hostctl in an image") struct HostctlStageTests {
    private let stages: Stages
    init() throws { stages = try Stages() }

    private func copy() async throws {
        let program = try Files.read(FilePath("/usr/bin/true"), limit: 1 << 24)
        for name in HostctlStage.programs { try stages.folder.write("binaries/\(name)", program, mode: 0o755) }
        try stages.folder.write("units/test.timer", text: "[Timer]\n")
        let recipe = try Recipe(
            reading: stages.recipeFolder,
            overrides: ["HostctlBinaries=\(stages.folder.path)/binaries", "HostctlUnits=\(stages.folder.path)/units"])
        let stage = HostctlStage(
            recipe: recipe, tree: stages.tree, environment: BuildEnvironment(sourceDate: 5))
        try await stage.run(log: try ToolLog(stages.folder.path.appending("build.log")))
    }

    @Test("programs and units are there, with their modes, and nothing is left beside the tree")
    func plain() async throws {
        try await copy()
        for name in HostctlStage.programs { #expect(try stages.mode("usr/bin/\(name)") == 0o755) }
        #expect(try stages.mode("usr/lib/systemd/system/test.timer") == 0o644)
        #expect(!Files.exists(stages.folder.path.appending("hostctl-files")))
    }

    @Test("a link in the tree does not lead the programs out of it", arguments: ["usr/bin", "usr/bin/hostctl"])
    func links(place: String) async throws {
        let outside = stages.folder.path.appending("outside")
        let isFolder = place == "usr/bin"
        if isFolder { try Files.makeFolder(outside) } else { try stages.folder.write("outside", text: "mine") }
        let link = stages.tree.appending(place)
        try Files.makeFolder(link.removingLastComponent())
        try Files.makeLink(link, target: outside.string)
        if isFolder {
            await #expect(throws: ImageError.self) { try await copy() }
            #expect(try Files.names(in: outside).isEmpty)
        } else {
            try await copy()
            #expect(try stages.text("outside") == "mine")
            #expect(try stages.mode(place) == 0o755)
        }
    }
}

@Suite("tools") struct ToolTests {
    @Test("a tool that is not installed is named, with what to install")
    func missing() async throws {
        let folder = try TemporaryFolder()
        let log = try ToolLog(folder.path.appending("log"))
        do {
            _ = try await log.run(["/does/not/exist/mmdebstrap"], environment: [:])
            Issue.record("nothing was thrown")
        } catch let error as ImageError {
            #expect(error == .missingTool("mmdebstrap"))
            #expect(error.advice == "apt install mmdebstrap")
        }
    }
}

@Suite("the recipe's files") struct OverlayTests {
    private let stages: Stages
    init() throws { stages = try Stages() }

    @Test("files belong to root with one of two modes, whatever the checkout's umask was")
    func modes() throws {
        try stages.folder.write("recipe/rootfs/etc/a", text: "a", mode: 0o600)
        try stages.folder.write("recipe/rootfs/usr/bin/b", text: "b", mode: 0o700)
        try stages.overlay()
        #expect(try stages.mode("etc/a") == 0o644)
        #expect(try stages.mode("usr/bin/b") == 0o755)
        #expect(try stages.mode("usr/bin") == 0o755)
    }

    @Test("a file replaces one of a package, an existing folder keeps its mode")
    func replaces() throws {
        try stages.folder.write("tree/etc/a", text: "package's, and longer", mode: 0o600)
        chmod(stages.tree.appending("etc").string, 0o711)
        try stages.folder.write("recipe/rootfs/etc/a", text: "mine")
        try stages.overlay()
        #expect(try stages.text("tree/etc/a") == "mine")
        #expect(try stages.mode("etc") == 0o711)
    }

    @Test("a file that replaces a link does not write through it")
    func linkTarget() throws {
        try stages.folder.write("outside", text: "untouched")
        symlink("\(stages.folder.path)/outside", stages.tree.appending("etc/resolv.conf").string)
        try stages.folder.write("recipe/rootfs/etc/resolv.conf", text: "nameserver 192.0.2.1")
        try stages.overlay()
        #expect(try stages.text("outside") == "untouched")
        #expect(try stages.text("tree/etc/resolv.conf") == "nameserver 192.0.2.1")
    }

    @Test("a folder where the tree has a link is refused, for the link could lead out of the tree")
    func folderOverLink() throws {
        symlink("/usr/lib", stages.tree.appending("lib").string)
        try stages.folder.write("recipe/rootfs/lib/x", text: "x")
        #expect(throws: ImageError.fileNotCopied(path: "lib", detail: "the tree has a link to /usr/lib there")) {
            try stages.overlay()
        }
    }

    @Test("a file where the tree has a folder is refused")
    func fileOverFolder() throws {
        try stages.folder.write("recipe/rootfs/etc", text: "x")
        #expect(throws: ImageError.fileNotCopied(path: "etc", detail: "the tree has a folder there")) {
            try stages.overlay()
        }
    }

    @Test("links are copied as links, also dangling ones")
    func links() throws {
        try Files.makeFolder(stages.recipeFolder.appending("rootfs/etc"))
        symlink("/dev/null", stages.recipeFolder.appending("rootfs/etc/mask").string)
        symlink("nowhere", stages.recipeFolder.appending("rootfs/etc/dangling").string)
        try stages.overlay()
        #expect(Files.linkTarget(stages.tree.appending("etc/mask")) == "/dev/null")
        #expect(Files.linkTarget(stages.tree.appending("etc/dangling")) == "nowhere")
    }

    @Test("a named pipe in the recipe is refused")
    func pipe() throws {
        try Files.makeFolder(stages.recipeFolder.appending("rootfs"))
        mkfifo(stages.recipeFolder.appending("rootfs/pipe").string, 0o600)
        #expect(throws: ImageError.self) { try stages.overlay() }
    }

    @Test("a recipe without rootfs is fine")
    func nothing() throws { try stages.overlay() }
}

private struct Wrong: Error { init(_ error: (any Error)?) { print("unexpected:", error as Any) } }

/// The build machine's /bin/sh with its libraries, so that a hook can run in an otherwise empty tree.
private func installShell(into tree: FilePath) throws {
    let loaders = ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"]
    let libraries = ["/lib/x86_64-linux-gnu/libc.so.6", "/lib/aarch64-linux-gnu/libc.so.6"]
    for path in ["/bin/sh"] + (loaders + libraries).filter({ access($0, F_OK) == 0 }) {
        let target = FilePath(tree.string + path)
        try Files.makeFolder(target.removingLastComponent())
        try Files.replace(target, with: try Files.read(FilePath(path), limit: 64 << 20), mode: 0o755)
    }
}
