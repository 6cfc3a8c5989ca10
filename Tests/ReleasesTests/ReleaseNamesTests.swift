import Releases
import Testing

@Suite struct ReleaseNamesTests {
    @Test("ordinary channels are accepted", arguments: ["stable", "lean-host/stable", "a/b/c", "Debian_13.2/x", "0"])
    func channels(_ text: String) throws { #expect(try ChannelName(text).text == text) }

    @Test(
        "a channel that would leave its folder or confuse a ref is refused",
        arguments: [
            "", "/", "..", "../x", "a/..", "a/../b", "a//b", "/a", "a/", ".", "a/.", ".hidden", "a/.git", "-option",
            "a b",
            "a\0b", "a\nb", "é", "a\\b", "a:b", "a*", "~", "a/b/c/d/e/f/g/h/i", "a/x86_64", "aarch64", "ostree/0",
            "hostctl/x",
            "\u{ff0e}\u{ff0e}", "a%2f", String(repeating: "a", count: 65), "e\u{301}",
        ])
    func badChannels(_ text: String) {
        #expect(throws: ReleaseError.invalidName(kind: "channel", name: text)) { try ChannelName(text) }
    }

    @Test("ordinary versions are accepted", arguments: ["1", "13.2-20261101", "2026.11.28_1", "v1.0"])
    func versions(_ text: String) throws { #expect(try VersionName(text).text == text) }

    @Test(
        "a version that is no plain file name is refused",
        arguments: [
            "", ".", "..", "a/b", "../1", "/1", "-1", ".1", "1 2", "index", "1\0", "1\n", "é",
            String(repeating: "1", count: 65),
        ])
    func badVersions(_ text: String) {
        #expect(throws: ReleaseError.invalidName(kind: "version", name: text)) { try VersionName(text) }
    }

    @Test(
        "an architecture that hostctl is not made for is refused", arguments: ["", "arm64", "amd64", "X86_64", "../x"])
    func badArchitectures(_ text: String) {
        #expect(throws: ReleaseError.invalidName(kind: "architecture", name: text)) { try Architecture(text) }
    }

    @Test("an origin's paths are those of the documentation")
    func layout() throws {
        let channel = try ChannelName("lean-host/stable")
        let architecture = try Architecture("x86_64")
        let index = OriginLayout.index(channel: channel, architecture: architecture)
        #expect(index == "releases/lean-host/stable/x86_64/index.json")
        #expect(OriginLayout.ref(channel: channel, architecture: architecture) == "lean-host/stable/x86_64")
        let manifest = OriginLayout.manifest(
            channel: channel, architecture: architecture, version: try VersionName("13.2"))
        #expect(manifest == "releases/lean-host/stable/x86_64/13.2.json")
        #expect(OriginLayout(root: "http://x/y//").place(of: index) == "http://x/y/\(index)")
        #expect(OriginLayout(root: "/").place(of: "store") == "/store")
    }

    @Test("an index path gives its channel back, and other paths none")
    func indexPath() throws {
        let found = OriginLayout.channel(ofIndex: "releases/lean-host/stable/x86_64/index.json")
        #expect(found?.channel.text == "lean-host/stable")
        #expect(found?.architecture.text == "x86_64")
        for path in [
            "", "index.json", "releases/index.json", "releases/x86_64/index.json", "store/a/x86_64/index.json",
            "releases/../x86_64/index.json", "releases/a/sparc/index.json", "releases/a/x86_64/1.json",
        ] {
            #expect(OriginLayout.channel(ofIndex: path) == nil)
        }
    }
}
