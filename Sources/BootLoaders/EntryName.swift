/// The name of one of our entries without its suffix: `<stateroot>-<generation>[+left[-done]]`.
public struct EntryName: Sendable, Equatable {
    /// The highest generation that a name can have.
    public static let highestGeneration = 999_999

    /// The stateroot of the entry's deployment.
    public let stateroot: String
    /// A rising number; the highest is booted first. At least 1.
    public let generation: Int
    /// `nil` when the entry is good.
    public let counter: TryCounter?

    /// - Throws: `BootLoaderError.unusableName` for a stateroot that a FAT file name or a loader's script cannot hold,
    ///   `.noGeneration` for a number out of range.
    public init(stateroot: String, generation: Int, counter: TryCounter? = nil) throws(BootLoaderError) {
        guard Self.isUsable(stateroot) else { throw .unusableName(stateroot) }
        guard (1...Self.highestGeneration).contains(generation) else { throw .noGeneration(generation) }
        self.init(checked: stateroot, generation, counter)
    }

    private init(checked stateroot: String, _ generation: Int, _ counter: TryCounter?) {
        self.stateroot = stateroot
        self.generation = generation
        self.counter = counter
    }

    /// Reads the name of an entry's file.
    ///
    /// - Returns: `nil` when it is not one of ours, whatever it says inside.
    public init?(file: String, suffix: String) {
        guard file.hasSuffix(suffix) else { return nil }
        let base = file.dropLast(suffix.count)
        let plus = base.firstIndex(of: "+") ?? base.endIndex
        let counter = TryCounter(parsing: base[plus...])
        if plus < base.endIndex, counter == nil { return nil }
        guard let dash = base[..<plus].lastIndex(of: "-") else { return nil }
        let digits = base[base.index(after: dash)..<plus]
        let stateroot = String(base[..<dash])
        guard digits.utf8.count == 6, let generation = TryCounter.number(digits), generation > 0,
            Self.isUsable(stateroot)
        else { return nil }
        self.init(checked: stateroot, generation, counter)
    }

    /// The same entry with another counter.
    func with(_ counter: TryCounter?) -> EntryName { EntryName(checked: stateroot, generation, counter) }

    /// The generation with six digits, as names and versions have it.
    public var digits: String {
        let text = String(generation)
        return String(repeating: "0", count: max(6 - text.count, 0)) + text
    }

    /// The name without counter, by which a loader calls the entry.
    public var identifier: String { "\(stateroot)-\(digits)" }

    /// The name with its counter.
    public var text: String { identifier + (counter?.text ?? "") }

    /// Letters, digits, `.`, `_` and `-`, starting with a letter or digit, at most 64: the same in a FAT name, in the
    /// pattern of GRUB's configuration, and on a kernel's command line.
    static func isUsable(_ stateroot: String) -> Bool {
        guard let first = stateroot.utf8.first, (1...64).contains(stateroot.utf8.count) else { return false }
        return isLetterOrDigit(first)
            && stateroot.utf8.allSatisfy {
                isLetterOrDigit($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-")
            }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
