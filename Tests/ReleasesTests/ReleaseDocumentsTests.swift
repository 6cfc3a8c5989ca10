import Checksums
import ObjectStorage
import Releases
import Testing
import TrustMetadata

@Suite struct ReleaseDocumentsTests {
    private let manifest: ReleaseManifest
    private let index: ChannelIndex

    init() throws {
        manifest = ReleaseManifest(
            version: try VersionName("13.2"), channel: try ChannelName("lean-host/stable"),
            architecture: try Architecture("x86_64"), commit: SHA256.hash([1]), timestamp: 1_700_000_000, epoch: 3,
            minimumHostctl: "0.1.0", full: FetchSize(objects: 18_456, bytes: 874_000_000, compressedBytes: 312_000_000),
            kernel: BootableKernel(bootChecksum: SHA256.hash([2]).hex, size: 11_000_000, initramfsSize: 5_500_000))
        index = ChannelIndex(
            channel: manifest.channel, architecture: manifest.architecture, sequence: 7,
            releases: [ChannelIndex.Entry(manifest, signed: [1, 2, 3])])
    }

    private func replacing(_ path: String..., in bytes: [UInt8], with value: JSONValue?) throws -> [UInt8] {
        func change(_ json: JSONValue, _ path: ArraySlice<String>) throws -> JSONValue {
            guard let key = path.first else { return value ?? .null }
            if let elements = json.array { return .array(try elements.map { try change($0, path) }) }
            let members = try #require(json.object)
            return .object(
                try members.compactMap { member in
                    guard member.key == key else { return member }
                    if path.count == 1, value == nil { return nil }
                    return (key: key, value: try change(member.value, path.dropFirst()))
                })
        }
        return try change(JSONValue(strict: bytes, what: "x"), path[...]).encode()
    }

    @Test("a manifest is read as it was written, and written the same again")
    func manifestRoundTrip() throws {
        #expect(try ReleaseManifest(decoding: manifest.encode()) == manifest)
        #expect(try ReleaseManifest(decoding: manifest.encode()).encode() == manifest.encode())
    }

    @Test("an index is read as it was written, and written the same again")
    func indexRoundTrip() throws {
        #expect(try ChannelIndex(decoding: index.encode()) == index)
        #expect(index.releases[0].manifestChecksum == SHA256.hash([1, 2, 3]))
    }

    @Test("members of a newer writer are ignored")
    func unknownMembers() throws {
        let text = String(decoding: manifest.encode(), as: UTF8.self).dropFirst()
        #expect(
            try ReleaseManifest(decoding: Array(#"{"barrier":true,"containers":[],"#.utf8) + Array(text.utf8))
                == manifest)
    }

    @Test(
        "a missing member is refused",
        arguments: [
            "format", "version", "channel", "architecture", "commit", "ref", "timestamp", "epoch", "minimumHostctl",
            "full",
        ])
    func missing(_ member: String) throws {
        let bytes = try replacing(member, in: manifest.encode(), with: nil)
        #expect(throws: TrustMetadataError.self) { try ReleaseManifest(decoding: bytes) }
    }

    @Test(
        "a member of the wrong type or with an impossible value is refused",
        arguments: [
            ("version", 13), ("version", "../13"), ("version", ""), ("channel", "../lean-host"), ("channel", ["x"]),
            ("architecture", "sparc"), ("commit", "abc"), ("commit", 1), ("ref", "other/x86_64"), ("ref", "../../x"),
            ("timestamp", -1), ("timestamp", "now"), ("epoch", -1), ("epoch", nil), ("minimumHostctl", "new"),
            ("minimumHostctl", 1), ("full", []), ("full", .object([])), ("format", "1"), ("kernel", 1),
            ("kernel", .object([])),
        ] as [(String, JSONValue)])
    func wrong(_ member: String, _ value: JSONValue) throws {
        let bytes = try replacing(member, in: manifest.encode(), with: value)
        #expect(throws: TrustMetadataError.self) { try ReleaseManifest(decoding: bytes) }
    }

    @Test("a manifest of an older publisher tells no kernel")
    func noKernel() throws {
        #expect(try ReleaseManifest(decoding: replacing("kernel", in: manifest.encode(), with: nil)).kernel == nil)
    }

    @Test(
        "a kernel of an impossible size or checksum is refused",
        arguments: [("size", -1), ("initramfsSize", -1), ("size", "1"), ("bootChecksum", "../x")]
            as [(String, JSONValue)])
    func wrongKernel(_ member: String, _ value: JSONValue) throws {
        let bytes = try replacing("kernel", member, in: manifest.encode(), with: value)
        #expect(throws: TrustMetadataError.self) { try ReleaseManifest(decoding: bytes) }
    }

    @Test("a commit in capitals is refused: it would be a second name")
    func capitals() throws {
        let bytes = try replacing("commit", in: manifest.encode(), with: .string(manifest.commit.hex.uppercased()))
        #expect(throws: TrustMetadataError.self) { try ReleaseManifest(decoding: bytes) }
    }

    @Test("a negative size is refused", arguments: ["bytes", "objects", "compressedBytes"])
    func negativeSize(_ member: String) throws {
        let bytes = try replacing("full", member, in: manifest.encode(), with: -1)
        #expect(throws: TrustMetadataError.self) { try ReleaseManifest(decoding: bytes) }
    }

    @Test("another format asks for a newer hostctl")
    func newerFormat() throws {
        #expect(throws: TrustMetadataError.unknownFormat(what: "the release manifest", format: "2")) {
            try ReleaseManifest(decoding: replacing("format", in: manifest.encode(), with: 2))
        }
        #expect(throws: TrustMetadataError.unknownFormat(what: "the channel index", format: "2")) {
            try ChannelIndex(decoding: replacing("format", in: index.encode(), with: 2))
        }
    }

    @Test(
        "a misshapen index is refused",
        arguments: [
            ("sequence", -1), ("sequence", "7"), ("releases", .object([])), ("releases", [1]),
            ("releases", [.object([])]),
            ("channel", "a//b"), ("architecture", nil),
        ] as [(String, JSONValue)])
    func wrongIndex(_ member: String, _ value: JSONValue) throws {
        let bytes = try replacing(member, in: index.encode(), with: value)
        #expect(throws: TrustMetadataError.self) { try ChannelIndex(decoding: bytes) }
    }

    @Test(
        "a misshapen entry is refused",
        arguments: [
            ("version", "../../etc/passwd"), ("commit", "00"), ("timestamp", -1), ("manifestSHA256", "x"),
            ("manifestSize", -1),
            ("manifestSize", 0), ("manifestSize", 1_048_577), ("manifestSize", "3"),
        ] as [(String, JSONValue)])
    func wrongEntry(_ member: String, _ value: JSONValue) throws {
        let bytes = try replacing("releases", member, in: index.encode(), with: value)
        #expect(throws: TrustMetadataError.self) { try ChannelIndex(decoding: bytes) }
    }

    @Test("two releases of one version in an index are refused")
    func duplicateVersion() throws {
        var twice = index
        twice.releases += twice.releases
        #expect(throws: TrustMetadataError.self) { try ChannelIndex(decoding: twice.encode()) }
    }

    @Test("the newest release is the last, and an unknown version is an error")
    func lookup() throws {
        var grown = index
        var next = manifest
        next.version = try VersionName("13.3")
        grown.releases.append(ChannelIndex.Entry(next, signed: [4]))
        #expect(grown.latest?.version.text == "13.3")
        #expect(try grown.entry(manifest.version) == index.releases[0])
        #expect(throws: ReleaseError.unknownRelease(channel: "lean-host/stable", version: "9")) {
            try grown.entry(VersionName("9"))
        }
    }

    @Test("an index or manifest of another channel or architecture is a mismatch")
    func mismatch() throws {
        let other = try ChannelName("lean-host/testing")
        #expect(throws: ReleaseError.self) { try index.require(channel: other, architecture: index.architecture) }
        #expect(throws: ReleaseError.self) {
            try index.require(channel: index.channel, architecture: Architecture("aarch64"))
        }
        try index.require(channel: index.channel, architecture: index.architecture)
        try manifest.requireMatch(index.releases[0], of: index)
        var moved = manifest
        moved.channel = other
        #expect(throws: ReleaseError.self) { try moved.requireMatch(index.releases[0], of: index) }
        var changed = manifest
        changed.commit = SHA256.hash([2])
        #expect(throws: ReleaseError.self) { try changed.requireMatch(index.releases[0], of: index) }
    }

    @Test(
        "a release for a newer hostctl is refused, number by number",
        arguments: [
            ("0.1.0", "0.1.0", true), ("0.1.0", "0.10", true), ("0.10", "0.9.9", false), ("1", "0.9", false),
            ("0.1", "0.1.0", true), ("0.1.1", "0.1", false), ("0.1.0", "0.1.0-dev", true), ("0.1.0", "unknown", false),
        ])
    func minimum(_ minimum: String, _ current: String, _ supported: Bool) throws {
        var manifest = manifest
        manifest.minimumHostctl = minimum
        if supported {
            try manifest.requireSupport(by: current)
        } else {
            #expect(throws: ReleaseError.tooOld(minimum: minimum)) { try manifest.requireSupport(by: current) }
        }
    }
}
