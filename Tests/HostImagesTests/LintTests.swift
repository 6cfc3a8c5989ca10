import Checksums
import Glibc
import LinuxSystem
import ObjectFormats
import ObjectStorage
import SystemPackage
import TestSupport
import Testing

@testable import HostImages

@Suite("lint") struct LintTests {
    /// A converted tree that passes every check.
    private func image() throws -> TreeFolder {
        let tree = sampleTree()
        tree["usr/lib/sysusers.d/basic.conf"] = file("u root 0 - /root\n")
        _ = try TreeConversion.convert(tree)
        return tree
    }

    private func findings(_ tree: TreeFolder, setuidFiles: [String]? = nil) throws -> [LintFinding] {
        try Linter(policy: LintPolicy(setuidFiles: setuidFiles)).check(LintSubject(tree)).findings
    }

    @Test("a converted tree passes every check")
    func clean() throws {
        let report = try Linter(policy: LintPolicy()).check(LintSubject(image()))
        #expect(report.findings.isEmpty, "\(report.findings)")
        #expect(report.passed == LintCheck.all.count)
    }

    @Test("each check finds its own mistake, and no other does", arguments: Mistake.allCases)
    private func mistakes(mistake: Mistake) throws {
        let tree = try image()
        mistake.apply(to: tree)
        let findings = try findings(tree)
        #expect(findings.map(\.check) == [mistake.rawValue], "\(findings)")
        #expect(findings.first?.level == mistake.level)
    }

    @Test(
        "a folder that services cannot enter, or others can write to, is fatal under its name",
        arguments: [
            ("", 0o700, "/ (0700)"), ("usr", 0o750, "/usr (0750)"), ("usr/etc", 0o711, "/etc (0711)"),
            ("usr/lib", 0o775, "/usr/lib (0775)"), ("usr/bin", 0o1777, "/usr/bin (1777)"),
        ])
    func closedFolder(path: String, permissions: Int, name: String) throws {
        let tree = try image()
        tree.folder(at: path)?.attributes.permissions = UInt32(permissions)
        let finding = try #require(try findings(tree).first)
        #expect(finding.level == .fatal && finding.items == [name], "\(finding)")
        tree.folder(at: path)?.attributes = FileAttributes(uid: 1000, permissions: 0o755)
        #expect(try findings(tree).first?.items.first?.contains("owned by user 1000") == true)
        tree.folder(at: path)?.attributes = FileAttributes(permissions: 0o555)
        #expect(try findings(tree).isEmpty)
    }

    private enum Mistake: String, CaseIterable {
        case api = "api-base-directories"
        case root = "baseimage-root"
        case injected = "buildah-injected"
        case cases = "case-collision"
        case dangling = "etc-dangling-links"
        case twoEtc = "etc-usretc"
        case large = "folder-size"
        case closed = "folder-modes"
        case kernel
        case boot = "nonempty-boot"
        case runtime = "nonempty-run-tmp"
        case setuid = "setuid-files"
        case users = "sysusers"
        case logs = "var-log"
        case varRun = "var-run"
        case state = "var-tmpfiles"

        var level: LintLevel {
            switch self {
            case .api, .root, .twoEtc, .kernel, .varRun, .closed: .fatal
            default: .warning
            }
        }

        func apply(to tree: TreeFolder) {
            switch self {
            case .api: tree.entries["proc"] = nil
            case .root: tree.entries["ostree"] = .link(TreeLink(target: "/elsewhere"))
            case .injected: tree["usr/etc/resolv.conf"] = file("")
            case .cases: tree["usr/bin/Tool"] = tree["usr/bin/tool"].map { $0 } ?? addTwo(tree)
            case .dangling: tree["usr/etc/link"] = .link(TreeLink(target: "../usr/lib/nothing"))
            case .twoEtc: tree["etc/passwd"] = file("")
            case .large:
                let folder = tree.makeFolder("usr/many")
                for index in 0..<20_000 { folder.entries["\(index)-" + String(repeating: "n", count: 240)] = file("") }
            case .closed: tree.attributes.permissions = 0o700
            case .kernel: tree["usr/lib/modules/6.2/vmlinuz"] = file("")
            case .boot: tree["boot/grub.cfg"] = file("")
            case .runtime: tree["tmp/x"] = file("")
            case .setuid: tree["usr/bin/su"] = file("", 0o4755)
            case .users: tree["usr/etc/group"] = file("root:x:0:\napp:x:999:\n")
            case .logs: tree["var/log/x/dpkg.log"] = addLog(tree)
            case .varRun: tree.makeFolder("var/run")
            case .state: tree["var/lib/x"] = file("")
            }
        }

        private func addTwo(_ tree: TreeFolder) -> TreeEntry {
            tree["usr/bin/tool"] = file("")
            return file("")
        }

        /// /var/log itself is made by tmpfiles.d.
        private func addLog(_ tree: TreeFolder) -> TreeEntry {
            tree["usr/lib/tmpfiles.d/var.conf"] = file("d /var/log 0755 root root - -\n")
            return file("log")
        }
    }

    @Test("a folder that is too large to be fetched is fatal, near that it is a warning")
    func folderSize() throws {
        let tree = try image()
        let many = tree.makeFolder("usr/many")
        for index in 0..<40_000 { many.entries["\(index)-" + String(repeating: "n", count: 240)] = file("") }
        let findings = try findings(tree)
        #expect(findings.map(\.level) == [.fatal])
        // The estimate is not below what is written.
        let files = many.sortedNames.map {
            DirectoryTree.File(name: $0, checksum: .init(bytes: [UInt8](repeating: 0, count: 32))!)
        }
        let size = DirectoryTree(files: files, folders: []).encode().count
        #expect(many.encodedSize >= size && many.encodedSize <= size + 100)
    }

    @Test("links in /etc are followed inside the tree, as a host has it")
    func links() throws {
        let tree = try image()
        let targets = [
            "../usr/bin": true, "/usr/bin": true, "passwd": true, "/etc/passwd": true, "../run/x": true,
            "/proc/mounts": true, "/dev/null": true, "../../../usr/bin": true, "/lib/modules": true,
            "sub/../passwd": false, "loop": false, "/usr/nothing": false, "passwd/x": false, "/var/lib/x": true,
        ]
        for (target, leads) in targets {
            tree["usr/etc/loop"] = .link(TreeLink(target: target))
            #expect(try findings(tree).isEmpty == leads, "\(target)")
        }
    }

    @Test("a set-id file whose name only begins like an allowed one, or only looks like it, is not allowed")
    func similarNames() throws {
        for name in ["su (x", "su (setuid)", "e\u{301}"] {
            let tree = try image()
            tree["usr/bin/\(name)"] = file("", 0o4755)
            let findings = try findings(tree, setuidFiles: ["/usr/bin/su", "/usr/bin/\u{E9}"])
            #expect(findings.filter { $0.level == .fatal }.map(\.items) == [["/usr/bin/\(name) (setuid)"]])
        }
    }

    @Test("set-id files and capabilities are those of the list; a list that is too long is a warning")
    func setuid() throws {
        let tree = try image()
        tree["usr/bin/su"] = file("", 0o4755)
        let capability = ExtendedAttribute(name: Array("security.capability".utf8), value: [1])
        let attributes = FileAttributes(permissions: 0o755, extendedAttributes: [capability])
        tree["usr/bin/ping"] = .file(TreeFile(attributes: attributes, content: .bytes([])))
        tree["usr/shared"] = folder(0o2755)
        #expect(try findings(tree, setuidFiles: ["/usr/bin/su", "/usr/bin/ping"]).isEmpty)
        let missing = try findings(tree, setuidFiles: ["/usr/bin/su", "/usr/bin/gone"])
        #expect(missing.map(\.level) == [.fatal, .warning])
        #expect(missing.map(\.items) == [["/usr/bin/ping (capabilities)"], ["/usr/bin/gone"]])
        #expect(try findings(tree).first?.items.count == 2)
    }

    @Test("files on disk that cannot be stored are findings, not the end")
    func onDisk() throws {
        let folder = try TemporaryFolder()
        try folder.write("root/usr/lib/modules/6.1/vmlinuz", text: "kernel")
        let root = folder.path.appending("root")
        for name in ["dev", "proc", "sys", "run", "tmp", "var", "etc"] { try Files.makeFolder(root.appending(name)) }
        #expect(mkfifo(root.appending("usr/pipe").string, 0o600) == 0)
        #expect(mkfifo(root.appending("dev/pipe").string, 0o600) == 0)
        let bad = Array(root.appending("usr/bad").string.utf8CString.dropLast()) + [CChar(bitPattern: 0xFF), 0]
        close(open(bad, O_CREAT | O_WRONLY, 0o644))
        let report = try Linter(policy: LintPolicy()).check(LintSubject(folder: root))
        #expect(report.findings.map(\.check) == ["unsupported-files", "utf8"])
        #expect(report.count(.fatal) == 2)
    }

    @Test("checks can be left out, and warnings count as fatal when asked")
    func policy() throws {
        let tree = try image()
        tree["tmp/x"] = file("")
        let subject = LintSubject(tree)
        let skipping = try Linter(policy: LintPolicy(skipped: ["nonempty-run-tmp"])).check(subject)
        #expect(skipping.findings.isEmpty && skipping.skipped == ["nonempty-run-tmp"])
        let strict = try Linter(policy: LintPolicy(warningsAreFatal: true)).check(subject)
        #expect(throws: ImageError.self) { try strict.requireSuccess() }
        #expect(throws: ImageError.unknownCheck("nonempty")) { try LintPolicy(skipped: ["nonempty"]) }
    }
}
