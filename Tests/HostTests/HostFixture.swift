import Glibc
import LinuxSystem
import ObjectStorage
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

/// A release key, an origin with releases of `lean-host/stable`, and a sysroot that follows it: all made by the built
/// executables, as an operator would make them.
final class HostFixture {
    static let channel = "lean-host/stable"
    static let otherChannel = "lean-host/testing"
    static let ref = "lean-host/stable/x86_64"

    /// The sysroot's folder, empty until something is installed.
    let sysroot: TestSysroot
    /// Where key, builds and origin lie; a host made by `prepared` shares them with others.
    private let shared: TestSysroot
    /// The store that images are built into.
    let builds: Store
    /// The origin's address as hosts know it; a test may put a server in front of the folder.
    var address: String
    /// From how many earlier releases publications make patches.
    var patches = 0
    /// Whether publications make a full pack.
    var fullPack = false

    /// - Parameters:
    ///   - releases: the versions to publish, oldest first.
    ///   - installed: the version to install; none leaves the sysroot's folder empty.
    convenience init(releases: [String] = ["1", "2"], installed: String? = "1") throws {
        if releases.starts(with: ["1", "2"]), installed == "1" || installed == nil {
            try self.init(copying: PreparedHosts.fresh.get())
            for version in releases.dropFirst(2) { try publish(version) }
            if installed != nil { return }
            try Files.removeTree(root)
            try Files.makeFolder(root)
        } else {
            try self.init(publishing: releases, installing: installed)
        }
    }

    /// A host at 2, with 1 as rollback and 3 to upgrade to. The sysroot is the test's own; the origin is shared
    /// and must not be changed.
    static func prepared() throws -> HostFixture { try HostFixture(at: PreparedHosts.upgraded.get()) }

    /// A host at 2, with 1 as rollback, 3 to upgrade to, 7 in another channel, and an image of 4 to publish.
    ///
    /// - Parameter ownsOrigin: whether the origin may be changed.
    static func varied(ownsOrigin: Bool = false) throws -> HostFixture {
        let prepared = try PreparedHosts.varied.get()
        return try ownsOrigin ? HostFixture(copying: prepared) : HostFixture(at: prepared)
    }

    /// A folder to install into, and the origin of `varied`.
    static func empty() throws -> HostFixture { try HostFixture(at: PreparedHosts.varied.get(), isEmpty: true) }

    /// A host like one that is prepared, with an origin of releases that are large enough for patches.
    static func patched() throws -> HostFixture { try HostFixture(at: PreparedHosts.patched.get()) }

    /// A copy of another host's sysroot, which shares that one's origin.
    init(like other: HostFixture) throws {
        sysroot = try TestSysroot()
        (shared, address, builds, patches) = (other.shared, other.address, other.builds, other.patches)
        try PreparedHosts.copy(other.root, to: root)
    }

    /// Makes everything.
    init(publishing releases: [String], installing installed: String?) throws {
        sysroot = try TestSysroot()
        shared = sysroot
        address = "file://\(sysroot.beside("origin"))"
        builds = try Store.create(at: sysroot.beside("builds"), mode: .bare)
        try succeed("key", "generate", key.string)
        try succeed("release", "init", origin.string)
        for version in releases { try publish(version) }
        if let installed { try install(version: installed) }
    }

    /// Copies everything, and follows the origin's copy.
    private init(copying other: TestSysroot) throws {
        sysroot = try TestSysroot()
        shared = sysroot
        address = "file://\(sysroot.beside("origin"))"
        try PreparedHosts.copy(other.folder, to: sysroot.folder)
        builds = try Store(opening: sysroot.beside("builds"))
        try SysrootState(origin: address, channel: Self.channel, architecture: "x86_64").save(sysroot.paths)
    }

    /// Copies the sysroot alone, or nothing.
    private init(at other: TestSysroot, isEmpty: Bool = false) throws {
        sysroot = try TestSysroot()
        shared = other
        address = "file://\(other.beside("origin"))"
        builds = try Store(opening: other.beside("builds"))
        if !isEmpty { try PreparedHosts.copy(other.root, to: root) }
    }

    var root: FilePath { sysroot.root }
    /// The folder that would be served.
    var origin: FilePath { shared.beside("origin") }
    var buildsPath: FilePath { builds.path }
    var key: FilePath { shared.beside("release.pem") }
    var publicKey: FilePath { shared.beside("release.pem.pub") }

    /// A tiny image: of its files ten never change, ten change with each version.
    static func image(_ version: String, channel: String = HostFixture.channel) -> TestImage {
        var image = TestImage(version)
        image.channel = channel
        image.timestamp = 1_700_000_000 + 86_400 * (UInt64(version.prefix { $0 != "." }) ?? 0)
        for number in 0..<10 {
            image.files["usr/share/same/\(number)"] = "file \(number)\n"
            image.files["usr/share/changing/\(number)"] = "file \(number) of \(version)\n"
        }
        return image
    }

    /// An image of files that are large enough for differences, of which three stay, twelve change and three are new.
    static func largeImage(_ version: String) -> TestImage {
        var image = image(version)
        for number in 0..<15 {
            var lines = (0..<400).map { "\(number) \($0) \($0 &* 2_654_435_761 ^ number &* 40_503)" }
            if number >= 3 { lines[number * 7] = "changed in \(version)" }
            image.files["usr/lib/data/\(number)"] = lines.joined(separator: "\n")
        }
        for number in 0..<3 {
            let lines = (0..<300).map { "\($0 &* 48_271 &+ number) of \(version)" }
            image.files["usr/lib/data/new-\(version)-\(number)"] = lines.joined(separator: "\n")
        }
        return image
    }

    /// Builds an image and publishes it as its channel's newest release.
    func publish(_ version: String) throws { try publish(Self.image(version)) }

    /// Builds an image and publishes it as its channel's newest release.
    func publish(_ image: TestImage, to origin: FilePath? = nil) throws {
        try build(image)
        try succeed(publication(to: origin, "\(image.channel)/x86_64"))
    }

    /// Builds an image only.
    func build(_ image: TestImage) throws { _ = try image.commit(to: builds, ref: "\(image.channel)/x86_64") }

    /// The arguments of a publication.
    func publication(to origin: FilePath? = nil, _ image: String = HostFixture.ref) -> [String] {
        [
            "release", "publish", (origin ?? self.origin).string, image, "--store", buildsPath.string, "--key",
            key.string, "--patches", "\(patches)",
        ] + (fullPack ? ["--full-pack"] : [])
    }

    /// The arguments of an installation.
    func installation(version: String? = nil, at address: String? = nil) -> [String] {
        ["install", "sysroot", root.string, "--origin", address ?? self.address, "--channel", Self.channel]
            + ["--trusted-key", publicKey.string] + (version.map { ["--version", $0] } ?? [])
    }

    /// Installs into the sysroot's folder.
    func install(version: String? = nil, at address: String? = nil, arguments: [String] = []) throws {
        try succeed(installation(version: version, at: address) + arguments)
    }

    /// Runs hostctl with exactly these arguments.
    func hostctl(_ arguments: [String], environment: [String: String] = [:]) throws -> ProcessResult {
        try run([BuiltProducts.hostctl] + arguments, environment: environment)
    }

    /// Runs hostctl on the sysroot.
    func onSysroot(_ arguments: String..., environment: [String: String] = [:]) throws -> ProcessResult {
        try hostctl(arguments + ["--sysroot", root.string], environment: environment)
    }

    /// Runs hostctl with exactly these arguments, which must work.
    @discardableResult
    func succeed(_ arguments: String...) throws -> ProcessResult { try succeed(arguments) }

    /// Runs hostctl with exactly these arguments, which must work.
    @discardableResult
    func succeed(_ arguments: [String]) throws -> ProcessResult {
        let result = try hostctl(arguments)
        guard result.status == 0 else {
            throw CommandFailed(command: arguments.joined(separator: " "), errors: "\(result.end) \(result.errorText)")
        }
        return result
    }

    /// Runs hostctl on the sysroot, which must work.
    @discardableResult
    func change(_ arguments: String...) throws -> ProcessResult {
        try succeed(arguments + ["--sysroot", root.string])
    }

    /// The same, with the answer's JSON.
    func changeJSON(_ arguments: String...) throws -> JSONFields {
        try succeed(arguments + ["--json", "--sysroot", root.string]).json
    }
}

extension HostFixture {
    /// What `hostctl status --json` says.
    func status() throws -> JSONFields { try changeJSON("status") }

    /// The deployments that can be booted, in boot order.
    func deployments() throws -> [JSONFields] {
        try status().objects("deployments").filter { try $0.bool("listed") }
    }

    /// The versions in boot order, pinned ones with a `*`.
    func versions() throws -> [String] {
        try deployments().map { try $0.string("version") + ($0.bool("pinned") ? "*" : "") }
    }

    /// The folder of a deployment.
    func folder(_ index: Int = 0) throws -> FilePath {
        let record = try deployments()[index]
        return try sysroot.paths.deployments(of: record.string("stateroot")).appending(Self.folderName(record))
    }

    /// The name of a deployment's folder, as the stock tools show it, too.
    static func folderName(_ record: JSONFields) throws -> String {
        try "\(record.string("commit")).\(record.integer("serial"))"
    }

    /// The commit of a release of the channel.
    func commit(_ version: String) throws -> String {
        let channels = try JSONValue(
            strict: succeed("release", "list", origin.string, "--json").output, what: "the list")
        for channel in channels.array ?? [] {
            for release in try JSONFields(channel, what: "the list").objects("releases")
            where try release.string("version") == version {
                return try release.string("commit")
            }
        }
        throw CommandFailed(command: "release list", errors: "there is no release \(version)")
    }

    /// The stock tools see what `hostctl status` says, every object is whole, and nothing is amiss.
    func expectAgreement(_ expected: [String]? = nil, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let status = try status()
        let all = try status.objects("deployments")
        let listed = try all.filter { try $0.bool("listed") }
        let names = try listed.map { try Self.folderName($0) + ($0.bool("pinned") ? "*" : "") }
        #expect(try names == sysroot.stockStatus(), sourceLocation: sourceLocation)
        #expect(throws: Never.self, sourceLocation: sourceLocation) { try sysroot.fsck() }
        #expect(try status.objects("problems").isEmpty, sourceLocation: sourceLocation)
        #expect(try listed.allSatisfy { try $0.objects("problems").isEmpty }, sourceLocation: sourceLocation)
        #expect(
            try listed.map { try $0.bool("default") } == listed.indices.map { $0 == 0 }, sourceLocation: sourceLocation)
        #expect(all.count == listed.count, sourceLocation: sourceLocation)
        guard let expected else { return }
        let versions = try listed.map { try $0.string("version") + ($0.bool("pinned") ? "*" : "") }
        #expect(versions == expected, sourceLocation: sourceLocation)
    }
}

extension ProcessResult {
    /// The answer of a command with `--json`.
    var json: JSONFields { get throws { try JSONFields(strict: output, what: "the answer") } }
    /// The failure of a command with `--json`.
    var jsonError: JSONFields { get throws { try JSONFields(strict: errors, what: "the failure") } }
}

/// The command ended with this status and told this on standard error.
func expect(
    _ result: ProcessResult, _ status: Int32, _ text: String = "", sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(result.end == .exited(status), "\(result.errorText)", sourceLocation: sourceLocation)
    #expect(text.isEmpty || result.errorText.contains(text), "\(result.errorText)", sourceLocation: sourceLocation)
}
