import ObjectFormats
import ObjectStorage
import Testing

@testable import HostImages

@Suite("nothing lacks what it needs") struct CompletenessTests {
    let tree = sampleTree()

    init() {
        tree.makeFolder("usr/sbin")
        tree.entries["lib64"] = .link(TreeLink(target: "usr/lib64"))
        tree["usr/lib64/ld.so"] = SampleProgram().entry
        tree["usr/lib/x86_64-linux-gnu/libc.so.6"] = SampleProgram().entry
        tree["usr/bin/sh"] = SampleProgram(interpreter: "/lib64/ld.so", needed: ["libc.so.6"], kind: 2).entry
    }

    private func flaws(removed: RemovalStage.Removed = [:]) throws -> [String] {
        do { try CompletenessCheck(tree, removed: removed).run() } catch ImageError.incomplete(let flaws) {
            return flaws
        }
        return []
    }

    @Test("a tree that has everything passes")
    func complete() throws {
        tree["usr/bin/script"] = file("#!/bin/sh\n", 0o755)
        tree["usr/bin/other"] = file("#!/usr/bin/env -S sh -e\n", 0o755)
        tree["usr/bin/env"] = SampleProgram().entry
        #expect(try flaws() == [])
    }

    @Test("a library that went with a package is named with the file that needs it and the removal")
    func library() throws {
        tree["usr/bin/tool"] = SampleProgram(needed: ["libgone.so.1"]).entry
        #expect(
            try flaws(removed: ["usr/lib/x86_64-linux-gnu/libgone.so.1": "the package libgone1 (removals.conf:3)"]) == [
                "usr/bin/tool lacks the library libgone.so.1; it went with the package libgone1 (removals.conf:3)"
            ])
    }

    @Test("a library beside its program is found by $ORIGIN, and one that only has the name of a folder is not")
    func origin() throws {
        tree["usr/lib/app/tool"] =
            SampleProgram(
                interpreter: "/lib64/ld.so", needed: ["libown.so"], runPath: "$ORIGIN/lib", kind: 2
            ).entry
        #expect(try flaws() == ["usr/lib/app/tool lacks the library libown.so"])
        tree.makeFolder("usr/lib/libown.so")
        #expect(try flaws().count == 1)
        tree["usr/lib/app/lib/libown.so"] = SampleProgram().entry
        #expect(try flaws() == [])
    }

    @Test("a library that is loaded later counts when the program cannot do without, under any of its names")
    func loadedLater() throws {
        tree["usr/bin/udev"] =
            SampleProgram(
                note: #"[{"priority":"required","soname":["libkmod.so.2","libkmod.so.1"]}]"#
            ).entry
        #expect(try flaws() == ["usr/bin/udev lacks the library libkmod.so.2"])
        tree["usr/lib/libkmod.so.1"] = SampleProgram().entry
        #expect(try flaws() == [])
    }

    @Test(
        "a script whose interpreter is missing is named, also behind env",
        arguments: [
            ("#!/usr/bin/perl -w", "/usr/bin/perl"), ("#! /bin/bash", "/bin/bash"), ("#!/usr/bin/sh\n", ""),
            ("#!/bin/env python3", "python3"),
        ])
    func interpreter(line: String, missing: String) throws {
        tree["usr/bin/env"] = SampleProgram().entry
        tree["usr/bin/script"] = file("\(line)\n", 0o755)
        tree["usr/share/template"] = file("#!/usr/bin/perl\n")
        #expect(try flaws() == (missing.isEmpty ? [] : ["usr/bin/script lacks its interpreter \(missing)"]))
    }

    @Test("a link that leads nowhere is named, one into a folder of the running system is not")
    func links() throws {
        tree["etc/a"] = .link(TreeLink(target: "/usr/bin/gone"))
        tree["etc/b"] = .link(TreeLink(target: "../run/systemd/resolve/stub-resolv.conf"))
        tree["etc/c"] = .link(TreeLink(target: "/proc/self/mounts"))
        tree["etc/loop"] = .link(TreeLink(target: "loop"))
        tree["etc/up"] = .link(TreeLink(target: "../../../../usr/bin/sh"))
        #expect(
            try flaws() == [
                "etc/a leads to /usr/bin/gone, which is not there", "etc/loop leads to loop, which is not there",
            ])
    }

    @Test("a damaged program is named instead of being taken for complete")
    func damaged() throws {
        tree["usr/bin/cut"] = .file(
            TreeFile(attributes: .init(permissions: 0o755), content: .bytes([0x7F, 0x45, 0x4C, 0x46, 2])))
        #expect(try flaws() == ["usr/bin/cut cannot be read: its header is cut off"])
    }

    @Test("the program of a unit has to be there, unless the unit says that it may be missing")
    func units() throws {
        tree["usr/lib/systemd/system/a.service"] = file(
            """
            [Service]
            ExecStartPre=-/usr/bin/optional
            ExecStart=!!/usr/bin/gone --now
            ExecStop=/bin/sh -c 'x'
            ExecReload=/usr/bin/%i
            """)
        tree["usr/lib/systemd/system/b.service"] = file(
            "[Unit]\nConditionFileIsExecutable=/etc/rc.local\n[Service]\nExecStart=/etc/rc.local start\n")
        tree["etc/systemd/system/c.service.d/x.conf"] = file("[Service]\nExecStart=\nExecStart=@/usr/bin/away away\n")
        #expect(
            try flaws() == [
                "etc/systemd/system/c.service.d/x.conf lacks the program /usr/bin/away",
                "usr/lib/systemd/system/a.service lacks the program /usr/bin/gone",
            ])
    }

    @Test("the program of a udev rule has to be there")
    func rules() throws {
        tree["usr/lib/udev/rules.d/60-x.rules"] = file(
            """
            # PROGRAM="/usr/bin/comment"
            KERNEL=="sd*", IMPORT{builtin}="blkid", PROGRAM=="/usr/bin/gone -x", RUN+="helper $name"
            RUN{builtin}+="kmod load x", IMPORT{program}="/usr/lib/udev/$env{X}"
            """)
        #expect(
            try flaws() == [
                "usr/lib/udev/rules.d/60-x.rules lacks the program /usr/bin/gone",
                "usr/lib/udev/rules.d/60-x.rules lacks the program helper",
            ])
    }
}
