import EtcMerges
import Glibc
import LinuxSystem
import SystemPackage
import Testing

@Suite struct AccountTests {
    private let etc: EtcFixture
    private static let passwd = "root:x:0:0:root:/root:/bin/bash\nwww:x:33:33:www:/var/www:/usr/sbin/nologin\n"
    private static let group = "root:x:0:\nwww:x:33:\nadm:x:4:\n"
    private static let shadow = "root:*:19000:0:99999:7:::\nwww:*:19000:0:99999:7:::\n"
    private static let local = "ann:x:1000:1000:Ann:/home/ann:/bin/zsh\n"

    init() throws {
        etc = try EtcFixture()
        try write("passwd", Self.passwd)
        try write("group", Self.group)
        try write("shadow", Self.shadow, mode: 0o640)
    }

    /// Into all three trees.
    private func write(_ name: String, _ text: String, mode: mode_t = 0o644) throws {
        try etc.write(name, text, mode: mode, in: etc.old, etc.live, etc.new)
    }

    /// A local user with a password, and one of the image that is new.
    private func addUsers(_ line: String = "svc:x:105:105::/:/usr/sbin/nologin\n") throws {
        try etc.write("passwd", Self.passwd + Self.local, in: etc.live)
        try etc.write("group", Self.group + "ann:x:1000:\n", in: etc.live)
        try etc.write("shadow", Self.shadow + "ann:$y$hash:19500::::::\n", mode: 0o640, in: etc.live)
        try etc.write("passwd", Self.passwd + line, in: etc.new)
        try etc.write("group", Self.group + "svc:x:105:www\n", in: etc.new)
    }

    @Test("a new user of the image joins the local ones, locked, and nobody is lost")
    func newUser() throws {
        try addUsers()
        #expect(chown(etc.live.appending("shadow").string, 0, 42) == 0)
        let plan = try etc.merge()
        #expect(plan.conflicts == [])
        #expect(
            try etc.result("passwd") == Self.passwd + Self.local + "svc:x:105:105::/:/usr/sbin/nologin\n")
        #expect(try etc.result("group") == Self.group + "ann:x:1000:\nsvc:x:105:www\n")
        #expect(
            try etc.result("shadow") == Self.shadow + "ann:$y$hash:19500::::::\nsvc:!*:::::::\n")
        #expect(try etc.mode("shadow") == 0o640)
        #expect(try EtcFixture.status(etc.merged.appending("shadow")).st_gid == 42)
        #expect(
            plan.notes.map(\.sentence) == [
                "/etc/group: added from the image: svc", "/etc/passwd: added from the image: svc",
            ])
    }

    @Test("a password that the image gives to a new user does not work until somebody unlocks it")
    func lockedPassword() throws {
        try addUsers("svc::105:105::/:/bin/sh\n")
        try etc.write("shadow", Self.shadow + "svc:$y$open:19000::::::\n", mode: 0o640, in: etc.new)
        try etc.merge()
        #expect(try etc.result("passwd")?.contains("\nsvc:x:105:") == true)
        #expect(try etc.result("shadow")?.contains("\nsvc:!$y$open:19000::::::\n") == true)
    }

    @Test("a number that a local user has is a conflict: neither is renumbered, and a sentence says what to do")
    func numberTaken() throws {
        try addUsers("svc:x:1000:105::/:/usr/sbin/nologin\n")
        let plan = try etc.merge()
        #expect(plan.conflicts.map(\.path.description) == ["passwd"])
        let text = plan.conflicts[0].sentence
        #expect(text.contains("'svc' has the number 1000, which the local user 'ann' has"))
        #expect(text.contains("'usermod'"))
        #expect(try etc.result("passwd") == Self.passwd + Self.local)
        #expect(try etc.result("shadow")?.contains("svc") == false)
        #expect(throws: EtcMergeError.self) { try etc.merge(.fail) }
        try etc.merge(.new)
        #expect(try etc.result("passwd") == Self.passwd + Self.local)
    }

    @Test("a user whose group's number is another group's here is not let into that group")
    func groupTaken() throws {
        try addUsers()
        try etc.write("group", Self.group + "payroll:x:105:ann\n", in: etc.live)
        let plan = try etc.merge()
        #expect(plan.conflicts.map(\.path.description) == ["group", "passwd"])
        #expect(try etc.result("passwd") == Self.passwd + Self.local)
        #expect(try etc.result("group") == Self.group + "payroll:x:105:ann\n")
    }

    @Test("a number that the image changes is not followed: files belong to the old one")
    func renumbered() throws {
        try etc.write("passwd", Self.passwd.replacing("www:x:33:33", with: "www:x:133:33"), in: etc.new)
        let plan = try etc.merge()
        #expect(plan.conflicts.count == 1)
        #expect(try etc.result("passwd") == Self.passwd)
    }

    @Test("local shells, hashes and members stay; what only the image has changed comes")
    func fields() throws {
        try etc.write("passwd", Self.passwd.replacing("/bin/bash", with: "/bin/zsh"), in: etc.live)
        try etc.write("passwd", Self.passwd.replacing("/var/www:", with: "/srv/www:"), in: etc.new)
        try etc.write("shadow", Self.shadow.replacing("root:*", with: "root:$y$mine"), mode: 0o640, in: etc.live)
        try etc.write("shadow", Self.shadow.replacing("root:*", with: "root:!"), mode: 0o640, in: etc.new)
        try etc.write("group", Self.group.replacing("adm:x:4:", with: "adm:x:4:ann,bob"), in: etc.live)
        try etc.write("group", Self.group.replacing("adm:x:4:", with: "adm:x:4:svc,bob"), in: etc.new)
        #expect(try etc.merge().conflicts == [])
        #expect(
            try etc.result("passwd")
                == "root:x:0:0:root:/root:/bin/zsh\nwww:x:33:33:www:/srv/www:/usr/sbin/nologin\n")
        #expect(try etc.result("shadow")?.hasPrefix("root:$y$mine:") == true)
        #expect(try etc.result("group")?.contains("adm:x:4:ann,bob,svc\n") == true)
    }

    @Test("comments, NIS lines, malformed lines, duplicates and a missing newline survive byte for byte")
    func oddities() throws {
        let odd = "# mine\n\nbroken line\nann:x:notanumber:1::/:\ntoor:x:0:0::/:/bin/sh\nroot:x:0:0:again:/:/bin/sh"
        try etc.write("passwd", Self.passwd + odd + "\n+@admins::::::\n+::::::", in: etc.live)
        try etc.write("passwd", Self.passwd + "svc:x:105:4::/:/bin/false\n", in: etc.new)
        #expect(try etc.merge().conflicts == [])
        #expect(
            try etc.result("passwd") == Self.passwd + odd + "\nsvc:x:105:4::/:/bin/false\n+@admins::::::\n+::::::")
    }

    @Test("a last line without its newline gets one before another follows")
    func missingNewline() throws {
        try etc.write("passwd", Self.passwd + "ann:x:1000:1000::/:/bin/sh", in: etc.live)
        try etc.write("passwd", Self.passwd + "svc:x:105:4::/:/bin/false\n", in: etc.new)
        try etc.merge()
        #expect(try etc.result("passwd")?.hasSuffix("ann:x:1000:1000::/:/bin/sh\nsvc:x:105:4::/:/bin/false\n") == true)
    }

    @Test("a passwd never ends without root", arguments: ["", "ann:x:1000:1000::/:/bin/sh\n", "garbage"])
    func root(_ text: String) throws {
        try etc.write("passwd", text, in: etc.live)
        try etc.merge()
        #expect(try etc.result("passwd")?.contains("root:x:0:0:root:/root:/bin/bash") == true)
        try Files.remove(etc.live.appending("passwd"))
        try etc.merge()
        #expect(try etc.result("passwd") == Self.passwd)
    }

    @Test("an image without a passwd does not take the host's away")
    func imageWithout() throws {
        try Files.remove(etc.new.appending("passwd"))
        try etc.merge()
        #expect(try etc.result("passwd") == Self.passwd)
    }

    @Test("a user that the operator has removed stays removed; one that the image has removed stays")
    func removed() throws {
        try etc.write("passwd", "root:x:0:0:root:/root:/bin/bash\n", in: etc.live)
        try etc.write("group", Self.group.replacing("adm:x:4:\n", with: ""), in: etc.new)
        let plan = try etc.merge()
        #expect(plan.conflicts == [])
        #expect(try etc.result("passwd") == "root:x:0:0:root:/root:/bin/bash\n")
        #expect(try etc.result("group") == Self.group)
        #expect(plan.notes.map(\.path.description) == ["group"])
    }

    @Test("without local changes the image's files come as they are")
    func plain() throws {
        let changed = "# new\nwww:x:33:33:www:/var/www:/bin/false\nroot:x:0:0:root:/root:/bin/bash\n"
        try etc.write("passwd", changed, in: etc.new)
        try etc.merge()
        #expect(try etc.result("passwd") == changed)
    }

    @Test("subuid and subgid are the host's")
    func ranges() throws {
        try write("subuid", "ann:100000:65536\n")
        try etc.write("subuid", "bob:100000:65536\n", in: etc.new)
        try etc.write("subgid", "bob:100000:65536\n", in: etc.new)
        #expect(try etc.merge().conflicts == [])
        #expect(try etc.result("subuid") == "ann:100000:65536\n")
        #expect(try etc.result("subgid") == "bob:100000:65536\n")
    }

    @Test("an operator's link in place of a file is merged as any other link")
    func linked() throws {
        try Files.remove(etc.live.appending("passwd"))
        try etc.link("passwd", to: "/run/passwd", in: etc.live)
        try etc.merge()
        #expect(Files.linkTarget(etc.merged.appending("passwd")) == "/run/passwd")
    }

    @Test("merged once more, nothing changes")
    func twice() throws {
        try addUsers()
        try etc.merge()
        let passwd = try etc.result("passwd")
        try Files.removeTree(etc.live)
        #expect(rename(etc.merged.string, etc.live.string) == 0)
        try Files.removeTree(etc.old)
        for name in try Files.names(in: etc.new) {
            try etc.write(
                name, String(decoding: Files.read(etc.new.appending(name), limit: 4096), as: UTF8.self), in: etc.old)
        }
        #expect(try etc.merge().conflicts == [])
        #expect(try etc.result("passwd") == passwd)
    }
}
