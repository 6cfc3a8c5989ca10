import Checksums
import LinuxSystem
import ObjectFormats
import Releases
import Signatures
import SysrootFixtures
import TestSupport
import Testing
import TrustMetadata

/// Whole objects that are signed wrongly, or not at all.
@Suite struct HostileServerSignatureTests {
    private let origin: HostileServerFixture

    init() throws { origin = try HostileServerFixture() }

    @Test("a commit without a file of signatures is refused") func noSignatureFile() throws {
        origin.server.set(.status(404), for: try origin.signaturesPath())
        try origin.expectUntrusted("it has no signature")
    }

    @Test("a commit with an empty list of signatures is refused") func noSignatures() throws {
        try origin.serveSignatures([])
        try origin.expectUntrusted("it has no signature")
    }

    @Test("a file of signatures that is no such file is refused", arguments: [1, 4096])
    func garbageFile(_ size: Int) throws {
        origin.server.set(.content(Array(repeating: 0xFF, count: size)), for: try origin.signaturesPath())
        try origin.expectUntrusted()
    }

    @Test("a file of signatures without end is refused") func endlessSignatures() throws {
        origin.server.set(.endless, for: try origin.signaturesPath())
        try origin.expectFailure(5, "larger than")
    }

    @Test("a commit signed by a key that is not trusted is refused") func untrustedKey() throws {
        let stranger = try PrivateKey.generate()
        try origin.serveSignatures([try stranger.sign(origin.served(origin.commitPath()))])
        try origin.expectUntrusted("no trusted key has signed it")
    }

    @Test("random bytes of a signature's length are refused") func garbageSignature() throws {
        try origin.serveSignatures([(0..<64).map { _ in UInt8.random(in: 0...255) }, Array(repeating: 0, count: 64)])
        try origin.expectUntrusted("no trusted key has signed it")
    }

    @Test("signatures of another kind of key are refused", arguments: [0, 63, 65, 114])
    func otherKind(_ length: Int) throws {
        try origin.serveSignatures([Array(repeating: 7, count: length)])
        try origin.expectUntrusted("not ed25519 signatures")
    }

    @Test("the right signature of another commit is refused") func otherCommit() throws {
        try origin.serveSignatures([try origin.key.sign(origin.served(origin.commitPath("1")))])
        try origin.expectUntrusted("no trusted key has signed it")
    }

    @Test("the right signature between a thousand wrong ones is refused before they are all tried")
    func tooManySignatures() throws {
        let right = try origin.key.sign(origin.served(origin.commitPath()))
        try origin.serveSignatures((0..<1000).map { _ in Array(repeating: 1, count: 64) } + [right])
        try origin.expectUntrusted("not ed25519 signatures")
    }

    @Test("the right signature beside a wrong one is enough") func oneOfTwo() throws {
        let stranger = try PrivateKey.generate()
        let bytes = try origin.served(origin.commitPath())
        try origin.serveSignatures([try stranger.sign(bytes), try origin.key.sign(bytes)])
        try origin.host.change("upgrade")
        try origin.host.expectAgreement(["2", "1"])
    }

    @Test("an index signed by a key that is not trusted is refused") func indexOfStranger() async throws {
        let index = try origin.origin.index(channel: origin.channel, architecture: origin.architecture)
        try await origin.serve(index, signedBy: PrivateKey.generate())
        try origin.expectUntrusted("the channel index is not trusted")
    }

    @Test("a manifest signed by a key that is not trusted is refused, although the index names it")
    func manifestOfStranger() async throws {
        try await origin.offer(origin.manifest(), signedBy: PrivateKey.generate())
        try origin.expectUntrusted("the release manifest is not trusted")
    }

    @Test("an index or manifest that is no signed document is refused", arguments: ["", "{}", "<html>"])
    func noEnvelope(_ text: String) throws {
        origin.server.set(.content(Array(text.utf8)), for: origin.indexPath)
        try origin.expectUntrusted("the channel index is malformed")
    }

    @Test("a signed manifest in the index's place is refused") func otherType() throws {
        origin.server.set(.content(try origin.served(origin.manifestPath())), for: origin.indexPath)
        try origin.expectUntrusted("its type is")
    }
}

/// Keys that were trusted once.
@Suite struct HostileServerRevocationTests {
    private let origin: HostileServerFixture
    private var retired: PrivateKey { origin.retired }

    init() throws { origin = try HostileServerFixture() }

    @Test("a commit signed by a key of the image is accepted until the key is masked") func accepted() throws {
        try origin.serveSignatures([try retired.sign(origin.served(origin.commitPath()))])
        try origin.host.change("upgrade")
        try origin.host.expectAgreement(["2", "1"])
    }

    @Test("a commit signed by a revoked key is refused") func commit() throws {
        try origin.writeTrustedKey("retired.pem", "")
        try origin.serveSignatures([try retired.sign(origin.served(origin.commitPath()))])
        try origin.expectUntrusted("revoked key \(retired.publicKey.id)")
    }

    @Test("a key that was masked before a rollback stays revoked, though the older /etc has no mask")
    func revokedBeforeRollback() throws {
        try origin.serveSignatures([try retired.sign(origin.served(origin.commitPath()))])
        try origin.host.change("upgrade")
        try origin.writeTrustedKey("retired.pem", "")
        try origin.host.change("rollback")
        try origin.expectUntrusted("revoked key \(retired.publicKey.id)")
    }

    @Test("an index signed by a revoked key is refused") func index() async throws {
        try origin.writeTrustedKey("retired.pem", "")
        let index = try origin.origin.index(channel: origin.channel, architecture: origin.architecture)
        try await origin.serve(index, signedBy: retired)
        try origin.expectUntrusted("the channel index", "revoked key \(retired.publicKey.id)")
    }

    @Test("a manifest signed by a revoked key is refused") func manifest() async throws {
        try origin.writeTrustedKey("retired.pem", "")
        try await origin.offer(origin.manifest(), signedBy: retired)
        try origin.expectUntrusted("the release manifest", "revoked key \(retired.publicKey.id)")
    }

    @Test("a download whose key is revoked before it is deployed is not deployed") func afterDownload() throws {
        try origin.serveSignatures([try retired.sign(origin.served(origin.commitPath()))])
        try origin.host.change("upgrade", "--download-only")
        try origin.writeTrustedKey("retired.pem", "")
        let result = try origin.host.onSysroot("upgrade", "--from-downloaded")
        #expect(result.status == 3 && result.errorText.contains("revoked key"), "\(result.errorText)")
        try origin.host.expectAgreement(["1"])
        try origin.expectRecovery()
    }
}
