import Checksums
import ObjectFormats
import Testing

@Suite struct CommitTests {
    @Test("every type of metadata is read as it was written")
    func roundTrip() throws {
        let decoded = try Commit(decoding: Sample.commit.encode())
        #expect(decoded == Sample.commit)
        #expect(decoded.encode() == Sample.commit.encode())
    }

    @Test("the named values are those under ostree's and hostctl's keys")
    func namedValues() {
        #expect(Sample.commit.version == "13.2-1")
        #expect(Sample.commit.refBindings == ["lean-host/stable/x86_64", "b"])
        #expect(Sample.commit.channel == nil)
    }

    @Test("a commit without a parent has none")
    func noParent() throws {
        var commit = Sample.commit
        commit.parent = nil
        #expect(try Commit(decoding: commit.encode()).parent == nil)
    }

    @Test("metadata over 64 KiB is read as it was written")
    func largeMetadata() throws {
        var commit = Sample.commit
        commit.metadata[Commit.Key.packages] = .rows((0..<3000).map { ["package-\($0)", "1.\($0)", "amd64", "\($0)"] })
        #expect(try Commit(decoding: commit.encode()) == commit)
    }

    @Test("a metadata key that stands there twice is refused")
    func duplicateKey() throws {
        var commit = Sample.commit
        commit.metadata = ["key-a": .string("1"), "key-b": .string("2")]
        var bytes = commit.encode()
        let place = try #require(bytes.firstRange(of: Array("key-b".utf8)))
        bytes[place.upperBound - 1] = UInt8(ascii: "a")
        let error = #expect(throws: FormatError.self) { try Commit(decoding: bytes) }
        #expect(error?.detail.contains("twice") == true)
    }

    @Test("a root whose checksum is not 32 bytes is refused")
    func shortRoot() {
        let bytes = Sample.commit.encode()
        #expect(throws: FormatError.self) { try Commit(decoding: Array(bytes.dropLast())) }
    }

    @Test("nothing at all is no commit")
    func empty() { #expect(throws: FormatError.self) { try Commit(decoding: []) } }
}

@Suite struct DetachedMetadataTests {
    @Test("signatures are read as they were written")
    func roundTrip() throws {
        let signatures: [[UInt8]] = [Array(repeating: 1, count: 64), Array(repeating: 2, count: 64)]
        #expect(try DetachedMetadata.signatures(in: DetachedMetadata.encode(signatures: signatures)) == signatures)
    }

    @Test("no detached metadata is no signature")
    func none() throws { #expect(try DetachedMetadata.signatures(in: []) == []) }

    @Test("replacing the signatures keeps what else stands there")
    func replacing() throws {
        let old = DetachedMetadata.encode(signatures: [[1]])
        let new = try DetachedMetadata.replacing(signatures: [[2]], in: old)
        #expect(try DetachedMetadata.signatures(in: new) == [[2]])
    }

    @Test("the bytes of a commit are not taken for signatures")
    func wrongKind() {
        #expect(throws: FormatError.self) { try DetachedMetadata.signatures(in: Sample.commit.encode()) }
    }
}
