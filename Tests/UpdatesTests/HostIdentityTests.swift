import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

@testable import Updates

@Suite("what makes a host this one", .enabled(if: geteuid() == 0, "needs root")) struct HostIdentityTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try folder.write(
            "deployment/etc/passwd", text: "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n")
        try folder.write("deployment/etc/group", text: "root:x:0:\nadm:x:4:syslog\nsudo:x:27:\n")
        try folder.write("deployment/etc/shadow", text: "root:*:19000:0:99999:7:::\n", mode: 0o640)
        try folder.write("deployment/etc/gshadow", text: "root:*::\n", mode: 0o640)
        try folder.write("var/x", text: "")
    }

    private func write(_ users: [HostIdentity.User], _ change: (inout HostIdentity) -> Void = { _ in }) throws {
        var identity = HostIdentity()
        identity.users = users
        change(&identity)
        try HostIdentityWriter(
            identity: identity, deployment: folder.path.appending("deployment"), variable: folder.path.appending("var")
        ).write()
    }

    private func lines(_ file: String) throws -> [String] {
        String(decoding: try folder.read("deployment/etc/\(file)"), as: UTF8.self).split(separator: "\n")
            .map(String.init)
    }

    private func status(_ relative: String) throws -> (owner: uid_t, group: gid_t, mode: mode_t) {
        var status = stat()
        let path = folder.path.appending(relative).string
        try retrying("examine", path) { lstat(path, &status) }
        return (status.st_uid, status.st_gid, status.st_mode & 0o7777)
    }

    @Test("a user gets a number that no user and no group of the image has")
    func numbers() throws {
        try folder.write(
            "deployment/etc/passwd",
            text: "root:x:0:0::/root:/bin/sh\napp:x:1000:1002::/:/bin/false\nhalf:x\nlate:x:1005:50::/:/bin/false\n")
        try folder.write("deployment/etc/group", text: "root:x:0:\nshared:x:1003:\n")
        try write(["one", "two", "three"].map { HostIdentity.User(name: $0) })
        #expect(
            try lines("passwd").suffix(3) == [
                "one:x:1001:1001:one:/var/home/one:/bin/sh", "two:x:1004:1004:two:/var/home/two:/bin/sh",
                "three:x:1006:1006:three:/var/home/three:/bin/sh",
            ])
        #expect(try lines("group").suffix(3) == ["one:x:1001:", "two:x:1004:", "three:x:1006:"])
        let home = try status("var/home/two")
        #expect(home.owner == 1004 && home.group == 1004 && home.mode == 0o700)
    }

    @Test("a user has a password, keys and groups")
    func user() throws {
        var admin = HostIdentity.User(name: "admin")
        admin.passwordHash = "$6$salt$hash"
        admin.keys = ["ssh-ed25519 AAAA one", "ssh-ed25519 BBBB two"]
        admin.groups = ["sudo", "adm"]
        try write([admin, HostIdentity.User(name: "web")])
        #expect(
            try lines("group") == [
                "root:x:0:", "adm:x:4:syslog,admin", "sudo:x:27:admin", "admin:x:1000:", "web:x:1001:",
            ])
        let shadow = try lines("shadow")
        #expect(shadow.count == 3 && shadow[1].hasPrefix("admin:$6$salt$hash:") && shadow[2].hasPrefix("web:*:"))
        #expect(try lines("gshadow").suffix(2) == ["admin:!::", "web:!::"])
        #expect(try status("deployment/etc/shadow").mode == 0o640)
        let keys = "var/home/admin/.ssh/authorized_keys"
        #expect(try folder.read(keys) == Array("ssh-ed25519 AAAA one\nssh-ed25519 BBBB two\n".utf8))
        let file = try status(keys)
        #expect(file.owner == 1000 && file.mode == 0o600)
        #expect(!Files.exists(folder.path.appending("var/home/web/.ssh")))
    }

    @Test("the host's name, root's password and keys; a machine id is made at the first boot")
    func host() throws {
        try folder.write("deployment/etc/machine-id", text: "0123456789abcdef0123456789abcdef\n")
        try write([]) { identity in
            identity.hostname = "host.example.com"
            identity.passwordHash = "$6$salt$hash"
            identity.keys = ["ssh-ed25519 AAAA root"]
        }
        #expect(try lines("hostname") == ["host.example.com"])
        #expect(try folder.read("deployment/etc/machine-id").isEmpty)
        #expect(try lines("shadow") == ["root:$6$salt$hash:19000:0:99999:7:::"])
        #expect(try folder.read("var/roothome/.ssh/authorized_keys") == Array("ssh-ed25519 AAAA root\n".utf8))
        #expect(try status("var/roothome").mode == 0o700)
    }

    @Test("a name that the image has already is refused, and so is a group that it has not")
    func refusals() throws {
        #expect(throws: DiskConfigurationError.userExists("nobody")) {
            try write([HostIdentity.User(name: "nobody")])
        }
        #expect(throws: DiskConfigurationError.groupExists("sudo")) { try write([HostIdentity.User(name: "sudo")]) }
        var user = HostIdentity.User(name: "one")
        user.groups = ["wheel"]
        #expect(throws: DiskConfigurationError.unknownName("wheel", file: "/etc/group")) { try write([user]) }
    }
}
