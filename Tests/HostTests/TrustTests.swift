import Glibc
import LinuxSystem
import SysrootFixtures
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

/// Who has to have signed what, as the operator meets it.
@Suite struct TrustTests {
    private func etcKeys(_ host: HostFixture) throws -> FilePath {
        try host.folder().appending("etc/hostctl/trusted-keys.d")
    }

    private func otherKey(_ host: HostFixture, _ name: String = "other") throws -> FilePath {
        let path = host.sysroot.beside("\(name).pem")
        try host.succeed("key", "generate", path.string)
        return path
    }

    @Test("the keys of an installation become the installed host's")
    func installedKeys() throws {
        let host = try HostFixture.prepared()
        #expect(try Files.names(in: etcKeys(host)) == ["release.pem"])
        let signature = try host.deployments()[0].fields("signature")
        #expect(try signature.string("verdict") == "trusted")
        #expect(try signature.strings("keys").count == 1)
    }

    @Test("a key revoked between download and deployment: nothing is deployed", arguments: ["", "/dev/null"])
    func revokedMeanwhile(_ link: String) throws {
        let host = try HostFixture(releases: [], installed: nil)
        let other = try otherKey(host)
        var image = HostFixture.image("1")
        let key = try Files.read(host.publicKey, limit: 4096)
        image.files["usr/lib/hostctl/trusted-keys.d/vendor.pem"] = String(decoding: key, as: UTF8.self)
        try host.publish(image)
        try host.install(arguments: ["--trusted-key", "\(other).pub"])
        image.version = "2"
        try host.publish(image)
        try host.change("upgrade", "--download-only")
        let mask = try etcKeys(host).appending("vendor.pem")
        if link.isEmpty { try Files.replace(mask, with: []) } else { try Files.replaceLink(mask, target: link) }
        expect(try host.onSysroot("upgrade", "--from-downloaded"), 3, "revoked")
        expect(try host.onSysroot("upgrade"), 3, "revoked")
        try host.expectAgreement(["1"])
        #expect(try host.deployments()[0].fields("signature").string("verdict") == "revoked")
        #expect(try host.change("status").text.contains("BAD, by revoked key"))
    }

    @Test("without a trusted key nothing is fetched, whatever the origin has")
    func noKey() throws {
        let host = try HostFixture.prepared()
        try Files.remove(etcKeys(host).appending("release.pem"))
        expect(try host.onSysroot("upgrade"), 3, "no trusted key is in")
        try host.expectAgreement(["2", "1"])
    }

    @Test("a release that only an unknown key has signed is refused")
    func unknownKey() throws {
        let host = try HostFixture()
        let other = try otherKey(host)
        try host.build(HostFixture.image("3"))
        let publication =
            host.publication().map { $0 == host.key.string ? other.string : $0 }
            + ["--trusted-key", host.publicKey.string]
        try host.succeed(publication)
        expect(try host.onSysroot("upgrade"), 3, "no trusted key has signed it")
        try host.expectAgreement(["1"])
    }

    @Test(
        "a release that two keys have signed is good for whoever trusts one of them", arguments: ["release", "other"])
    func severalKeys(_ trusted: String) throws {
        let host = try HostFixture(releases: [], installed: nil)
        let other = try otherKey(host)
        try host.build(HostFixture.image("1"))
        try host.succeed(host.publication() + ["--key", other.string])
        let key = host.sysroot.beside("\(trusted).pem.pub").string
        try host.succeed(host.installation().map { $0 == host.publicKey.string ? key : $0 })
        try host.expectAgreement(["1"])
        #expect(try host.deployments()[0].fields("signature").strings("keys").count == 1)
    }

    @Test("an external command signs, so that the private key may be anywhere")
    func signCommand() throws {
        let host = try HostFixture()
        let program = """
            file=$(mktemp) && cat > "$file" && openssl pkeyutl -sign -rawin -in "$file" -inkey '\(host.key)'; rm "$file"
            """
        try host.build(HostFixture.image("2.1"))
        try host.succeed(
            ["release", "publish", host.origin.string, HostFixture.ref, "--store", host.buildsPath.string]
                + ["--sign-command", program, "--public-key", host.publicKey.string])
        try host.change("upgrade")
        try host.expectAgreement(["2.1", "1"])
    }

    @Test("an external command that signs with another key, or fails, publishes nothing", arguments: ["other", "none"])
    func wrongSignCommand(_ kind: String) throws {
        let host = try HostFixture()
        let other = try otherKey(host)
        let sign = "file=$(mktemp); cat > $file; openssl pkeyutl -sign -rawin -in $file -inkey '\(other)'; rm $file"
        try host.build(HostFixture.image("3"))
        let result = try host.hostctl(
            ["release", "publish", host.origin.string, HostFixture.ref, "--store", host.buildsPath.string]
                + ["--sign-command", kind == "other" ? sign : "exit 3", "--public-key", host.publicKey.string])
        #expect(result.status == 1 || result.status == 3, "\(result.errorText)")
        #expect(try host.changeJSON("upgrade", "--check").string("version") == "2")
    }

    @Test("an encrypted key signs with its passphrase, and not without")
    func passphrase() throws {
        let host = try HostFixture()
        let passphrase = host.sysroot.beside("passphrase")
        try Files.replace(passphrase, with: Array("a secret\n".utf8))
        let key = host.sysroot.beside("locked.pem").string
        try host.succeed("key", "generate", key, "--passphrase-file", passphrase.string)
        try host.build(HostFixture.image("3"))
        let publication =
            host.publication().map { $0 == host.key.string ? key : $0 } + ["--trusted-key", host.publicKey.string]
        let refused = try host.hostctl(publication)
        #expect(refused.status == 1, "\(refused.errorText)")
        try host.succeed(publication + ["--passphrase-file", passphrase.string])
    }
}
