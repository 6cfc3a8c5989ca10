import Checksums
import Glibc
import LinuxSystem
import ObjectFormats
import ObjectStorage
import SystemPackage
import TestSupport
import Testing

@testable import ObjectPatches

@Suite struct HostilePatchTests {
    private func release() throws -> PatchedRelease {
        var data = SampleData(seed: 41)
        let (before, after) = (TreeFolder(), TreeFolder())
        let code = data.code(60_000)
        before["a"] = entry(code)
        after["a"] = entry(data.edited(code, changes: 9))
        after["b"] = entry(data.text(5000))
        return try PatchedRelease(before, after)
    }

    private func patched(_ release: PatchedRelease) throws -> PatchIndex.Object {
        try #require(release.pool.index.objects.first { $0.name.kind == .file && !$0.alternatives[0].sources.isEmpty })
    }

    /// Replaces the part that has all, with the index's word for it.
    private func replacePart(_ release: inout PatchedRelease, _ bytes: [UInt8]) {
        let frame = ZstdEncoder(level: 3).frame(bytes)
        release.pool = BuiltPool(
            index: PatchIndex(
                commit: release.commit, bases: [release.base],
                parts: [
                    .init(
                        offset: 0, storedSize: frame.count, decodedSize: bytes.count, checksum: SHA256.hash(frame),
                        bases: [])
                ], sources: release.pool.index.sources, objects: release.pool.index.objects), parts: [frame])
    }

    private func refuses(_ release: PatchedRelease, _ object: PatchIndex.Object) throws {
        let transaction = try StoreTransaction(release.host)
        let applier = PatchApplier(transaction, release.pool.index)
        #expect(throws: (any Error).self) { try release.make(object, applier) }
        #expect(!transaction.contains(object.name))
        #expect(transaction.stagedCount == 0)
    }

    @Test("a damaged source makes an error, never an object")
    func damagedSource() throws {
        let release = try release()
        let object = try patched(release)
        let source = release.pool.index.sources[object.alternatives[0].sources[0]].name
        let path = release.host.path(of: source).string
        let file = open(path, O_WRONLY | O_CLOEXEC)
        pwrite(file, "damaged", 7, 1000)
        close(file)
        try refuses(release, object)
    }

    @Test("a source that was cut or has grown is noticed before it is used")
    func sourceOfAnotherSize() throws {
        let release = try release()
        let object = try patched(release)
        let source = release.pool.index.sources[object.alternatives[0].sources[0]].name
        truncate(release.host.path(of: source).string, 10)
        try refuses(release, object)
    }

    @Test("a missing source is an error")
    func missingSource() throws {
        let release = try release()
        let object = try patched(release)
        try Files.remove(release.host.path(of: release.pool.index.sources[object.alternatives[0].sources[0]].name))
        try refuses(release, object)
    }

    @Test("a part with a flipped byte is refused before it is decoded")
    func flippedByte() throws {
        let release = try release()
        var stored = release.pool.parts[0]
        stored[stored.count / 2] ^= 1
        let reader = PartReader()
        #expect(throws: PatchError.self) {
            try stored.withUnsafeBytes { try reader.load($0, as: release.pool.index.parts[0]) }
        }
    }

    @Test("a part that is larger or smaller than the index says is refused", arguments: [-1, 1])
    func otherSize(_ difference: Int) throws {
        let release = try release()
        var part = release.pool.index.parts[0]
        part.decodedSize += difference
        let reader = PartReader()
        #expect(throws: PatchError.self) { try release.pool.parts[0].withUnsafeBytes { try reader.load($0, as: part) } }
    }

    @Test("a frame with a window that is too large, or two frames, are refused")
    func otherFrames() throws {
        var data = SampleData(seed: 43)
        let bytes = data.random(100_000)
        let frame = ZstdEncoder(level: 3).frame(bytes)
        let reader = PartReader()
        let twice = frame + frame
        let part = PatchIndex.Part(
            offset: 0, storedSize: twice.count, decodedSize: bytes.count, checksum: SHA256.hash(twice), bases: [])
        #expect(throws: PatchError.self) { try twice.withUnsafeBytes { try reader.load($0, as: part) } }
    }

    @Test("operations that reach outside their source, or make too much or too little, are refused")
    func wrongOperations() throws {
        let size = try patched(release()).viewSize
        var outside = PatchPiece()
        outside.copy(offset: 1 << 30, length: Int(size))
        var before = PatchPiece()
        before.copy(offset: -5, length: Int(size))
        var tooMuch = PatchPiece()
        tooMuch.copy(offset: 0, length: 60_000)
        tooMuch.copy(offset: 0, length: 60_000)
        var tooLittle = PatchPiece()
        tooLittle.copy(offset: 0, length: 100)
        var otherSource = PatchPiece()
        otherSource.source(7)
        otherSource.copy(offset: 0, length: 10)
        for piece in [outside, before, tooMuch, tooLittle, otherSource] {
            var release = try release()
            var writer = PartWriter()
            for _ in 0..<20 { _ = writer.add(piece) }
            replacePart(&release, writer.encode())
            try refuses(release, patched(release))
        }
    }

    @Test("no bytes, whatever they are, do more than end in an error")
    func fuzzedParts() throws {
        var release = try release()
        var data = SampleData(seed: 47)
        let object = try patched(release)
        let whole = try decoded(release.pool.parts[0], release.pool.index.parts[0].decodedSize)
        for round in 0..<400 {
            var bytes = round % 4 == 0 ? data.random(200) : whole
            for _ in 0..<(1 + data.below(6)) { bytes[data.below(min(bytes.count, 3000))] = UInt8(data.below(256)) }
            replacePart(&release, bytes)
            let transaction = try StoreTransaction(release.host)
            // Whether a change makes a difference is not the question here; the object's checksum answers that.
            do { try release.make(object, PatchApplier(transaction, release.pool.index)) } catch {}
        }
    }

    private func decoded(_ frame: [UInt8], _ size: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: size)
        try bytes.withUnsafeMutableBytes { output in
            try frame.withUnsafeBytes { try ZstdDecoder().decode($0, into: output, what: "the part") }
        }
        return bytes
    }

    // MARK: the index

    @Test("an index is read as it was written")
    func index() throws {
        let index = try release().pool.index
        #expect(try PatchIndex(decoding: index.encode()) == index)
        #expect(try PatchIndex(ownFrame: index.frame()) == index)
    }

    @Test("an index that is cut anywhere is refused")
    func cutIndex() throws {
        let bytes = try release().pool.index.encode()
        for count in 0..<bytes.count {
            #expect(throws: PatchError.self) { try PatchIndex(decoding: Array(bytes[..<count])) }
        }
        #expect(throws: PatchError.self) { try PatchIndex(decoding: bytes + [0]) }
    }

    @Test("a changed index is refused or names other things, and ends nothing")
    func changedIndex() throws {
        let bytes = try release().pool.index.encode()
        var data = SampleData(seed: 53)
        for _ in 0..<3000 {
            var changed = bytes
            for _ in 0..<(1 + data.below(3)) { changed[data.below(changed.count)] = UInt8(data.below(256)) }
            do { _ = try PatchIndex(decoding: changed) } catch {}
        }
    }

    @Test("an index of a later format is told from a damaged one")
    func laterFormat() throws {
        var bytes = try release().pool.index.encode()
        bytes[PatchIndex.magic.count] = 2
        #expect(throws: PatchError.unknownFormat(2)) { try PatchIndex(decoding: bytes) }
    }

    @Test("an index that is not as large as signed is refused before it is read")
    func declaredSize() throws {
        let index = try release().pool.index
        let size = index.encode().count
        #expect(throws: PatchError.self) { try PatchIndex(frame: index.frame(), decodedSize: size + 1) }
        #expect(throws: PatchError.self) { try PatchIndex(frame: index.frame(), decodedSize: 1 << 40) }
    }
}
