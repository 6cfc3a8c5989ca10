import Checksums
import Deployments
import ObjectFormats
import ObjectStorage
import Sysroots

/// Something that is not as it should be.
public struct VerificationFinding: Sendable, Hashable {
    /// What kind of damage; part of the JSON format.
    public let kind: String
    /// The object, file or ref.
    public let subject: String
    /// One sentence, without a full stop.
    public let text: String
    /// What to do about it.
    public let advice: String
}

/// What a verification has found, and a repair has mended.
public struct VerificationReport: Sendable {
    public let objects: Int
    /// Bytes of objects that were hashed.
    public let bytes: Int64
    public let deployments: Int
    /// Files and folders of deployments that were compared.
    public let files: Int
    /// What is wrong now.
    public let findings: [VerificationFinding]
    /// What was wrong and is mended.
    public internal(set) var repaired: [String] = []
    /// Why objects could not be fetched, when they could not.
    public internal(set) var obstacle: String?
}
