import ArgumentParser
import HostctlCommands
import Signatures
import SystemPackage
import TrustMetadata

/// `hostctl key`.
struct KeyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "Make and show signing keys.",
        subcommands: [KeyGenerateCommand.self, KeyShowCommand.self])
}

/// `--passphrase-file`.
struct PassphraseOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The file that holds the private key's passphrase.", valueName: "file"))
    var passphraseFile: String?

    /// The passphrase, when a file was given.
    func read() throws -> [UInt8]? { try passphraseFile.map { try KeyFiles.passphrase(from: FilePath($0)) } }
}

/// `hostctl key generate`.
struct KeyGenerateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate", abstract: "Make an ed25519 key pair: PATH is private, PATH.pub public.",
        discussion: """
            Existing files are never overwritten. Without --passphrase-file the private key is not encrypted.

            Example: hostctl key generate release.pem --passphrase-file passphrase
            """)

    @Argument(help: "Where the private key goes.") var path: String
    @OptionGroup var passphrase: PassphraseOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        output.show(KeyOutput(key: try KeyFiles.generate(at: FilePath(path), passphrase: passphrase.read())))
    }
}

/// `hostctl key show`.
struct KeyShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show the public half of a key.",
        discussion: "Example: hostctl key show /etc/hostctl/trusted-keys.d/release.pem --json")

    @Argument(help: "A private or public key in PEM.") var path: String
    @OptionGroup var passphrase: PassphraseOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        output.show(KeyOutput(key: try KeyFiles.publicKey(of: FilePath(path), passphrase: passphrase.read())))
    }
}

/// A public key in all its spellings.
private struct KeyOutput: OutputValue {
    let key: PublicKey

    var text: String { "key id: \(key.id)\nostree: \(key.ostreeLine)\n\(key.pem.dropLast())" }
    var json: JSONValue {
        [
            "key_id": .string(key.id), "type": "ed25519", "ostree": .string(key.ostreeLine), "pem": .string(key.pem),
        ]
    }
}
