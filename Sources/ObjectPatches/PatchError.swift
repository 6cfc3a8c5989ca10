public import LinuxSystem
public import ObjectFormats

/// A patch that cannot be read or applied. The object can still be fetched whole.
public enum PatchError: ExplainedError, Equatable {
    /// An index or a part that is not as the format says, although it has the right checksum.
    case malformed(what: String, detail: String)
    /// Bytes of a pool that are not the part which begins there: they were damaged on the way, or the pool is another.
    case wrongPart(offset: Int64)
    /// An index of a later format.
    case unknownFormat(UInt32)
    /// What was made of an object is not the object: a source is damaged here, or the patch is wrong.
    case notTheObject(ObjectName)
    /// Compressed data of a source is not what the index says.
    case sourceDiffers(ObjectName)
    /// A source cannot be read, or there is no room to inflate it.
    case sourceUnreadable(ObjectName, detail: String)

    public var reason: String {
        switch self {
        case .malformed(let what, let detail): "\(what) is malformed: \(detail)"
        case .wrongPart(let offset): "the part at byte \(offset) of the patch pool is damaged, or another release's"
        case .unknownFormat(let number): "the patch index has format \(number), which this hostctl does not know"
        case .notTheObject(let name): "a patch did not make \(name)"
        case .sourceUnreadable(let name, let detail): "\(name), which a patch starts from, is of no use: \(detail)"
        case .sourceDiffers(let name): "\(name) is not what a patch for it expects"
        }
    }

    public var advice: String? {
        switch self {
        case .unknownFormat: "a newer hostctl can read it; this one fetches whole objects"
        case .wrongPart: "the origin or a mirror is damaged or hostile; whole objects are fetched instead"
        case .malformed: "tell the publisher of the release; whole objects are fetched instead"
        case .notTheObject, .sourceDiffers, .sourceUnreadable: "'hostctl verify' tells whether the store is damaged"
        }
    }

    public var category: FailureCategory { .untrusted }
}
