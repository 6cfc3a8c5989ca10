/// The numbers of users, or of groups, from one release to the next.
///
/// A number means a user only by the files that it owns on hosts, long after an image was made. So a name keeps its number
/// for ever, and the number of a name that is gone is never given to another.
struct AccountNumbers: Equatable {
    /// By name; those of names that are gone too.
    var numbers: [String: UInt32]

    /// What numbers of a new image have to become.
    ///
    /// - Parameter fresh: the numbers that the packages' installation gave.
    /// - Returns: the new number for each old one that changes.
    /// - Throws: `ImageError.accountNumberTaken` when a number that Debian fixes is another's already.
    func renumbering(_ fresh: [String: UInt32]) throws(ImageError) -> [UInt32: UInt32] {
        let owners = Dictionary(numbers.map { ($0.value, $0.key) }, uniquingKeysWith: { min($0, $1) })
        var used = Set(numbers.values)
        var changes: [UInt32: UInt32] = [:]
        // What keeps its number comes first, so that a newcomer never gets one that is about to be somebody's.
        var newcomers: [(name: String, number: UInt32)] = []
        for (name, number) in fresh.sorted(by: { ($0.value, $0.key) < ($1.value, $1.key) }) {
            if let kept = numbers[name] {
                if kept != number { changes[number] = kept }
            } else if let owner = owners[number] {
                guard Self.dynamic.contains(number) else {
                    throw .accountNumberTaken(name: name, number: number, owner: owner)
                }
                newcomers.append((name, number))
            } else {
                used.insert(number)
            }
        }
        for newcomer in newcomers {
            guard let free = Self.dynamic.first(where: { !used.contains($0) }) else {
                throw .accountNumberTaken(name: newcomer.name, number: newcomer.number, owner: "every other name")
            }
            used.insert(free)
            changes[newcomer.number] = free
        }
        return changes
    }

    /// What the next release has to know.
    func merged(with fresh: [String: UInt32]) -> AccountNumbers {
        AccountNumbers(numbers: numbers.merging(fresh) { $1 })
    }

    /// What Debian gives to users of packages; below are numbers that it fixes, above are people.
    private static let dynamic: ClosedRange<UInt32> = 100...999

    // MARK: files

    /// From the text of `passwd` or `group`: name, password, number, and more.
    init(accounts text: String) {
        numbers = [:]
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            guard fields.count >= 4, let number = UInt32(fields[2]) else { continue }
            numbers[String(fields[0])] = number
        }
    }

    init(numbers: [String: UInt32]) { self.numbers = numbers }

    /// The file with new numbers in the field at each of `fields`, each by its own table.
    static func renumber(_ text: String, _ fields: [(index: Int, changes: [UInt32: UInt32])]) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            var parts = line.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            for field in fields where parts.count > field.index {
                if let old = UInt32(parts[field.index]), let new = field.changes[old] {
                    parts[field.index] = String(new)
                }
            }
            return parts.joined(separator: ":")
        }.joined(separator: "\n")
    }
}
