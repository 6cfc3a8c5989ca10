import SystemPackage
import TestSupport
import Testing

@testable import Signatures

@Suite struct SignerTests {
    private let folder: TemporaryFolder
    private let path: FilePath
    private let key: PublicKey
    private let message = Array("payload\0with a zero".utf8)

    init() throws {
        folder = try TemporaryFolder()
        path = folder.path.appending("key.pem")
        key = try KeyFiles.generate(at: path, passphrase: nil)
    }

    /// A command that signs as a hardware token's would, then does `rest` with the signature.
    private func shell(_ script: String) -> [String] { ["/bin/sh", "-c", script] }
    private var opensslSign: String {
        "f=$(mktemp) && cat >$f && openssl pkeyutl -sign -rawin -in $f -inkey '\(path.string)' && rm $f"
    }

    /// Why `script` is no signer. It may wait for its turn for as long as other tests keep all threads busy.
    private func detail(_ script: String, limit: Duration = .seconds(3600)) async -> String? {
        var command = SigningCommand(words: shell(script), publicKey: key)
        command.timeLimit = limit
        let error = await #expect(throws: SignatureError.self) { try await command.sign(message) }
        return error?.reason
    }

    @Test("a key in memory signs")
    func inMemory() async throws {
        let signer = Signer.key(try PrivateKey(reading: path, passphrase: nil))
        #expect(signer.publicKey == key)
        #expect(key.verifies(try await signer.sign(message), of: message))
    }

    @Test("a command answers with 64 bytes")
    func raw() async throws {
        let signer = Signer.command(shell(opensslSign), key)
        #expect(key.verifies(try await signer.sign(message), of: message))
    }

    @Test("a command answers with base64 and a line end")
    func base64() async throws {
        let signer = Signer.command(shell("(\(opensslSign)) | openssl base64 -A; echo"), key)
        #expect(key.verifies(try await signer.sign(message), of: message))
    }

    @Test("a command is found by its name, and a large payload reaches it whole")
    func byName() async throws {
        let large = [UInt8](repeating: 7, count: 1 << 20)
        let signer = Signer.command(["sh", "-c", opensslSign], key)
        #expect(key.verifies(try await signer.sign(large), of: large))
    }

    @Test("a command that signs with another key is caught")
    func otherKey() async throws {
        let other = try PrivateKey.generate().publicKey
        await #expect(throws: SignatureError.self) {
            try await Signer.command(shell(opensslSign), other).sign(message)
        }
    }

    @Test("a command that signs something else is caught")
    func otherPayload() async {
        let reason = await detail("cat >/dev/null; printf other | (\(opensslSign))")
        #expect(reason?.contains("does not verify") == true)
    }

    @Test("a command that fails is an error with its status")
    func failing() async { #expect(await detail("cat >/dev/null; exit 3")?.contains("3") == true) }

    @Test(
        "a command that answers nothing, or nonsense, is an error", arguments: ["", "echo no", "head -c 64 /dev/zero"])
    func nonsense(_ script: String) async {
        #expect(await detail("cat >/dev/null; \(script)") != nil)
    }

    @Test("a command that never stops talking is stopped")
    func endless() async { #expect(await detail("cat >/dev/null; yes") != nil) }

    @Test("a command that never ends is stopped")
    func hanging() async {
        let reason = await detail("exec sleep 3600", limit: .milliseconds(300))
        #expect(reason?.contains("did not end") == true)
    }

    @Test("a command that does not read its payload does not end hostctl")
    func deaf() async throws {
        var command = SigningCommand(words: shell("exit 0"), publicKey: key)
        command.timeLimit = .seconds(3600)
        let large = [UInt8](repeating: 7, count: 1 << 20)
        await #expect(throws: SignatureError.self) { try await command.sign(large) }
    }

    @Test(
        "a command that does not exist is an error", arguments: [["/no/such/command"], ["no-such-command"], [], [""]])
    func missing(_ words: [String]) async {
        await #expect(throws: SignatureError.self) { try await Signer.command(words, key).sign(message) }
    }
}
