import LinuxSystem
import ObjectFormats
import ObjectStorage
import Releases
import SysrootFixtures
import TestSupport
import Testing

/// Bytes that are wrong, missing, or too many.
@Suite struct HostileServerDamageTests {
    private let origin: HostileServerFixture

    init() throws { origin = try HostileServerFixture() }

    private func path(_ kind: ObjectKind) throws -> String { origin.path(of: try origin.newObject(kind)) }

    @Test("a flipped bit in the channel index is found", arguments: [0, 200, -3])
    func flippedIndex(_ offset: Int) throws {
        let size = try origin.served(origin.indexPath).count
        origin.server.set(.flipped(at: offset < 0 ? size + offset : offset), for: origin.indexPath)
        try origin.expectUntrusted("the channel index")
    }

    @Test("a flipped bit in the manifest is found") func flippedManifest() throws {
        origin.server.set(.flipped(at: 200), for: try origin.manifestPath())
        try origin.expectUntrusted("another checksum than the index says")
    }

    @Test("a flipped bit in the commit is found") func flippedCommit() throws {
        origin.server.set(.flipped(at: 20), for: try origin.commitPath())
        try origin.expectUntrusted("\(try origin.commit("2")).commit is damaged")
    }

    @Test("a flipped bit in the signatures is found") func flippedSignatures() throws {
        origin.server.set(.flipped(at: 50), for: try origin.signaturesPath())
        try origin.expectUntrusted("the commit \(try origin.commit("2")) is not trusted")
    }

    @Test("a flipped bit in an object is found", arguments: [ObjectKind.dirtree, .file], [0, 30])
    func flippedObject(_ kind: ObjectKind, _ offset: Int) throws {
        let name = try origin.newObject(kind)
        origin.server.set(.flipped(at: offset), for: origin.path(of: name))
        try origin.expectFailure(3, "\(name) is damaged")
    }

    @Test("a file object with a flipped bit in its last byte is found") func flippedEnd() throws {
        let path = try path(.file)
        origin.server.set(.flipped(at: try origin.served(path).count - 1), for: path)
        try origin.expectFailure(3, "is damaged")
    }

    @Test("an object that was damaged on the way once is fetched again", arguments: [ObjectKind.dirtree, .file])
    func damagedOnce(_ kind: ObjectKind) throws {
        let path = try path(kind)
        origin.server.set(.times(1, .flipped(at: 10)), for: path)
        try origin.host.change("upgrade")
        try origin.host.expectAgreement(["2", "1"])
        #expect(origin.server.requests(of: path).count == 2)
    }

    @Test("another object in an object's place is found", arguments: [ObjectKind.dirtree, .file])
    func swapped(_ kind: ObjectKind) throws {
        var all: [ObjectName] = []
        try origin.origin.store.forEachObject(of: origin.commit("1")) { if $0.kind == kind { all.append($0) } }
        let other = try origin.served(origin.path(of: try #require(all.first)))
        origin.server.set(.content(other), for: try path(kind))
        try origin.expectFailure(3, "is damaged")
    }

    @Test("an empty object is found", arguments: [ObjectKind.dirtree, .file]) func empty(_ kind: ObjectKind) throws {
        origin.server.set(.content([]), for: try path(kind))
        try origin.expectFailure(3, "is damaged")
    }

    @Test("more behind a file object's end is found") func trailing() throws {
        let path = try path(.file)
        origin.server.set(.content(try origin.served(path) + [1, 2, 3]), for: path)
        try origin.expectFailure(3, "is damaged")
    }

    @Test("a truncated object is asked for again, and then given up", arguments: [ObjectKind.dirtree, .file])
    func truncated(_ kind: ObjectKind) throws {
        let path = try path(kind)
        origin.server.set(.truncated(at: 20), for: path)
        try origin.expectFailure(5, path, "ended before all announced bytes had come")
    }

    @Test("an object without end is cut off", arguments: [ObjectKind.dirtree, .file])
    func endlessObject(_ kind: ObjectKind) throws {
        let path = try path(kind)
        origin.server.set(.endless, for: path)
        // A file's header is wrong before it is too large.
        try origin.expectFailure(kind == .file ? 3 : 5, kind == .file ? "is damaged" : "is larger than")
        #expect(origin.server.requests(of: path).allSatisfy { $0.bytesSent < 48 << 20 })
    }

    @Test("a file that unpacks to more than its header says is cut off") func bomb() throws {
        let path = try path(.file)
        let header = FileHeader(attributes: FileAttributes(permissions: 0o644), content: .regular)
        // Deflate blocks that are stored as they are; the last one has not come yet.
        let block: [UInt8] = [0, 0xFF, 0xFF, 0, 0] + [UInt8](repeating: 0, count: 0xFFFF)
        origin.server.set(.content(header.archivePrefix(size: 3) + block + block + block), for: path)
        try origin.expectFailure(3, "is damaged")
    }

    @Test("a header that claims a huge file is refused") func hugeHeader() throws {
        let header = FileHeader(attributes: FileAttributes(permissions: 0o644), content: .regular)
        origin.server.set(.content(header.archivePrefix(size: 1 << 62)), for: try path(.file))
        try origin.expectFailure(3, "is damaged")
    }

    @Test("an index without end is cut off") func endlessIndex() throws {
        origin.server.set(.endless, for: origin.indexPath)
        try origin.expectFailure(5, "index.json is larger than the 8388608 bytes")
    }

    @Test("a manifest larger than the index says is cut off") func endlessManifest() throws {
        origin.server.set(.endless, for: try origin.manifestPath())
        try origin.expectFailure(5, "2.json is larger than")
    }

    @Test("a commit without end is cut off") func endlessCommit() throws {
        origin.server.set(.endless, for: try origin.commitPath())
        try origin.expectFailure(5, ".commit is larger than")
    }

    @Test("a redirect in a circle is given up", arguments: ["index", "object"])
    func redirectLoop(_ what: String) throws {
        let path = try what == "index" ? origin.indexPath : path(.file)
        origin.server.set(.redirected(to: "/\(path)"), for: path)
        try origin.expectFailure(5, "redirects too often")
    }

    @Test("a redirect to a local file is refused") func redirectToFile() throws {
        origin.server.set(.redirected(to: "file://\(origin.host.origin)/\(origin.indexPath)"), for: origin.indexPath)
        try origin.expectFailure(5, "to another scheme")
    }

    @Test("a redirect to a mirror is followed") func redirectToMirror() throws {
        let mirror = try ScriptedServer(serving: origin.host.origin)
        let path = try path(.file)
        origin.server.set(.redirected(to: mirror.url(of: path)), for: path)
        try origin.host.change("upgrade")
        try origin.host.expectAgreement(["2", "1"])
        #expect(mirror.requests(of: path).count == 1)
    }
}
