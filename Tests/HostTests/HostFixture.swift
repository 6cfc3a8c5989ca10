import LinuxSystem
import ObjectStorage
import SysrootFixtures
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

/// A release key, an origin with releases of `lean-host/stable`, and a sysroot that follows it: all made by the built
/// executables, as an operator would make them.
final class HostFixture {
    static let channel = "lean-host/stable"
    static let ref = "lean-host/stable/x86_64"

    let sysroot: TestSysroot
    /// The store that images are built into.
    let builds: Store
    /// The origin's address as hosts know it; a test may put a server in front of the folder.
    var address: String

    /// - Parameters:
    ///   - releases: the versions to publish, oldest first.
    ///   - installed: the version to install; none leaves the sysroot's folder empty.
    init(releases: [String] = ["1", "2"], installed: String? = "1") throws {
        sysroot = try TestSysroot()
        builds = try Store.create(at: sysroot.beside("builds"), mode: .bare)
        address = "file://\(sysroot.beside("origin"))"
        try succeed("key", "generate", key.string)
        try succeed("release", "init", origin.string)
        for version in releases { try publish(version) }
        if let installed { try install(version: installed) }
    }

    var root: FilePath { sysroot.root }
    /// The folder that would be served.
    var origin: FilePath { sysroot.beside("origin") }
    var key: FilePath { sysroot.beside("release.pem") }
    var publicKey: FilePath { sysroot.beside("release.pem.pub") }

    /// A tiny image: of its files ten never change, ten change with each version.
    static func image(_ version: String, channel: String = HostFixture.channel) -> TestImage {
        var image = TestImage(version)
        image.channel = channel
        image.timestamp = 1_700_000_000 + 86_400 * UInt64(Int(version.prefix { $0 != "." }) ?? 0)
        for number in 0..<10 {
            image.files["usr/share/same/\(number)"] = "file \(number)\n"
            image.files["usr/share/changing/\(number)"] = "file \(number) of \(version)\n"
        }
        return image
    }

    /// Builds an image and publishes it as its channel's newest release.
    func publish(_ version: String) throws { try publish(Self.image(version)) }

    /// Builds an image and publishes it as its channel's newest release.
    func publish(_ image: TestImage) throws {
        let ref = "\(image.channel)/x86_64"
        _ = try image.commit(to: builds, ref: ref)
        try succeed("release", "publish", origin.string, ref, "--store", builds.path.string, "--key", key.string)
    }

    /// Installs into the sysroot's folder.
    func install(version: String? = nil, arguments: [String] = []) throws {
        let result = try hostctl(installation(version: version) + arguments)
        guard result.status == 0 else { throw CommandFailed(command: "install", errors: result.errorText) }
    }

    /// The arguments of an installation.
    func installation(version: String? = nil) -> [String] {
        ["install", "sysroot", root.string, "--origin", address, "--channel", Self.channel]
            + ["--trusted-key", publicKey.string] + (version.map { ["--version", $0] } ?? [])
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
    func succeed(_ arguments: String...) throws -> ProcessResult {
        let result = try hostctl(arguments)
        guard result.status == 0 else {
            throw CommandFailed(command: arguments.joined(separator: " "), errors: "\(result.end) \(result.errorText)")
        }
        return result
    }

    /// Runs hostctl on the sysroot, which must work.
    @discardableResult
    func change(_ arguments: String...) throws -> ProcessResult {
        let result = try hostctl(arguments + ["--sysroot", root.string])
        guard result.status == 0 else {
            throw CommandFailed(command: arguments.joined(separator: " "), errors: "\(result.end) \(result.errorText)")
        }
        return result
    }

    /// What `hostctl status --json` says.
    func status() throws -> JSONFields {
        try JSONFields(strict: change("status", "--json").output, what: "the status")
    }

    /// The versions in boot order, pinned ones with a `*`.
    func versions() throws -> [String] {
        try status().objects("deployments").filter { try $0.bool("listed") }.map {
            try ($0.optionalString("version") ?? "?") + ($0.bool("pinned") ? "*" : "")
        }
    }

    /// The stock tools see what `hostctl status` says, every object is whole, and nothing is amiss.
    func expectAgreement(_ expected: [String]? = nil, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let status = try status()
        let listed = try status.objects("deployments").filter { try $0.bool("listed") }
        let names = try listed.map {
            try "\($0.string("commit")).\($0.integer("serial"))" + ($0.bool("pinned") ? "*" : "")
        }
        #expect(try names == sysroot.stockStatus(), sourceLocation: sourceLocation)
        #expect(throws: Never.self, sourceLocation: sourceLocation) { try sysroot.fsck() }
        #expect(try status.objects("problems").isEmpty, sourceLocation: sourceLocation)
        #expect(try listed.allSatisfy { try $0.objects("problems").isEmpty }, sourceLocation: sourceLocation)
        #expect(try listed.map { try $0.bool("default") } == listed.indices.map { $0 == 0 }, sourceLocation: sourceLocation)
        if let expected { #expect(try versions() == expected, sourceLocation: sourceLocation) }
    }
}
