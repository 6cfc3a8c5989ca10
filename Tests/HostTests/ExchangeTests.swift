import Checksums
import Glibc
import LinuxSystem
import ObjectFormats
import ObjectStorage
import SysrootFixtures
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

/// `hostctl image import`, `export` and `lint`, with archives and layouts of other programs.
@Suite(.enabled(if: geteuid() == 0, "needs root")) struct ExchangeTests {
    private let folder: TemporaryFolder
    private var store: FilePath { folder.path.appending("store") }
    private var root: FilePath { folder.path.appending("rootfs") }

    init() throws {
        folder = try TemporaryFolder()
        try makeRoot()
    }

    /// The least of a Debian host, with what is easily lost on the way.
    private func makeRoot() throws {
        let script = """
            mkdir -p usr/bin usr/sbin usr/lib/modules/6.1 etc var/lib/dpkg boot dev proc sys run tmp root home opt/vendor
            for name in bin sbin lib; do ln -s usr/$name $name; done
            printf 'Package: systemd\\nStatus: install ok installed\\nArchitecture: amd64\\nVersion: 257-1\\n' >var/lib/dpkg/status
            echo kernel >boot/vmlinuz-6.1; echo initramfs >boot/initrd.img-6.1; echo x >usr/lib/modules/6.1/modules.dep
            echo root:x:0:0:root:/root:/bin/sh >etc/passwd; echo test >etc/hostname; echo ID=test >usr/lib/os-release
            ln -s ../usr/lib/os-release etc/os-release; echo vendor >opt/vendor/file; chmod 0700 root
            echo secret >etc/shadow; chown 0:42 etc/shadow; chmod 0640 etc/shadow
            cp /bin/true usr/bin/su; chmod 4755 usr/bin/su; cp /bin/true usr/bin/ping; ln usr/bin/ping usr/bin/ping6
            setcap cap_net_raw+ep usr/bin/ping; setfattr -n user.note -v value usr/bin/ping
            mkdir -p "usr/share/$(printf 'ä%.0s' $(seq 60))"
            echo far >"usr/share/$(printf 'ä%.0s' $(seq 60))/$(printf 'b%.0s' $(seq 120))"
            head -c 700000 /dev/urandom >usr/share/large; mknod dev/null c 1 3
            """
        try Files.makeFolder(root)
        try succeed(["/bin/sh", "-ec", "cd \"$1\"\n\(script)", "sh", root.string])
    }

    @discardableResult
    private func succeed(_ command: [String], environment: [String: String] = [:]) throws -> ProcessResult {
        let result = try run(command, environment: environment)
        guard result.status == 0 else {
            throw CommandFailed(command: command.joined(separator: " "), errors: "\(result.end) \(result.errorText)")
        }
        return result
    }

    private func importing(_ source: String, _ channel: String, _ more: [String] = []) -> [String] {
        [BuiltProducts.hostctl, "image", "import", source, "--store", store.string, "--channel", channel]
            + ["--version", "1", "--json"] + more
    }

    /// The root's dirtree and dirmeta.
    private func tree(_ channel: String) throws -> [Checksum] {
        let store = try Store(opening: store)
        let commit = try store.commit(store.resolve(ref: "\(channel)/x86_64"))
        return [commit.rootTree, commit.rootMetadata]
    }

    private func fsck() throws { try succeed(["/usr/bin/ostree", "fsck", "--quiet", "--repo=\(store)"]) }

    private func path(_ name: String) -> String { folder.path.appending(name).string }

    @Test("a folder, and archives of it by GNU tar and bsdtar in every compression, are the same tree")
    func sources() throws {
        let gnu = ["/usr/bin/tar", "--xattrs", "--xattrs-include=*", "-C", root.string]
        try succeed(gnu + ["-cf", path("gnu.tar"), "."])
        try succeed(gnu + ["--gzip", "-cf", path("gnu.tar.gz"), "."])
        try succeed(gnu + ["--zstd", "-cf", path("gnu.tar.zst"), "."])
        try succeed(gnu + ["--xz", "-cf", path("gnu.tar.xz"), "."])
        try succeed(["/usr/bin/bsdtar", "-C", root.string, "-cf", path("bsd.tar"), "."])
        let answer = try succeed(importing(root.string, "test/folder")).json
        #expect(try answer.string("kernel") == "6.1")
        #expect(try answer.integer("packages") == 1)
        for name in ["gnu.tar", "gnu.tar.gz", "gnu.tar.zst", "gnu.tar.xz", "bsd.tar"] {
            try succeed(importing(path(name), "test/\(name)"))
            #expect(try tree("test/\(name)") == tree("test/folder"), "\(name)")
        }
        let bytes = try Files.read(FilePath(path("gnu.tar.zst")), limit: 64 << 20)
        let piped = try run(importing("-", "test/piped"), input: bytes)
        expect(piped, 0)
        #expect(try tree("test/piped") == tree("test/folder"))
        try fsck()
        let listed = try succeed(["/usr/bin/ostree", "ls", "--repo=\(store)", "-RX", "test/folder/x86_64"]).text
        for part in [
            "/usr/etc/shadow", "/opt -> var/opt", "/usr/lib/opt/vendor/file",
        ] {
            #expect(listed.contains(part), "\(part)")
        }
    }

    @Test("an image that is exported is the same bytes again, and imported the same tree")
    func roundTrip() throws {
        try succeed(importing(root.string, "test/folder"))
        let export = [BuiltProducts.hostctl, "image", "export", "test/folder/x86_64", "--store", store.string]
        try succeed(export + ["--output", path("one.tar")])
        // It has the host's shadow file.
        let permissions = try Descriptor(opening: path("one.tar")).status().st_mode & 0o777
        #expect(permissions == 0o600)
        let piped = try succeed(export).output
        #expect(try Files.read(FilePath(path("one.tar")), limit: 64 << 20) == piped)
        try succeed(importing(path("one.tar"), "test/back"))
        #expect(try tree("test/back") == tree("test/folder"))

        // Through the other programs and back.
        for (program, options) in [("tar", ["--xattrs", "--xattrs-include=*"]), ("bsdtar", [])] {
            let out = folder.path.appending(program)
            try Files.makeFolder(out)
            try succeed(
                ["/usr/bin/\(program)"] + options + ["-xp", "-C", out.string, "-f", path("one.tar")],
                environment: ["LC_ALL": "C.UTF-8"])
            try succeed(importing(out.string, "test/\(program)"))
            #expect(try tree("test/\(program)") == tree("test/folder"), "\(program)")
        }
        try fsck()
    }

    @Test("an image that was damaged in the store is not exported under its name")
    func damaged() throws {
        try succeed(importing(root.string, "test/folder"))
        let opened = try Store(opening: store)
        let large = try #require(
            try opened.file(at: "usr/share/large", in: opened.resolve(ref: "test/folder/x86_64")))
        let object = opened.path(of: .init(large, .file))
        let file = try Descriptor(opening: object.string, flags: O_WRONLY)
        try file.write([0x21])
        let result = try run(
            [BuiltProducts.hostctl, "image", "export", "test/folder/x86_64", "--store", store.string]
                + ["--output", path("damaged.tar")])
        expect(result, 3, "damaged")
        #expect(try Files.names(in: folder.path).filter { $0.hasPrefix("damaged") }.isEmpty)
    }

    /// An OCI layout with two layers, made by umoci: the second replaces, removes and empties.
    private func makeLayout() throws -> FilePath {
        let layout = folder.path.appending("layout")
        let script = """
            umoci init --layout "$1"; umoci new --image "$1:base"
            umoci unpack --image "$1:base" one; rm -rf one/rootfs; cp -a rootfs one/rootfs; rm one/rootfs/dev/null
            umoci repack --image "$1:base" one
            umoci unpack --image "$1:base" two; cd two/rootfs
            rm usr/share/large; rm -r opt/vendor; mkdir opt/vendor; echo new >opt/vendor/new; echo changed >etc/hostname
            cd ../..; umoci repack --image "$1:two" two
            """
        try succeed(["/bin/sh", "-ec", "cd \"$2\"\n\(script)", "sh", layout.string, folder.path.string])
        return layout
    }

    @Test("an OCI image with layers of umoci and skopeo is the tree that umoci unpacks")
    func layers() throws {
        let layout = try makeLayout()
        try succeed(importing("oci:\(layout):base", "test/base"))
        try succeed(importing(root.string, "test/folder"))
        #expect(try tree("test/base") == tree("test/folder"))

        try succeed(importing("oci:\(layout):two", "test/two"))
        try succeed(importing(folder.path.appending("two/rootfs").string, "test/unpacked"))
        #expect(try tree("test/two") == tree("test/unpacked"))
        #expect(try tree("test/two") != tree("test/base"))

        let copy = ["/usr/bin/skopeo", "--insecure-policy", "copy"]
        try succeed(copy + ["oci:\(layout):two", "oci-archive:\(path("image.tar")):two"])
        try succeed(importing(path("image.tar"), "test/archive"))
        #expect(try tree("test/archive") == tree("test/two"))
        try succeed(
            copy + ["--dest-compress-format", "zstd", "oci:\(layout):two", "oci:\(path("zstd")):two"])
        try succeed(importing(path("zstd"), "test/zstd"))
        #expect(try tree("test/zstd") == tree("test/two"))
        try fsck()

        expect(try run(importing(layout.string, "test/none")), 1, "none was named")
        expect(try run(importing("oci:\(layout):two", "test/arm", ["--architecture", "aarch64"])), 1, "linux/amd64")
    }

    @Test("what the layers replaced leaves no objects behind")
    func leftovers() throws {
        let layout = try makeLayout()
        try succeed(importing("oci:\(layout):two", "test/two"))
        let pruned = try succeed(["/usr/bin/ostree", "prune", "--repo=\(store)", "--refs-only"]).text
        #expect(pruned.contains("No unreachable objects"), "\(pruned)")
    }

    @Test("an imported image is published, installed and whole")
    func installed() throws {
        try succeed(["/usr/bin/tar", "-C", root.string, "-cf", path("root.tar"), "."])
        let host = try HostFixture(publishing: [], installing: nil)
        try host.succeed(
            "image", "import", path("root.tar"), "--store", host.buildsPath.string, "--channel", HostFixture.channel,
            "--version", "1", "--kernel-argument", "quiet")
        try host.succeed(host.publication())
        try host.install()
        try host.expectAgreement(["1"])
        #expect(try Files.read(host.folder().appending("etc/hostname"), limit: 100) == Array("test\n".utf8))
    }

    @Test("an archive that is cut off, or larger than was declared, changes nothing")
    func refused() throws {
        try succeed(["/usr/bin/tar", "-C", root.string, "--zstd", "-cf", path("root.tar.zst"), "."])
        try succeed(importing(path("root.tar.zst"), "test/whole"))
        let before = try Files.names(in: store.appending("objects"))
        let bytes = try Files.read(FilePath(path("root.tar.zst")), limit: 64 << 20)
        try folder.write("cut.tar.zst", Array(bytes.dropLast(100)))
        expect(try run(importing(path("cut.tar.zst"), "test/cut")), 1, "is not complete")
        expect(try run(importing(path("root.tar.zst"), "test/large", ["--size-limit", "500000"])), 1, "is too large")
        expect(try run(importing("/no/such/file", "test/none")), 1, "/no/such/file")
        expect(try run(importing(path("root.tar.zst"), "bad//channel")), 1, "--channel")
        #expect(try Store(opening: store).refs().keys.sorted() == ["test/whole/x86_64"])
        #expect(try Files.names(in: store.appending("objects")) == before)
        #expect(try Files.names(in: store.appending("tmp")).filter { $0.hasPrefix("hostctl-") }.isEmpty)
    }

    @Test("lint tells what it finds, and fails for what is fatal")
    func lint() throws {
        let image = try succeed(importing(root.string, "test/folder")).json
        #expect(try image.fields("lint").integer("fatal") == 0)
        let lint = [BuiltProducts.hostctl, "image", "lint", "test/folder/x86_64", "--store", store.string]
        let report = try succeed(lint + ["--json"]).json
        #expect(try report.objects("findings").map { try $0.string("check") } == ["setuid-files"])
        expect(try run(lint + ["--fatal-warnings"]), 1, "setuid-files")
        expect(try run(lint + ["--fatal-warnings", "--skip", "setuid-files"]), 0)
        expect(try run(lint + ["--skip", "nothing"]), 1, "there is no check 'nothing'")
        try folder.write(
            "recipe/image.conf",
            text:
                "[Image]\nSuite=trixie\nChannel=a/b\nPackages=x\nSetuidFiles=/usr/bin/su /usr/bin/ping /usr/bin/ping6\n"
        )
        expect(try run(lint + ["--fatal-warnings", "--recipe", path("recipe")]), 0)
        try folder.write("rootfs/tmp/leftover", text: "x")
        let onDisk = try run([BuiltProducts.hostctl, "image", "lint", root.string])
        expect(onDisk, 0)
        #expect(onDisk.text.contains("warning: nonempty-run-tmp") && onDisk.text.contains("/tmp/leftover"))
        #expect(try succeed([BuiltProducts.hostctl, "image", "lint", "--list"]).text.contains("baseimage-root"))
    }
}
