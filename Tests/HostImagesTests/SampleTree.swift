import HostImages
import ObjectFormats
import ObjectStorage
import SystemPackage
import TestSupport

/// A tree with the least that makes a host, in memory.
func sampleTree() -> TreeFolder {
    let tree = TreeFolder()
    for name in ["bin", "sbin", "lib"] { tree.entries[name] = .link(TreeLink(target: "usr/\(name)")) }
    for name in ["home", "srv", "opt", "mnt", "media", "dev", "proc", "sys", "run", "tmp", "boot", "usr/bin"] {
        tree.makeFolder(name)
    }
    tree.entries["root"] = folder(0o700)
    tree["etc/passwd"] = file("root:x:0:0:root:/root:/bin/sh\n")
    tree["usr/lib/modules/6.1/modules.dep"] = file("")
    tree["boot/vmlinuz-6.1"] = file("kernel")
    tree["boot/initrd.img-6.1"] = file("initramfs")
    tree["var/lib/dpkg/status"] = file(
        """
        Package: systemd
        Status: install ok installed
        Architecture: amd64
        Version: 257.9-1
        Installed-Size: 10500
        Description: system and service manager
         Package: not-a-field

        Package: old
        Status: deinstall ok config-files
        Architecture: amd64
        Version: 1

        Package: ca-certificates
        Status: hold ok installed
        Architecture: all
        Version: 1:2025
        """)
    return tree
}

func file(_ text: String, _ permissions: UInt32 = 0o644, uid: UInt32 = 0, gid: UInt32 = 0) -> TreeEntry {
    let attributes = FileAttributes(uid: uid, gid: gid, permissions: permissions)
    return .file(TreeFile(attributes: attributes, content: .bytes(Array(text.utf8))))
}

func folder(_ permissions: UInt32, uid: UInt32 = 0, gid: UInt32 = 0) -> TreeEntry {
    .folder(TreeFolder(attributes: FileAttributes(uid: uid, gid: gid, permissions: permissions)))
}

extension TreeFolder {
    /// The text of a file that is in memory, the target of a link as `-> target`, or `nil`.
    func text(_ path: String) -> String? {
        switch self[path] {
        case .file(let file)?:
            guard case .bytes(let bytes) = file.content else { return nil }
            return String(decoding: bytes, as: UTF8.self)
        case .link(let link)?: return "-> \(link.target)"
        default: return nil
        }
    }

    /// The permissions of a file or folder.
    func permissions(_ path: String) -> UInt32? {
        switch self[path] {
        case .file(let file)?: file.attributes.permissions
        case .folder(let folder)?: folder.attributes.permissions
        default: nil
        }
    }

    /// The rules that the conversion wrote for /var.
    var variableRules: [String] {
        (text("usr/lib/tmpfiles.d/hostctl-var.conf") ?? "").split(separator: "\n").map(String.init)
    }
}
