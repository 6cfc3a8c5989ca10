import LinuxSystem

/// What both loaders ask before a change.
extension BootLoader {
    func checkForAdding(_ entry: LoaderEntry, _ listing: EntryListing) throws(BootLoaderError) {
        for text in [entry.title, entry.folder] + entry.arguments where !Self.isOneLine(text) {
            throw .unusableArgument(text)
        }
        guard !entry.title.isEmpty else { throw .unusableArgument(entry.title) }
        guard LoaderEntry.isFolderName(entry.folder) else { throw .unusableArgument(entry.folder) }
        for argument in entry.arguments where KernelArguments.split(argument) != [argument] {
            throw .unusableArgument(argument)
        }
        for argument in entry.arguments where argument.hasPrefix("ostree=") { throw .unusableArgument(argument) }
        let taken = listing.entries.map(\.generation) + listing.damaged.map(\.name.generation)
        guard !taken.contains(entry.generation) else { throw .generationTaken(entry.generation) }
        guard partition.hasKernel(entry.kernelFolder) else { throw .noKernel(entry.kernelFolder) }
    }

    private static func isOneLine(_ text: String) -> Bool {
        !text.utf8.contains { $0 < 0x20 || $0 == 0x7f }
    }

    /// The entry of a generation in what was read.
    func find(_ generation: Int, in listing: EntryListing) throws(BootLoaderError) -> LoaderEntry {
        guard let entry = listing.entry(generation) else { throw .noEntry(generation) }
        return entry
    }

    /// Refuses to take away what nothing would be left without. An exhausted entry is no replacement for one that is
    /// not, one on trial none for one that has proved itself, and one that leads nowhere none for any.
    func checkOthers(than generation: Int, in listing: EntryListing) throws(BootLoaderError) {
        guard let entry = listing.entry(generation) else { return }
        let others = listing.entries.filter { $0.generation != generation && partition.canBoot($0) }
        guard !others.isEmpty else { throw .lastEntry(generation) }
        guard partition.canTry(entry) else { return }
        guard others.contains(where: partition.canTry) else { throw .lastEntry(generation) }
        if entry.counter == nil, !others.contains(where: partition.isProven) { throw .lastGood(generation) }
    }
}

/// A kernel's command line, split as the kernel does.
enum KernelArguments {
    /// The arguments, each with its quotes: spaces between double quotes do not end one.
    static func split(_ line: some StringProtocol) -> [String] {
        var arguments: [String] = []
        var current: [UInt8] = []
        var isQuoted = false
        for byte in line.utf8 {
            if byte == UInt8(ascii: "\"") { isQuoted.toggle() }
            if !isQuoted, byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") {
                if !current.isEmpty { arguments.append(String(decoding: current, as: UTF8.self)) }
                current = []
            } else {
                current.append(byte)
            }
        }
        if !current.isEmpty { arguments.append(String(decoding: current, as: UTF8.self)) }
        return arguments
    }
}
