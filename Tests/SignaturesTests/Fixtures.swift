import Signatures
import SystemPackage
import TestSupport
import Testing

/// The bytes that hexadecimal digits stand for.
func bytes(_ hex: String) -> [UInt8] {
    let digits = hex.filter { !$0.isWhitespace }.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] * 16 + digits[$0 + 1]) }
}

/// Runs `openssl` and expects it to succeed.
@discardableResult
func openssl(_ arguments: String..., input: [UInt8] = []) throws -> [UInt8] {
    let result = try run(["/usr/bin/openssl"] + arguments, input: input)
    #expect(result.status == 0, "openssl \(arguments.joined(separator: " ")): \(result.errorText)")
    return result.output
}

/// A private key file made by `openssl genpkey`.
func opensslKey(in folder: TemporaryFolder, _ name: String = "key.pem", algorithm: String = "ed25519") throws
    -> FilePath
{
    let path = folder.path.appending(name)
    try openssl("genpkey", "-algorithm", algorithm, "-out", path.string)
    return path
}

/// Writes the public half of a key as a trusted key.
@discardableResult
func trust(_ key: PublicKey, as name: String, in folder: TemporaryFolder) throws -> FilePath {
    try folder.write(name, text: key.pem)
}

extension Array where Element == UInt8 {
    /// A copy with one bit of one byte flipped.
    func flipping(bit: Int = 0, at index: Int) -> [UInt8] {
        var copy = self
        copy[index] ^= 1 << UInt8(bit)
        return copy
    }
}
