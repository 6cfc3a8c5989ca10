import ObjectFormats
import Settings
import SystemPackage
import TestSupport
import Testing

@testable import HostImages

@Suite("recipes") struct RecipeTests {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try folder.write(
            "image.conf", text: "[Image]\nSuite=trixie\nChannel=test/stable\nPackages=systemd linux-image-cloud-amd64\n"
        )
    }

    private func read(_ overrides: String...) throws -> Recipe {
        try Recipe(reading: folder.path, overrides: overrides)
    }

    private func error(_ overrides: String...) -> SettingsError? {
        #expect(throws: SettingsError.self) { try Recipe(reading: folder.path, overrides: overrides) }
    }

    @Test("what is not set has Debian's public archive and the machine's architecture as default")
    func defaults() throws {
        let recipe = try read()
        #expect(recipe.variant == "minbase")
        #expect(recipe.components == ["main"])
        #expect(recipe.pockets == [])
        #expect(recipe.mirrors == ["http://deb.debian.org/debian"])
        #expect(recipe.version == nil)
        #expect(["x86_64", "aarch64"].contains(recipe.architecture))
        #expect(recipe.ref == "test/stable/\(recipe.architecture)")
    }

    @Test("an override counts after the drop-ins")
    func overrides() throws {
        try folder.write("image.conf.d/10.conf", text: "[Image]\nSuite=sid\nPackages=crun")
        #expect(try read().suite == "sid")
        let recipe = try read("Suite=bookworm", "Packages=nftables", "Architecture=aarch64")
        #expect(recipe.suite == "bookworm")
        #expect(recipe.packages == ["systemd", "linux-image-cloud-amd64", "crun", "nftables"])
        #expect(recipe.debianArchitecture == "arm64")
    }

    @Test("an unknown key is named with its line and the nearest key")
    func unknownKey() throws {
        let path = try folder.write("image.conf.d/10.conf", text: "[Image]\nPakages=crun")
        #expect(
            error() == SettingsError("\(path):2", "[Image] has no key 'Pakages'", advice: "did you mean 'Packages'?"))
    }

    @Test(
        "a recipe without a suite, a channel or packages is refused with an example",
        arguments: ["Suite", "Channel", "Packages"])
    func missing(key: String) {
        let error = error("\(key)=")
        #expect(error?.problem == "[Image] needs \(key)=")
        #expect(error?.advice?.isEmpty == false)
    }

    @Test(
        "a value that would become another path, address or option is refused",
        arguments: [
            "Suite=../trixie", "Suite=tri xie", "Suite=-trixie", "Channel=/stable", "Channel=a//b", "Channel=a/../b",
            "Channel=a/.hidden", "Channel=a/x86_64", "Channel=ostree/0", "Channel=1/2/3/4/5/6/7/8/9", "Version=index",
            "Version=1/2", "Version=-1", "Version=..", "Components=main;reboot",
            "Packages=--simulate",
            "Packages=a,b", "Packages=?essential", "Packages=./local.deb", "Mirrors=ftp://example.org/debian",
            "Mirrors=deb.debian.org", "Mirrors=\"http://x [trusted=yes]\"", "Keyring=keys.gpg", "Keyring=/a b",
            "Pockets=backports", "PathExcludes=usr/share/doc/*", "Variant=buildd", "Distribution=ubuntu",
            "Architecture=amd64",
        ])
    func refused(override: String) {
        let error = error(override)
        #expect(error?.place == "--set \(override)")
        #expect(error?.advice?.isEmpty == false)
    }

    @Test("a list of mirrors that is emptied is refused")
    func noMirrors() { #expect(error("Mirrors=")?.problem == "Mirrors= is empty") }

    @Test("a folder that is no recipe is refused")
    func noRecipe() {
        #expect(throws: (any Error).self) { try Recipe(reading: folder.path.appending("nothing")) }
    }

    @Test("the main archive alone is one line, each pocket adds its own")
    func sources() throws {
        let signed = "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
        #expect(AptSources.lines(try read()) == ["\(signed) http://deb.debian.org/debian trixie main"])
        #expect(
            AptSources.lines(try read("Pockets=security updates", "Components=main contrib")) == [
                "\(signed) http://deb.debian.org/debian trixie main contrib",
                "\(signed) http://deb.debian.org/debian trixie-updates main contrib",
                "\(signed) http://deb.debian.org/debian-security trixie-security main contrib",
            ])
    }

    @Test("path excludes become dpkg's options in their order, exceptions too")
    func excludes() throws {
        let recipe = try read("PathExcludes=/usr/share/doc/* !/usr/share/doc/*/copyright")
        let lock = PackageLock(suite: "trixie", architecture: "amd64", sourceDate: 1, sources: [], packages: [])
        let stage = PackageStage(
            recipe: recipe, lock: lock, tree: "/work/tree", cache: "/work/packages",
            environment: BuildEnvironment(sourceDate: 1))
        let command = stage.command(sources: "/work/sources.list")
        let exclude = try #require(command.firstIndex(of: "--dpkgopt=path-exclude=/usr/share/doc/*"))
        #expect(command[exclude + 1] == "--dpkgopt=path-include=/usr/share/doc/*/copyright")
        #expect(command.suffix(3) == ["trixie", "/work/tree", "/work/sources.list"])
    }

    @Test("the lean host's recipe is valid, and has SSH as an option")
    func leanHost() throws {
        let recipe = try Recipe(reading: "images/lean-host")
        #expect(recipe.channel == "lean-host/stable")
        #expect(!recipe.packages.contains("openssh-server"))
        let remote = try Recipe(reading: "images/lean-host", overrides: ["Options=ssh"])
        #expect(remote.packages == recipe.packages + ["openssh-server"])
        #expect(remote.removals.count > recipe.removals.count)
    }

    @Test("an option that the recipe does not have is refused")
    func noOption() {
        #expect(error("Options=ssh")?.problem == "Options= cannot be 'ssh'")
        #expect(error("Options=../x")?.problem == "Options= cannot be '../x'")
    }

    @Test("hostctl's own programs are looked for relative to the recipe")
    func binaries() throws {
        #expect(try read().hostctlBinaries == nil)
        #expect(try read("HostctlBinaries=bin/x").hostctlBinaries == folder.path.appending("bin/x"))
        #expect(try read("HostctlBinaries=/opt/x").hostctlBinaries == "/opt/x")
    }
}

@Suite("what a build reads") struct BuildInputTests {
    @Test(
        "a date as the archive writes it is read, anything else is not",
        arguments: [
            ("Sat, 08 Nov 2025 10:12:00 UTC", 1_762_596_720), ("Thu, 29 Feb 2024 00:00:00 +0000", 1_709_164_800),
            ("Sat, 08 Nov 2025 10:12:00 CET", nil), ("2025-11-08", nil), ("", nil),
            ("Sat, 8 Foo 2025 10:12:00 UTC", nil),
        ] as [(String, UInt64?)])
    func dates(text: String, expected: UInt64?) { #expect(ArchiveDate.parse(text) == expected) }

    @Test("each of the archive's index files counts with its date")
    func sources() throws {
        let folder = try TemporaryFolder()
        #expect(try ArchiveDate.sources(in: folder.path.appending("lists")) == [])
        try folder.write("lists/a_InRelease", text: "Origin: Debian\nDate: Sat, 08 Nov 2025 10:12:00 UTC\n")
        try folder.write("lists/b_InRelease", text: "Date: Sun, 09 Nov 2025 10:12:00 UTC\n")
        try folder.write("lists/c_Packages", text: "Date: Mon, 10 Nov 2025 10:12:00 UTC\n")
        try folder.write("lists/a_dists_trixie_InRelease", text: "Date: Sun, 09 Nov 2025 10:12:00 UTC\n")
        #expect(
            try ArchiveDate.sources(in: folder.path.appending("lists")) == [
                PackageLock.Source(index: "a", date: 1_762_596_720),
                PackageLock.Source(index: "a/dists/trixie", date: 1_762_683_120),
                PackageLock.Source(index: "b", date: 1_762_683_120),
            ])
    }

    @Test("a package that is not installed is not listed, a held one is")
    func packages() throws {
        let status = try #require(sampleTree().text("var/lib/dpkg/status"))
        let list = PackageList.parse(status: status)
        #expect(
            list == [
                InstalledPackage(name: "ca-certificates", version: "1:2025", architecture: "all", installedKiB: 0),
                InstalledPackage(name: "systemd", version: "257.9-1", architecture: "amd64", installedKiB: 10500),
            ])
    }

    @Test("a version made of a date sorts as the date does")
    func version() {
        #expect(Timestamps.version(1_762_596_720) == "20251108.101200")
        #expect(Timestamps.text(1_762_596_720) == "2025-11-08T10:12:00Z")
    }
}
