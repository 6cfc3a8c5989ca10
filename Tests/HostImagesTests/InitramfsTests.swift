import LinuxSystem
import ObjectFormats
import ObjectStorage
import SystemPackage
import TestSupport
import Testing

@testable import HostImages

@Suite("initramfs") struct InitramfsTests {
    /// A host with one driver that needs another, one that is built in, and a program with a library.
    private func tree() -> TreeFolder {
        let tree = sampleTree()
        tree.entries["lib64"] = .link(TreeLink(target: "usr/lib64"))
        let modules = "usr/lib/modules/6.1"
        tree["\(modules)/modules.dep"] = file(
            "kernel/disk.ko: kernel/bus.ko\nkernel/bus.ko:\nkernel/other.ko:\nkernel/some-sum.ko:\n")
        tree["\(modules)/modules.softdep"] = file("softdep disk pre: some_sum\nsoftdep other pre: disk\n")
        tree["\(modules)/modules.builtin"] = file("kernel/fs/ext4/ext4.ko\n")
        tree["\(modules)/modules.alias"] = file("alias pci:1 disk\nalias pci:2 other\n")
        for name in ["disk", "bus", "other", "some-sum"] {
            tree["\(modules)/kernel/\(name).ko"] = file("module \(name)")
        }
        tree["usr/lib/start"] = file("#!/usr/bin/tool\n")
        tree["usr/bin/tool"] = SampleProgram(interpreter: "/lib64/ld.so", needed: ["libx.so.1"]).entry
        tree["usr/lib64/ld.so"] = file("loader", 0o755)
        tree["usr/lib/libx.so.1"] = SampleProgram().entry
        return tree
    }

    private let plan = InitramfsPlan(
        start: "/usr/lib/start", modules: ["disk", "ext4"], optionalModules: ["none"], programs: ["/bin/tool"])

    private func bytes(_ tree: TreeFolder) throws -> [UInt8] {
        guard case .file(let file)? = tree["boot/initrd.img-6.1"] else { throw ImageError.needsRoot }
        return try file.read(limit: 1 << 20)
    }

    @Test("cpio unpacks what was asked for and all that it needs, and nothing else")
    func unpacked() throws {
        let tree = tree()
        try InitramfsStage(tree: tree, plan: plan).run()
        let folder = try TemporaryFolder()
        try folder.write("initramfs.gz", try bytes(tree))
        try folder.write("root/x", text: "")
        let result = try TestSupport.run([
            "/bin/sh", "-c",
            "cd \(folder.path)/root && rm x && gzip -dc ../initramfs.gz | cpio -idm --quiet && find . ! -type d | sort",
        ])
        #expect(result.errorText == "")
        let lists = ["alias", "builtin", "dep", "softdep"].map { "./usr/lib/modules/6.1/modules.\($0)" }
        let modules = ["bus", "disk", "some-sum"].map { "./usr/lib/modules/6.1/kernel/\($0).ko" }
        #expect(
            Set(result.text.split(separator: "\n").map(String.init))
                == Set(
                    lists + modules + [
                        "./bin", "./init", "./lib", "./lib64", "./sbin", "./usr/bin/tool", "./usr/lib/libx.so.1",
                        "./usr/lib64/ld.so",
                    ]))
        let unpacked = folder.path.appending("root")
        #expect(Files.linkTarget(unpacked.appending("lib64")) == "usr/lib64")
        #expect(
            try Files.read(unpacked.appending("usr/lib/modules/6.1/modules.alias"), limit: 99)
                == Array("alias pci:1 disk\n".utf8))
        #expect(
            try Files.read(unpacked.appending("usr/lib/modules/6.1/kernel/bus.ko"), limit: 99)
                == Array("module bus".utf8))
    }

    @Test(
        "an ext4 root whose superblock or root folder is damaged is mended without a question, one that cannot be read is left",
        arguments: [
            (":", false), ("debugfs -w -R 'ssv state 0' disk", false),
            ("dd if=/dev/zero of=disk bs=512 seek=2 count=1 conv=notrunc", true),
            ("dd if=/dev/zero of=disk bs=512 seek=3 count=1 conv=notrunc", true),
            ("dd if=/dev/zero of=disk bs=512 seek=2 count=2 conv=notrunc", true),
            ("debugfs -w -R 'ssv desc_size 7' disk", true), ("debugfs -w -R 'ssv blocks_count 0' disk", true),
            ("debugfs -w -R 'clri <2>' disk; debugfs -w -R 'ssv state 2' disk", true), (": >disk", false),
        ])
    func mended(_ damage: String, isMended: Bool) throws {
        let folder = try TemporaryFolder(inMemory: true)
        try folder.write("files/kept", text: "kept\n")
        // With copies of the superblock, which a disk of more than 8 MiB has when its blocks are that small. The first file
        // is inode 12.
        let disk = "truncate -s 20M disk && mke2fs -q -t ext4 -b 1024 -d files disk"
        let result = try check(in: folder, before: "{ \(disk); \(damage); } >/dev/null 2>&1")
        #expect(result.errorText.contains("mending what can be mended") == isMended, "\(result.errorText)")
        let isReadable = try !folder.read("disk").isEmpty
        #expect(result.errorText.contains("could not check disk (8)") == !isReadable, "\(result.errorText)")
        guard isReadable else { return }
        let after = try TestSupport.run([
            "/bin/sh", "-c",
            "cd '\(folder.path)' && \(Self.path) && e2fsck -fn disk >&2 && debugfs -R 'cat <12>' disk 2>/dev/null",
        ])
        #expect(after.status == 0 && after.text == "kept\n", "\(after.errorText)\(after.text)")
    }

    /// Of what e2fsck cannot be brought to say with a file.
    @Test(
        "an ext4 root is mended when 4 is in e2fsck's result, and left when that could say nothing",
        arguments: [
            (5, "UNEXPECTED INCONSISTENCY", true), (12, "UNEXPECTED INCONSISTENCY", true),
            (8, "e2fsck: Input/output error while trying to open disk", false), (8, "", false), (16, "Usage", false),
            (32, "e2fsck canceled.", false), (128, "cannot open shared object file", false),
        ])
    func judged(status: Int, message: String, isMended: Bool) throws {
        let folder = try TemporaryFolder()
        try folder.write(
            "e2fsck", text: "#!/bin/sh\necho \"$*\" >>calls\necho '\(message)'\nexit \(status)\n", mode: 0o755)
        let result = try check(in: folder, before: "PATH=.:$PATH")
        let calls = String(decoding: try folder.read("calls"), as: UTF8.self).split(separator: "\n")
        let expected = isMended ? ["-p disk", "-y disk"] : ["-p disk"]
        #expect(calls.map(String.init) == expected)
        let isSaid = result.errorText.contains("could not check disk (\(status))")
        #expect(isSaid == (status >= 8 && !isMended), "\(result.errorText)")
    }

    private static let path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"

    /// Runs the initramfs' own check of the device `disk`, which is a file of the folder.
    private func check(in folder: TemporaryFolder, before: String) throws -> ProcessResult {
        let script = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
            .appending("images/lean-host/rootfs/usr/lib/hostctl/initramfs/init")
        let function = "eval \"$(sed -n '/^check_ext4() {/,/^}/p' '\(script)')\""
        return try TestSupport.run([
            "/bin/sh", "-c", "cd '\(folder.path)'; \(Self.path); \(before); device=disk; \(function); check_ext4",
        ])
    }

    @Test("the same tree gives the same bytes")
    func reproducible() throws {
        let one = tree(), other = tree()
        try InitramfsStage(tree: one, plan: plan).run()
        try InitramfsStage(tree: other, plan: plan).run()
        #expect(try bytes(one) == bytes(other))
    }

    @Test(
        "what is missing ends the build and is named",
        arguments: ["module", "program", "library", "start", "kernel", "list", "size"])
    func missing(_ what: String) throws {
        let tree = tree()
        var plan = plan
        switch what {
        case "module": plan.modules.append("nvme")
        case "program": plan.programs.append("/usr/bin/nvme")
        case "library": tree["usr/lib/libx.so.1"] = nil
        case "start": tree["usr/lib/start"] = nil
        case "kernel": tree["boot/vmlinuz-6.1"] = nil
        case "list": tree["usr/lib/modules/6.1/modules.dep"] = nil
        default: plan.limit = 100
        }
        let error = #expect(throws: ImageError.self) { try InitramfsStage(tree: tree, plan: plan).run() }
        let words = [
            "module": "nvme", "program": "usr/bin/nvme", "library": "libx.so.1", "start": "/usr/lib/start",
            "kernel": "no kernel", "list": "modules.dep", "size": "at most 100",
        ]
        #expect(error?.reason.contains(words[what] ?? "?") == true, "\(String(describing: error))")
    }

    @Test("modules that the distribution has compressed are decompressed")
    func compressed() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("disk.ko", text: "module disk")
        for (tool, suffix) in [("/usr/bin/xz", "xz"), ("/usr/bin/zstd", "zst"), ("/usr/bin/gzip", "gz")] {
            let packed = try TestSupport.run([tool, "-c", path.string]).output
            let modules = TreeFolder()
            modules["modules.dep"] = file("kernel/disk.ko.\(suffix):\n")
            modules["kernel/disk.ko.\(suffix)"] = .file(
                TreeFile(attributes: FileAttributes(permissions: 0o644), content: .bytes(packed)))
            let read = try KernelModules(modules)
            #expect(try read.content("kernel/disk.ko.\(suffix)") == Array("module disk".utf8))
            #expect(
                try read.lists(["kernel/disk.ko.\(suffix)"]).first { $0.name == "modules.dep" }?.text
                    == "kernel/disk.ko:\n")
        }
    }
}
