import ObjectFormats
import ObjectStorage
import Testing

@testable import HostImages

@Suite("a tree becomes an ostree image") struct ConversionTests {
    let tree = sampleTree()

    @Test("kernel and initramfs move beside the modules, and /boot stays empty")
    func kernel() throws {
        tree["boot/config-6.1"] = file("CONFIG_X=y")
        tree["boot/grub/grub.cfg"] = file("menu")
        #expect(try TreeConversion.convert(tree).kernel == "6.1")
        #expect(tree.text("usr/lib/modules/6.1/vmlinuz") == "kernel")
        #expect(tree.text("usr/lib/modules/6.1/initramfs.img") == "initramfs")
        #expect(tree.text("usr/lib/modules/6.1/config") == "CONFIG_X=y")
        #expect(tree.folder(at: "boot")?.entries.isEmpty == true)
    }

    @Test("a kernel that is in /usr/lib/modules already stays there")
    func kernelInPlace() throws {
        tree.entries["boot"] = folder(0o755)
        tree["usr/lib/modules/6.1/vmlinuz"] = file("kernel")
        tree["usr/lib/modules/6.1/initramfs.img"] = file("initramfs")
        #expect(try TreeConversion.convert(tree).kernel == "6.1")
    }

    @Test("a tree that cannot boot is refused with what it lacks", arguments: Flaw.allCases)
    func refused(flaw: Flaw) {
        flaw.apply(to: tree)
        let error = #expect(throws: ImageError.self) { try TreeConversion.convert(tree) }
        #expect(error?.reason.contains(flaw.rawValue) == true, "\(error?.reason ?? "")")
    }

    enum Flaw: String, CaseIterable {
        case noKernel = "it has no kernel"
        case twoKernels = "it has 2 kernels, one is needed: 6.1, 6.2"
        case noInitramfs = "the kernel 6.1 has no initramfs"
        case noModules = "the kernel 6.1 has no modules"
        case splitUsr = "/sbin is not a link to usr/sbin"
        case libraryFolder = "/lib32 is a folder"
        case strayLink = "/bin is not a link to usr/bin"
        case noEtc = "it has no /etc"
        case twoEtc = "it has a /usr/etc"
        case noPackages = "it has no package database"
        case homeTwice = "it has both /home and /var/home"
        case fileAsHome = "/srv is a file"

        func apply(to tree: TreeFolder) {
            switch self {
            case .noKernel: tree["boot/vmlinuz-6.1"] = nil
            case .twoKernels: tree["boot/vmlinuz-6.2"] = file("")
            case .noInitramfs: tree["boot/initrd.img-6.1"] = nil
            case .noModules: tree["usr/lib/modules/6.1"] = nil
            case .splitUsr: tree.entries["sbin"] = folder(0o755)
            case .libraryFolder: tree.entries["lib32"] = folder(0o755)
            case .strayLink: tree.entries["bin"] = .link(TreeLink(target: "/opt/bin"))
            case .noEtc: tree.entries["etc"] = nil
            case .twoEtc: tree["usr/etc/passwd"] = file("")
            case .noPackages: tree["var/lib/dpkg/status"] = nil
            case .homeTwice: tree.makeFolder("var/home")
            case .fileAsHome: tree.entries["srv"] = file("")
            }
        }
    }

    @Test("/etc becomes /usr/etc, with owners and modes")
    func etc() throws {
        tree["etc/shadow"] = file("root:*", 0o640, gid: 42)
        _ = try TreeConversion.convert(tree)
        #expect(tree.entries["etc"] == nil)
        guard case .file(let shadow)? = tree["usr/etc/shadow"] else { throw Missing() }
        #expect(shadow.attributes == FileAttributes(gid: 42, permissions: 0o640))
    }

    @Test(
        "folders of the root that change on a host become links into /var",
        arguments: [
            ("home", "-> var/home"), ("root", "-> var/roothome"), ("srv", "-> var/srv"), ("mnt", "-> var/mnt"),
            ("opt", "-> var/opt"), ("media", "-> run/media"), ("ostree", "-> sysroot/ostree"),
        ])
    func links(name: String, expected: String) throws {
        _ = try TreeConversion.convert(tree)
        #expect(tree.text(name) == expected)
    }

    @Test("a folder that the tree does not have is linked all the same")
    func missingFolders() throws {
        for name in ["home", "root", "srv", "opt", "mnt", "media"] { tree.entries[name] = nil }
        _ = try TreeConversion.convert(tree)
        #expect(tree.text("root") == "-> var/roothome")
        #expect(tree.variableRules.contains("d /var/roothome 0700 0 0 - -"))
        #expect(tree.variableRules.contains("d /var/home 0755 0 0 - -"))
    }

    @Test(
        "folders of the running system are there and empty",
        arguments: ["dev", "proc", "sys", "run", "boot", "sysroot", "var", "tmp"])
    func emptyFolders(name: String) throws {
        tree["\(name)/leftover"] = file("x")
        _ = try TreeConversion.convert(tree)
        #expect(tree.folder(at: name)?.entries.isEmpty == true)
        #expect(tree.permissions(name) == (name == "tmp" ? 0o1777 : 0o755))
    }

    @Test("the links to the kernel in the root go, for nothing in /boot remains")
    func rootLinks() throws {
        for name in ["vmlinuz", "vmlinuz.old", "initrd.img", "initrd.img.old"] {
            tree.entries[name] = .link(TreeLink(target: "boot/vmlinuz-6.1"))
        }
        _ = try TreeConversion.convert(tree)
        #expect(!tree.entries.keys.contains { $0.hasPrefix("vmlinuz") || $0.hasPrefix("initrd") })
    }

    @Test("/usr/local stays in the image")
    func local() throws {
        tree["usr/local/bin/tool"] = file("#!/bin/sh", 0o755)
        _ = try TreeConversion.convert(tree)
        #expect(tree.permissions("usr/local/bin/tool") == 0o755)
    }

    @Test("what a package has in /opt is part of the image, and a link in /var/opt leads there")
    func optional() throws {
        tree["opt/vendor/bin/tool"] = file("tool", 0o755)
        _ = try TreeConversion.convert(tree)
        #expect(tree.text("usr/lib/opt/vendor/bin/tool") == "tool")
        #expect(tree.variableRules.contains("L /var/opt/vendor - - - - ../../usr/lib/opt/vendor"))
    }

    @Test("the package database moves to /usr, without locks and backups, and is linked from /var")
    func packageDatabase() throws {
        for name in ["lock", "lock-frontend", "status-old", "diversions-old"] {
            tree["var/lib/dpkg/\(name)"] = file("")
        }
        tree["var/lib/dpkg/info/systemd.list"] = file("/.")
        let packages = try TreeConversion.convert(tree).packages
        #expect(packages.map(\.name) == ["ca-certificates", "systemd"])
        #expect(tree.folder(at: "usr/lib/sysimage/dpkg")?.sortedNames == ["info", "status"])
        #expect(tree.variableRules.contains("L /var/lib/dpkg - - - - ../../usr/lib/sysimage/dpkg"))
    }

    @Test("the machine id is emptied, also when it is missing", arguments: ["0123456789abcdef0123456789abcdef\n", nil])
    func machineID(content: String?) throws {
        tree["etc/machine-id"] = content.map { file($0, 0o444) }
        _ = try TreeConversion.convert(tree)
        #expect(tree.text("usr/etc/machine-id") == "")
        #expect(tree.permissions("usr/etc/machine-id") == 0o444)
    }

    @Test(
        "host keys, backups of the password files and the random seed of the build are not shipped",
        arguments: [
            "etc/ssh/ssh_host_ed25519_key", "etc/ssh/ssh_host_rsa_key.pub", "etc/passwd-", "etc/shadow-",
            "etc/.pwd.lock",
            "var/lib/systemd/random-seed", "var/lib/dbus/machine-id", "var/cache/apt/archives/x.deb",
            "var/lib/apt/lists/x_InRelease", "var/log/dpkg.log", "var/tmp/x", "var/cache/debconf/passwords.dat",
        ])
    func secrets(path: String) throws {
        tree[path] = file("secret")
        tree["etc/ssh/sshd_config"] = file("")
        _ = try TreeConversion.convert(tree)
        #expect(!contains(tree, "secret"))
        #expect(tree["usr/etc/ssh/sshd_config"] != nil)
    }

    private func contains(_ folder: TreeFolder, _ text: String) -> Bool {
        folder.entries.keys.contains { name in
            if case .folder(let child)? = folder.entries[name] { return contains(child, text) }
            return folder.text(name) == text
        }
    }

    struct Missing: Error {}
}
