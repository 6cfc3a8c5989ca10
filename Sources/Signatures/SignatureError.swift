public import LinuxSystem

/// A key that cannot be read, made or used. A signature that does not verify is a verdict, not an error.
public enum SignatureError: ExplainedError, Equatable {
    /// The file holds no key of the expected kind.
    case unreadableKey(path: String, detail: String)
    /// The key is encrypted and the passphrase is missing or wrong.
    case wrongPassphrase(path: String)
    /// The key is there, but it is not ed25519.
    case wrongKeyType(path: String, type: String)
    /// A key file exists already, and keys are never overwritten.
    case keyExists(path: String)
    /// The external signing command failed or answered with something that is no signature.
    case signingCommandFailed(command: String, detail: String)
    /// libcrypto refused an operation that should not fail.
    case cryptographyFailed(detail: String)

    public var reason: String {
        switch self {
        case .unreadableKey(let path, let detail): "\(path) holds no usable key: \(detail)"
        case .wrongPassphrase(let path): "the passphrase does not open \(path)"
        case .wrongKeyType(let path, let type): "\(path) holds a key of type \(type), not ed25519"
        case .keyExists(let path): "\(path) exists already, and a key is never overwritten"
        case .signingCommandFailed(let command, let detail): "the signing command '\(command)' failed: \(detail)"
        case .cryptographyFailed(let detail): "libcrypto failed: \(detail)"
        }
    }

    public var advice: String? {
        switch self {
        case .unreadableKey: "give an ed25519 key as PEM, or make one with 'hostctl key generate'"
        case .wrongPassphrase: "give the right file with --passphrase-file"
        case .wrongKeyType: "make an ed25519 key with 'hostctl key generate'"
        case .keyExists: "choose another name, or move the old key away first"
        case .signingCommandFailed: "try the command by hand with a few bytes on its standard input"
        case .cryptographyFailed: nil
        }
    }
}
