import ArgumentParser
import HostctlCommands
import LinuxSystem
import Signatures
import SystemPackage
import Transfers

/// `--key`, `--passphrase-file`, or `--sign-command` with `--public-key`.
struct SigningOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A private key to sign with; may be repeated.", valueName: "file"))
    var key: [String] = []
    @OptionGroup var passphrase: PassphraseOptions
    @Option(
        help: ArgumentHelp(
            "A shell command that reads bytes from standard input and writes their ed25519 signature.",
            valueName: "command"))
    var signCommand: String?
    @Option(help: ArgumentHelp("The public key that the command's signatures must match.", valueName: "file"))
    var publicKey: String?

    @Option(
        help: ArgumentHelp(
            "A public key that has signed the origin so far, after a change of keys; may be repeated.",
            valueName: "file"))
    var trustedKey: [String] = []

    /// The keys of `--trusted-key`.
    func trusted() throws -> [PublicKey] { try trustedKey.map { try PublicKey(reading: FilePath($0)) } }

    func validate() throws {
        guard !key.isEmpty || signCommand != nil else { throw ValidationError("Give --key, or --sign-command.") }
        guard (signCommand == nil) == (publicKey == nil) else {
            throw ValidationError("--sign-command and --public-key belong together.")
        }
    }

    /// All that sign.
    func signers() throws -> [Signer] {
        let secret = try passphrase.read()
        var signers = try key.map { Signer.key(try PrivateKey(reading: FilePath($0), passphrase: secret)) }
        if let signCommand, let publicKey {
            signers.append(.command(["/bin/sh", "-c", signCommand], try PublicKey(reading: FilePath(publicKey))))
        }
        return signers
    }
}

extension TransferOptions {
    /// What every command uses.
    static var standard: TransferOptions { TransferOptions(userAgent: "hostctl/\(HostctlVersion.current)") }
}
