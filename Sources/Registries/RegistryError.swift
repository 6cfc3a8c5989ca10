public import LinuxSystem

/// An OCI image that cannot be used.
public enum RegistryError: ExplainedError, Equatable {
    /// The folder or archive is no OCI layout.
    case notALayout(place: String, detail: String)
    /// A blob is not there.
    case missingBlob(digest: String, place: String)
    /// A blob's bytes or size are not those that its descriptor declares.
    case blobMismatch(digest: String, detail: String)
    /// A document says what this program does not take.
    case unsupported(what: String, detail: String)
    /// A blob of an archive does not fit where it is put aside; sizes in bytes.
    case noSpace(folder: String, needed: Int64, available: Int64)
    /// The layout has no image of this name, or several and no name was given.
    case noSuchImage(detail: String, known: [String])

    public var reason: String {
        switch self {
        case .notALayout(let place, let detail): "\(place) is not an OCI layout: \(detail)"
        case .missingBlob(let digest, let place): "\(place) has no blob \(digest)"
        case .blobMismatch(let digest, let detail): "the blob \(digest) is not what was declared: \(detail)"
        case .unsupported(let what, let detail): "\(what) cannot be used: \(detail)"
        case .noSpace(let folder, let needed, let available):
            "a blob of \(needed) bytes does not fit into \(folder), where \(available) bytes may be used"
        case .noSuchImage(let detail, _): detail
        }
    }

    public var advice: String? {
        switch self {
        case .notALayout: "'skopeo copy … oci:FOLDER:TAG' or 'podman push … oci:FOLDER:TAG' makes one"
        case .missingBlob, .blobMismatch: "copy the image again; nothing was changed"
        case .unsupported: nil
        case .noSpace: "set TMPDIR to a folder with more space, or unpack the archive and import 'oci:FOLDER'"
        case .noSuchImage(_, let known): known.isEmpty ? nil : "there are \(known.joined(separator: ", "))"
        }
    }

    public var category: FailureCategory {
        switch self {
        case .missingBlob, .blobMismatch: .untrusted
        case .noSpace: .noSpace
        default: .failed
        }
    }
}
