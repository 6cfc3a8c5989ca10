import Checksums
import Glibc
import LinuxSystem
import ObjectFormats
import ObjectStorage
import Releases
import Signatures
import SystemPackage
import TestSupport
import Testing
import TrustMetadata

@Suite struct PublisherTests {
    private let temporary: TemporaryFolder
    private let build: Store
    private let origin: OriginFolder
    private let key: PrivateKey
    private let channel: ChannelName
    private let architecture: Architecture
    private let ref = "lean/stable/x86_64"

    init() throws {
        key = try PrivateKey.generate()
        temporary = try TemporaryFolder()
        build = try Store.create(at: temporary.path.appending("build"), mode: .bare)
        origin = try OriginFolder.create(at: temporary.path.appending("origin"))
        channel = try ChannelName("lean/stable")
        architecture = try Architecture("x86_64")
    }

    private var publisher: Publisher { Publisher(origin, signers: [.key(key)]) }

    private func image(
        _ version: String, content: String? = nil, binding: String? = nil, channel: String = "lean/stable",
        closed: String? = nil
    ) throws -> Checksum {
        let tree = TreeFolder()
        for (path, text) in [("usr/lib/os-release", "same"), ("usr/bin/tool", content ?? version)] {
            tree[path] = .file(
                TreeFile(attributes: FileAttributes(permissions: 0o755), content: .bytes(Array(text.utf8))))
        }
        if let closed { tree.makeFolder(closed).attributes.permissions = 0o700 }
        let stored = try build.ingest(tree, workers: 1)
        let commit = Commit(
            metadata: [
                Commit.Key.version: .string(version), Commit.Key.channel: .string(channel),
                Commit.Key.architecture: .string("x86_64"),
                Commit.Key.refBinding: .strings([binding ?? "\(channel)/x86_64"]),
            ], subject: "", timestamp: 1_700_000_000, rootTree: stored.rootTree, rootMetadata: stored.rootMetadata)
        return try build.write(commit: commit, ref: ref)
    }

    @discardableResult
    private func publish(_ version: String, content: String? = nil) async throws -> PublishedRelease {
        _ = try image(version, content: content)
        return try await publisher.publish(ref, from: build, minimumHostctl: "0.1.0")
    }

    private func ostree(_ arguments: String...) throws -> ProcessResult {
        try run(["/usr/bin/ostree", "--repo=\(origin.store.path)"] + arguments)
    }

    private func index() throws -> ChannelIndex { try origin.index(channel: channel, architecture: architecture) }

    @Test(
        "an image that would lock out every service which is not root's is not published",
        arguments: ["", "usr", "usr/etc"])
    func closedFolder(path: String) async throws {
        _ = try image("1", closed: path)
        let error = await #expect(throws: ReleaseError.self) {
            try await publisher.publish(ref, from: build, minimumHostctl: "0.1.0")
        }
        #expect(error?.reason.contains("(0700)") == true, "\(error?.reason ?? "")")
        #expect(try index().releases.isEmpty)
        _ = try image("1")
        #expect(try await publisher.publish(ref, from: build, minimumHostctl: "0.1.0").sequence == 1)
    }

    @Test("a publication is whole: objects, signatures, signed manifest, signed index, ref and summary")
    func published() async throws {
        let release = try await publish("1")
        let commit = release.manifest.commit
        #expect(!release.wasPublished && release.sequence == 1 && release.newObjects == 8)
        #expect(try ostree("fsck", "--quiet").status == 0)
        #expect(try origin.store.resolve(ref: ref) == commit)
        let keys = TrustedKeys(keys: [(name: "key", key: key.publicKey)])
        let detached = try #require(try origin.store.detachedMetadata(of: commit))
        let signatures = try DetachedMetadata.signatures(in: detached)
        #expect(
            keys.verdict(on: try origin.store.commitBytes(commit), signatures: signatures)
                == .trusted(keyIDs: [key.publicKey.id]))
        let folder = origin.path.appending("releases/lean/stable/x86_64")
        let index = try Files.read(folder.appending("index.json"), limit: 1 << 20)
        _ = try Envelope.open(index, type: ChannelIndex.payloadType, keys: keys, what: "index")
        let manifest = try Files.read(folder.appending("1.json"), limit: 1 << 20)
        #expect(try ReleaseManifest(signed: manifest, keys: keys) == release.manifest)
        #expect(try self.index().latest?.manifestChecksum == SHA256.hash(manifest))
        // The image has no kernel, and is a release all the same.
        #expect(release.manifest.kernel == nil)
        #expect(try ostree("summary", "--view").text.contains(ref))
    }

    @Test(
        "a publication that is killed at any step is completed by running it again; clients see the old release until then",
        arguments: [
            "before-objects", "object", "after-objects", "after-lease", "after-signatures", "after-manifest",
            "before-index", "after-index", "after-ref", "after-summary",
        ])
    func killed(place: String) async throws {
        try await publish("1")
        let commit = try image("2")
        let keyFile = temporary.path.appending("key.pem")
        try key.write(to: keyFile, passphrase: nil)
        let command = [
            BuiltProducts.hostctlStore, "release", "publish", origin.path.string, ref, "--store", build.path.string,
            "--key", keyFile.string,
        ]
        let first = try run(command, environment: ["HOSTCTL_FAULT_POINT": "publish.\(place)"])
        #expect(first.end == .signaled(SIGKILL), "\(first.errorText)")
        let isOut = place.hasPrefix("after-index") || place == "after-ref" || place == "after-summary"
        #expect(try index().latest?.version.text == (isOut ? "2" : "1"))
        #expect(try ostree("fsck", "--quiet").status == 0)
        let second = try run(command)
        #expect(second.status == 0, "\(second.errorText)")
        #expect(try index().releases.map(\.version.text) == ["1", "2"])
        #expect(try index().sequence == 2)
        #expect(try origin.store.resolve(ref: ref) == commit)
        #expect(try ostree("fsck", "--quiet").status == 0)
        #expect(try ostree("summary", "--view").text.contains(commit.hex))
    }

    @Test("stock ostree pulls what was published and sees the signature")
    func stockPull() async throws {
        let commit = try await publish("1").manifest.commit
        let pulled = temporary.path.appending("pulled")
        _ = try run(["/usr/bin/ostree", "--repo=\(pulled)", "init", "--mode=bare"])
        let result = try run(["/usr/bin/ostree", "--repo=\(pulled)", "pull-local", origin.store.path.string, ref])
        #expect(result.status == 0, "\(result.errorText)")
        let show = ["show", "--print-detached-metadata-key=ostree.sign.ed25519", commit.hex]
        // A list of one signature. GVariant prints bytes that happen to end with NUL, one signature in 17, as a string.
        let printed = try run(["/usr/bin/ostree", "--repo=\(pulled)"] + show).text
        #expect(printed.hasPrefix("[[byte 0x") || printed.hasPrefix("[b"), "\(printed)")
    }

    @Test("publishing again changes nothing and says so")
    func again() async throws {
        try await publish("1")
        let before = try Files.read(origin.path.appending("releases/lean/stable/x86_64/index.json"), limit: 1 << 20)
        let second = try await publish("1")
        #expect(second.wasPublished && second.newObjects == 0 && second.sequence == 1)
        #expect(
            try Files.read(origin.path.appending("releases/lean/stable/x86_64/index.json"), limit: 1 << 20) == before)
    }

    @Test("a version that is taken by another commit is refused, and nothing is copied")
    func versionTaken() async throws {
        let first = try await publish("1")
        await #expect(throws: ReleaseError.versionTaken(version: "1", channel: "lean/stable")) {
            try await publish("1", content: "other")
        }
        #expect(try index().releases.map(\.commit) == [first.manifest.commit])
        #expect(try origin.store.refs().values.allSatisfy { $0 == first.manifest.commit })
    }

    @Test("the step from an earlier release counts only what is new")
    func step() async throws {
        let first = try await publish("1")
        let second = try await publish("2")
        let step = try #require(second.manifest.since[first.manifest.commit])
        #expect(step.objects == 5)
        #expect(step.objects < second.manifest.full.objects)
        #expect(second.newObjects == 5)
        #expect(second.sequence == 2)
    }

    @Test("a commit bound to another ref, or to no channel, is not published")
    func wrongBinding() async throws {
        _ = try image("1", binding: "other/ref")
        await #expect(throws: ReleaseError.self) {
            try await publisher.publish(ref, from: build, minimumHostctl: "0.1.0")
        }
        #expect(try origin.indexes().isEmpty)
        #expect(try origin.store.refs() == [:])
    }

    @Test("a version that would be a path is not published", arguments: ["../../x", "a/b", "index", ""])
    func hostileVersion(version: String) async throws {
        _ = try image(version)
        await #expect(throws: ReleaseError.self) {
            try await publisher.publish(ref, from: build, minimumHostctl: "0.1.0")
        }
        #expect(try Files.names(in: origin.path.appending("releases")) == [])
    }

    @Test("a second signer's signature joins the first one's, when it trusts the first")
    func secondSigner() async throws {
        let commit = try await publish("1").manifest.commit
        let other = try PrivateKey.generate()
        _ = try await Publisher(origin, signers: [.key(other)], trusting: [key.publicKey])
            .publish(ref, from: build, minimumHostctl: "0.1.0")
        let detached = try #require(try origin.store.detachedMetadata(of: commit))
        #expect(try DetachedMetadata.signatures(in: detached).count == 2)
    }

    @Test("an index that a stranger put into the origin's folder is not signed anew")
    func strangersIndex() async throws {
        try await publish("1")
        let stranger = Publisher(origin, signers: [.key(try PrivateKey.generate())])
        let before = try index()
        await #expect(throws: ReleaseError.self) {
            try await stranger.publish(ref, from: build, minimumHostctl: "0.1.0")
        }
        await #expect(throws: ReleaseError.self) { try await stranger.prune(keep: 1) }
        #expect(try index() == before)
    }

    @Test("a published version keeps its epoch")
    func epochStays() async throws {
        try await publish("1")
        await #expect(throws: ReleaseError.epochTaken(version: "1", epoch: 0)) {
            try await publisher.publish(ref, from: build, epoch: 1, minimumHostctl: "0.1.0")
        }
    }

    @Test("pruning keeps the newest releases and what they need")
    func prune() async throws {
        for version in ["1", "2", "3"] { try await publish(version) }
        let pruned = try await publisher.prune(keep: 2)
        #expect(pruned.releases == ["lean/stable/x86_64 1"])
        #expect(pruned.objects == 5)
        #expect(try index().releases.map(\.version.text) == ["2", "3"])
        #expect(try index().sequence == 4)
        #expect(!Files.exists(origin.path.appending("releases/lean/stable/x86_64/1.json")))
        #expect(try ostree("fsck", "--quiet").status == 0)
        let third = try await publisher.prune(keep: 2)
        #expect(third.releases == [] && third.objects == 0)
        #expect(try index().sequence == 4)
    }

    @Test("pruning an origin whose leases are lost removes nothing that its index lists")
    func pruneWithoutLeases() async throws {
        for version in ["1", "2", "3"] { try await publish(version) }
        for lease in try origin.store.refs(below: "hostctl/releases").keys { try origin.store.setRef(lease, to: nil) }
        #expect(try await publisher.prune(keep: 3).objects == 0)
        #expect(try await publisher.prune(keep: 2).objects > 0)
        for release in try index().releases { #expect(throws: Never.self) { try origin.store.commit(release.commit) } }
    }

    @Test("pruning never takes a channel's last release", arguments: [0, -1])
    func pruneAll(keep: Int) async throws {
        for version in ["1", "2"] { try await publish(version) }
        _ = try await publisher.prune(keep: keep)
        #expect(try index().releases.map(\.version.text) == ["2"])
        #expect(try ostree("fsck", "--quiet").status == 0)
    }

    @Test("pruning removes the manifest and the lease that an interrupted publication left")
    func pruneLeftovers() async throws {
        let commit = try await publish("1").manifest.commit
        try temporary.write("origin/releases/lean/stable/x86_64/9.json", text: "{}")
        try origin.store.setRef("hostctl/releases/lean/stable/x86_64/9", to: commit)
        _ = try await publisher.prune(keep: 5)
        #expect(!Files.exists(origin.path.appending("releases/lean/stable/x86_64/9.json")))
        #expect(try origin.store.refs().keys.sorted() == ["hostctl/releases/lean/stable/x86_64/1", ref])
    }

    @Test("an index that was copied from another channel is refused, not signed")
    func copiedIndex() async throws {
        try await publish("1")
        let bytes = try temporary.read("origin/releases/lean/stable/x86_64/index.json")
        try temporary.write("origin/releases/lean/beta/x86_64/index.json", bytes)
        await #expect(throws: ReleaseError.self) { try await publisher.prune(keep: 1) }
        #expect(try temporary.read("origin/releases/lean/beta/x86_64/index.json") == bytes)
    }

    @Test("while one publisher holds the origin, another is told so")
    func locked() async throws {
        let lock = try origin.lock("hostctl release publish", seconds: 0)
        await #expect(throws: LockedError.self) { try await publish("1") }
        _ = consume lock
        try await publish("1")
    }

    @Test("a missing object in the build store stops the publication before the index")
    func incompleteSource() async throws {
        let checksum = try image("1")
        var files: [ObjectName] = []
        try build.forEachObject(of: checksum) { if $0.kind == .file { files.append($0) } }
        try Files.remove(build.path(of: files[0]))
        await #expect(throws: StoreError.missing(files[0])) {
            try await publisher.publish(ref, from: build, minimumHostctl: "0.1.0")
        }
        #expect(try origin.indexes().isEmpty)
        #expect(try origin.store.refs() == [:])
    }

    @Test("a folder that is no origin, or whose store is no archive, is not opened")
    func notAnOrigin() throws {
        #expect(throws: ReleaseError.notAnOrigin(path: temporary.path.string)) {
            try OriginFolder(opening: temporary.path)
        }
        let odd = temporary.path.appending("odd")
        try Files.makeFolder(odd.appending("releases"))
        _ = try Store.create(at: odd.appending("store"), mode: .bare)
        #expect(throws: ReleaseError.notAnOrigin(path: odd.string)) { try OriginFolder(opening: odd) }
    }
}
