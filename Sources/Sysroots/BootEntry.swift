import Checksums
import Glibc

/// One boot entry, in the syntax of the Boot Loader Specification.
public struct BootEntry: Sendable, Equatable {
    /// The file's name.
    public let file: String
    /// What a boot menu shows.
    public let title: String?
    /// Its place in the boot order: the highest one is the default.
    public let version: String?
    /// The kernel's arguments; `nil` when the entry has no `options` line.
    public let options: [String]?

    /// Reads an entry; lines that are not understood are passed over.
    public init(file: String, text: String) {
        var values: [Substring: String] = [:]
        for line in text.split(separator: "\n") {
            guard let first = line.utf8.first, isalpha(Int32(first)) != 0,
                let space = line.firstIndex(where: { $0 == " " || $0 == "\t" })
            else { continue }
            values[line[..<space]] = String(line[line.index(after: space)...])
        }
        self.file = file
        title = values["title"]
        version = values["version"]
        options = values["options"].map(Self.words)
    }

    /// A command line's arguments: the kernel splits at spaces outside of double quotes.
    static func words(_ line: String) -> [String] {
        var isQuoted = false
        return line.split { character in
            if character == "\"" { isQuoted.toggle() }
            return (character == " " || character == "\t") && !isQuoted
        }.map(String.init)
    }

    /// The link that the `ostree=` argument names; `nil` without one.
    public var bootLink: String? {
        options?.first { $0.hasPrefix("ostree=") }.map { String($0.dropFirst("ostree=".count)) }
    }

    /// The arguments that a new deployment takes over: all but those that libostree writes anew.
    public var kernelArguments: [String] {
        (options ?? []).filter { !$0.hasPrefix("ostree=") && !$0.hasPrefix("init=/ostree/") }
    }

    /// Whether this entry is tried before `other`: the higher version first, as in libostree.
    func precedes(_ other: BootEntry) -> Bool {
        switch (version, other.version) {
        case (let mine?, let theirs?): VersionOrder(mine) > VersionOrder(theirs)
        case (_?, nil): true
        default: false
        }
    }
}

/// The parts of a boot link, `/ostree/boot.N/<stateroot>/<boot checksum>/<number>`.
struct BootLink: Equatable {
    let stateroot: String
    let bootChecksum: String
    /// Without the leading slash.
    let relativePath: String

    /// - Returns: `nil` for anything else, and for parts that lead out of the folder.
    init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 6, parts[0].isEmpty, parts[1] == "ostree", parts[2] == "boot.0" || parts[2] == "boot.1",
            !parts[3].isEmpty, parts[3] != ".", parts[3] != "..", Checksum(hex: parts[4]) != nil,
            let number = Int(parts[5]), number >= 0
        else { return nil }
        stateroot = parts[3]
        bootChecksum = parts[4]
        relativePath = String(text.dropFirst())
    }
}
