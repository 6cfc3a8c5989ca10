public import Checksums
public import LinuxSystem
public import ObjectFormats

/// The store or something offered to it is not as it must be.
public enum StoreError: ExplainedError, Equatable {
    /// The folder is no ostree repository, or of a mode that does not fit.
    case notARepository(path: String, detail: String)
    /// An object that is needed is not in the store.
    case missing(ObjectName)
    /// The bytes do not have the checksum that they were expected to have.
    case corrupted(ObjectName, actual: Checksum?)
    /// A ref that does not exist.
    case unknownRef(String)
    /// A ref name that ostree would refuse.
    case invalidRefName(String)
    /// A dirtree, dirmeta or commit over the limit of `Store.metadataLimit`.
    case tooLarge(ObjectName, bytes: Int)
    /// A file, name or link that cannot become an object.
    case unsupportedFile(path: String, detail: String)
    /// It cannot be told which objects are needed, so none may be removed.
    case undecidable(detail: String, others: Int)

    public var reason: String {
        switch self {
        case .notARepository(let path, let detail): "\(path) is not a usable ostree repository: \(detail)"
        case .missing(let name): "the object \(name) is missing"
        case .corrupted(let name, let actual):
            "the object \(name) is damaged" + (actual.map { ": its content has the checksum \($0)" } ?? "")
        case .unknownRef(let name): "there is no ref '\(name)'"
        case .invalidRefName(let name): "'\(name)' is not a valid ref name"
        case .tooLarge(let name, let bytes):
            "the \(name.kind.rawValue) would have \(bytes) bytes, more than the \(Store.metadataLimit) that ostree reads"
        case .unsupportedFile(let path, let detail): "\(path) cannot be stored: \(detail)"
        case .undecidable(let detail, let others):
            "which objects are still needed cannot be told, so none was removed: \(detail)"
                + (others > 0 ? ", and \(others) more like it" : "")
        }
    }

    public var advice: String? {
        switch self {
        case .notARepository: "check the path"
        case .missing: "run the command again, or 'hostctl verify --repair', to fetch it anew"
        case .corrupted:
            "try again or use a mirror; what is damaged in a host's own store, 'hostctl verify --repair' fetches anew"
        case .unknownRef: "'ostree refs' lists those that exist"
        case .invalidRefName: "use letters, digits, '.', '_', '-' and '/'"
        case .tooLarge: "spread the names over several folders"
        case .unsupportedFile: nil
        case .undecidable: "run 'hostctl verify --repair'"
        }
    }
}

extension StoreError {
    /// Why a name cannot be stored: ostree's formats hold UTF-8.
    public static let notUTF8 = "its name is not UTF-8"
    /// The same for where a link leads.
    public static let targetNotUTF8 = "its target is not UTF-8"

    public var category: FailureCategory {
        if case .corrupted = self { .untrusted } else { .failed }
    }
}
