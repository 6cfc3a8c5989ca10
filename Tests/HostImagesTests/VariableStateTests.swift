import ObjectFormats
import ObjectStorage
import Testing

@testable import HostImages

@Suite("/var is made at boot") struct VariableStateTests {
    let tree = sampleTree()

    private func rules() throws -> [String] {
        _ = try TreeConversion.convert(tree)
        return tree.variableRules
    }

    @Test("a folder keeps its owner and every bit of its mode")
    func folders() throws {
        tree["var/mail"] = folder(0o2775, gid: 8)
        tree["var/lib/odd"] = folder(0o1770, uid: 101, gid: 102)
        let rules = try rules()
        #expect(rules.contains("d /var/mail 2775 0 8 - -"))
        #expect(rules.contains("d /var/lib/odd 1770 101 102 - -"))
    }

    @Test("a link is made as it was")
    func links() throws {
        tree["var/spool/mail"] = .link(TreeLink(target: "../mail"))
        #expect(try rules().contains("L /var/spool/mail - - - - ../mail"))
    }

    @Test("a package's file is kept in the factory folder and copied where it is missing")
    func files() throws {
        tree["var/lib/pam/auth"] = file("pam", 0o600, uid: 5)
        #expect(try rules().contains("C /var/lib/pam/auth 0600 5 0 - -"))
        #expect(tree.text("usr/share/factory/var/lib/pam/auth") == "pam")
        #expect(tree.permissions("usr/share/factory/var/lib/pam/auth") == 0o600)
    }

    @Test("files of root's home follow it")
    func rootHome() throws {
        tree["root/.profile"] = file("umask 022")
        #expect(try rules().contains("C /var/roothome/.profile 0644 0 0 - -"))
    }

    @Test("what a package's own tmpfiles.d makes is left to it")
    func declared() throws {
        tree["var/lib/systemd/coredump"] = folder(0o755)
        tree["var/log/journal"] = folder(0o2755)
        tree["usr/lib/tmpfiles.d/systemd.conf"] = file(
            "d /var/lib/systemd 0755 root root -\nd\t/var/lib/systemd/coredump 0755 root root 2w\nz /var/log/journal 2755 - -\n"
        )
        let rules = try rules()
        #expect(!rules.contains { $0.hasPrefix("d /var/lib/systemd") })
        #expect(rules.contains("d /var/log/journal 2755 0 0 - -"), "a rule that only adjusts makes nothing")
    }

    @Test("a package's rule for /home or /root names the folder behind the link")
    func redirected() throws {
        tree["usr/lib/tmpfiles.d/home.conf"] = file(
            "# /home\nQ /home 0755 - - -\nq /srv 0755 - - -\nd /homestead 0755\n")
        tree["usr/lib/tmpfiles.d/root.conf"] = file("d- /root/.ssh :0700 root :root -")
        let rules = try rules()
        #expect(
            tree.text("usr/lib/tmpfiles.d/home.conf")
                == "# /home\nQ /var/home 0755 - - -\nq /var/srv 0755 - - -\nd /homestead 0755\n")
        #expect(tree.text("usr/lib/tmpfiles.d/root.conf") == "d- /var/roothome/.ssh :0700 root :root -")
        #expect(!rules.contains { $0.contains("/var/home") })
    }

    @Test(
        "names with white space and percent signs are written so that tmpfiles reads them",
        arguments: [
            ("a b", "d \"/var/lib/a b\" 0755 0 0 - -"), ("100%", "d /var/lib/100%% 0755 0 0 - -"),
            ("a\"b", "d \"/var/lib/a\\\"b\" 0755 0 0 - -"), ("a\\b", "d /var/lib/a\\\\b 0755 0 0 - -"),
        ])
    func escapes(name: String, expected: String) throws {
        tree["var/lib/\(name)"] = folder(0o755)
        #expect(try rules().contains(expected))
    }

    @Test("a link whose target has a percent sign is not expanded")
    func linkTarget() throws {
        tree["var/lib/x"] = .link(TreeLink(target: "50%b"))
        #expect(try rules().contains("L /var/lib/x - - - - 50%%b"))
    }
}
