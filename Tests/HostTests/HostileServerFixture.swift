import Checksums
import Glibc
import LinuxSystem
import ObjectFormats
import ObjectPatches
import ObjectStorage
import Releases
import Signatures
import SysrootFixtures
import Sysroots
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

/// A host that runs release 1 and could have release 2, and a server between it and the origin that it must not believe.
final class HostileServerFixture {
    let host: HostFixture
    let server: ScriptedServer
    /// The key that the host trusts.
    let key: PrivateKey
    let channel: ChannelName
    let architecture: Architecture

    /// A second trusted key, which both images ship.
    let retired: PrivateKey

    convenience init() throws { try self.init(Self.template.get()) }

    /// A host that runs release 2, and could have release 3 by patches from 2; or one that runs 1, where none start.
    convenience init(patchesFor installed: String) throws {
        let template = try (installed == "2" ? Self.patchedTemplate : Self.distantTemplate).get()
        try self.init(template)
    }

    /// A host that runs release 1 and could have release 6, whose patches start from so many earlier releases.
    convenience init(distant patches: Int, fullPack: Bool = false) throws {
        let template = patches == 3 ? Self.farTemplate : Self.fartherTemplate
        try self.init(fullPack ? Self.packedTemplate.get() : template.get())
    }

    private init(_ template: Template) throws {
        host = try HostFixture(copying: template.host)
        server = try ScriptedServer(serving: host.origin)
        key = try PrivateKey(reading: host.key, passphrase: nil)
        retired = template.retired
        channel = try ChannelName(HostFixture.channel)
        architecture = try Architecture("x86_64")
        try SysrootState(origin: server.url, channel: HostFixture.channel, architecture: "x86_64")
            .save(host.sysroot.paths)
    }

    private struct Template: @unchecked Sendable {
        let host: HostFixture
        let retired: PrivateKey
    }

    /// Made once for all tests, which takes longer than copying it.
    private static let template = Result {
        let retired = try PrivateKey.generate()
        let host = try HostFixture(releases: [], installed: nil)
        for version in ["1", "2"] {
            var image = HostFixture.image(version)
            image.files["usr/lib/hostctl/trusted-keys.d/retired.pem"] = retired.publicKey.pem
            try host.publish(image)
        }
        try host.install(version: "1")
        atexit { HostileServerFixture.removeTemplate() }
        return Template(host: host, retired: retired)
    }

    /// As `template`, with a third release and patches.
    private static let patchedTemplate = Result { try patchedTemplate(installed: "2") }
    private static let distantTemplate = Result { try patchedTemplate(installed: "1") }

    private static let farTemplate = Result { try patchedTemplate(installed: "1", releases: 6, patches: 3) }
    private static let fartherTemplate = Result { try patchedTemplate(installed: "1", releases: 6, patches: 2) }
    private static let packedTemplate = Result {
        try patchedTemplate(installed: "1", releases: 6, patches: 1, fullPack: true)
    }

    private static func patchedTemplate(
        installed: String, releases: Int = 3, patches: Int = 1, fullPack: Bool = false
    ) throws -> Template {
        let host = try HostFixture(releases: [], installed: nil)
        let retired = try PrivateKey.generate()
        host.patches = patches
        for version in 1...releases {
            host.fullPack = fullPack && version == releases
            var image = HostFixture.largeImage("\(version)")
            image.files["usr/lib/hostctl/trusted-keys.d/retired.pem"] = retired.publicKey.pem
            try host.publish(image)
        }
        try host.install(version: installed)
        let folder = host.root.removingLastComponent()
        kept.with { $0.append(folder) }
        atexit { HostileServerFixture.removeKept() }
        return Template(host: host, retired: retired)
    }

    private static let kept = Guarded<[FilePath]>([])

    private static func removeKept() {
        for folder in kept.with({ $0 }) {
            do { try Files.removeTree(folder) } catch { print("\(error)") }
        }
    }

    /// A static value's life never ends by itself.
    private static func removeTemplate() {
        do { try Files.removeTree(template.get().host.root.removingLastComponent()) } catch {
            print("the prepared host stays: \(error)")
        }
    }

    // MARK: where things are

    var origin: OriginFolder { get throws { try OriginFolder(opening: host.origin) } }
    var indexPath: String { OriginLayout.index(channel: channel, architecture: architecture) }
    func manifestPath(_ version: String = "2") throws -> String {
        OriginLayout.manifest(channel: channel, architecture: architecture, version: try VersionName(version))
    }
    func path(of name: ObjectName) -> String { "store/objects/\(name.archivePath)" }
    func commitPath(_ version: String = "2") throws -> String { path(of: ObjectName(try commit(version), .commit)) }
    func signaturesPath(_ version: String = "2") throws -> String { try commitPath(version) + "meta" }

    /// The commit of a published version.
    func commit(_ version: String) throws -> Checksum { try manifest(version).commit }

    /// An object that only release 2 has.
    func newObject(_ kind: ObjectKind) throws -> ObjectName {
        let store = try origin.store
        var old = Set<ObjectName>()
        try store.forEachObject(of: commit("1")) { old.insert($0) }
        var found: [ObjectName] = []
        try store.forEachObject(of: commit("2")) { if $0.kind == kind, !old.contains($0) { found.append($0) } }
        return try #require(found.first)
    }

    /// The bytes that a healthy server would send.
    func served(_ path: String) throws -> [UInt8] { try Files.read(host.origin.appending(path), limit: 1 << 20) }

    // MARK: what a hostile origin makes

    /// A published manifest, as it was signed.
    func manifest(_ version: String = "2") throws -> ReleaseManifest {
        try ReleaseManifest(
            signed: served(manifestPath(version)), keys: TrustedKeys(keys: [("release.pem", key.publicKey)]))
    }

    /// Makes the server offer a manifest as the newest release.
    func offer(_ manifest: ReleaseManifest, signedBy signer: PrivateKey? = nil) async throws {
        let signed = try await Envelope.seal(
            manifest.encode(), type: ReleaseManifest.payloadType, signers: [.key(signer ?? key)])
        try await offer(signed, as: ChannelIndex.Entry(manifest, signed: signed))
    }

    /// Makes the server offer an index whose newest entry leads to some bytes.
    func offer(_ document: [UInt8], as entry: ChannelIndex.Entry) async throws {
        server.set(.content(document), for: try manifestPath(entry.version.text))
        var index = try origin.index(channel: channel, architecture: architecture)
        index.releases.removeAll { $0.version == entry.version }
        index.releases.append(entry)
        try await serve(index)
    }

    /// Makes the server answer with an index of our making.
    func serve(_ index: ChannelIndex, signedBy signer: PrivateKey? = nil) async throws {
        var index = index
        index.sequence += 1
        let signed = try await Envelope.seal(
            index.encode(), type: ChannelIndex.payloadType, signers: [.key(signer ?? key)])
        server.set(.content(signed), for: indexPath)
    }

    /// Makes the server have a commit like that of release 2, but changed, and offers it well signed.
    func offerCommit(version: String = "2", _ change: (inout Commit) -> Void) async throws {
        var commit = try origin.store.commit(commit("2"))
        change(&commit)
        let bytes = commit.encode()
        var manifest = try manifest()
        manifest.commit = SHA256.hash(bytes)
        manifest.version = try VersionName(version)
        let path = path(of: ObjectName(manifest.commit, .commit))
        server.set(.content(bytes), for: path)
        server.set(.content(DetachedMetadata.encode(signatures: [try key.sign(bytes)])), for: path + "meta")
        try await offer(manifest)
    }

    /// Puts other signatures beside the commit of release 2.
    func serveSignatures(_ signatures: [[UInt8]]) throws {
        server.set(.content(DetachedMetadata.encode(signatures: signatures)), for: try signaturesPath())
    }

    /// Puts files into the default deployment's /etc/hostctl/trusted-keys.d.
    func writeTrustedKey(_ name: String, _ text: String) throws {
        let record = try #require(SysrootReader(root: host.root).report().defaultDeployment)
        let folder = host.sysroot.paths.folder(of: record.name).appending("etc/hostctl/trusted-keys.d")
        try Files.makeFolder(folder)
        try Files.replace(folder.appending(name), with: Array(text.utf8))
    }

    // MARK: what has to hold

    /// Everything that a failed upgrade must leave as it was: deployments, boot entries, refs and objects.
    func state() throws -> [String] {
        let entries = try Files.names(in: host.sysroot.paths.bootEntries).map { name in
            String(
                decoding: try Files.read(host.sysroot.paths.bootEntries.appending(name), limit: 1 << 16), as: UTF8.self)
        }
        let refs = try host.sysroot.store.refs().map { "\($0.key) \($0.value)" }.sorted()
        let notes = ["download", "failure.json", "history.jsonl", "revoked.json", "status", "lock"]
            .map { "/ostree/hostctl/\($0)" }
        let files = try host.sysroot.snapshot(without: notes + ["/ostree/repo/.lock", "/ostree/repo/tmp"])
        return try host.sysroot.stockStatus() + entries + refs + files
    }

    /// An upgrade is refused with a message, changes nothing, and works once the server is healthy.
    func expectFailure(_ status: Int32, _ words: String..., sourceLocation: SourceLocation = #_sourceLocation) throws {
        try expectFailure(status, words, sourceLocation)
    }

    /// As `expectFailure`, because something is not to be trusted; and that is settled by small signed documents alone.
    func expectUntrusted(_ words: String..., sourceLocation: SourceLocation = #_sourceLocation) throws {
        let requests = try expectFailure(3, words, sourceLocation)
        let objects = requests.filter {
            !$0.hasSuffix(".json") && !$0.hasSuffix(".commit") && !$0.hasSuffix(".commitmeta")
        }
        #expect(objects == [], "asked for before trust was settled", sourceLocation: sourceLocation)
    }

    @discardableResult
    private func expectFailure(_ status: Int32, _ words: [String], _ location: SourceLocation) throws -> [String] {
        let before = try state()
        server.forgetRequests()
        let result = try host.onSysroot("upgrade")
        let requests = server.requests.map(\.path)
        #expect(result.status == status, "\(result.text)\(result.errorText)", sourceLocation: location)
        for word in words {
            #expect(result.errorText.contains(word), "\(result.errorText)", sourceLocation: location)
        }
        #expect(try state() == before, sourceLocation: location)
        #expect(throws: Never.self, sourceLocation: location) { try host.sysroot.fsck() }
        let reason = try host.status().fields("last-failure").string("reason")
        #expect(result.errorText.contains(reason), sourceLocation: location)
        try expectRecovery(sourceLocation: location)
        return requests
    }

    /// With a healthy server the same command succeeds.
    func expectRecovery(
        _ expected: [String] = ["2", "1"], sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        server.heal()
        try host.change("upgrade")
        try host.expectAgreement(expected, sourceLocation: sourceLocation)
    }
}

extension HostFixture {
    /// A host of its own that is as another one, with key, builds and origin.
    fileprivate convenience init(copying other: HostFixture) throws {
        try self.init(releases: [], installed: nil)
        let result = try run(
            ["/bin/cp", "-a", "\(other.root.removingLastComponent())/.", "\(root.removingLastComponent())"])
        guard result.status == 0 else { throw CommandFailed(command: "cp", errors: result.errorText) }
    }
}
