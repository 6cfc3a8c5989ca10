public import Checksums
import LinuxSystem
import SystemPackage

extension Store {
    /// The commits in the store whose checksums start with these hexadecimal digits, in order; all for an empty text.
    ///
    /// - Throws: `SystemError`.
    public func commits(withPrefix prefix: String = "") throws -> [Checksum] {
        let objects = path.appending("objects")
        let folders =
            prefix.utf8.count < 2
            ? try Files.namesIfPresent(in: objects).filter { $0.hasPrefix(prefix) } : [String(prefix.prefix(2))]
        let rest = prefix.dropFirst(2)
        let ending = ".commit"
        var found: [Checksum] = []
        for folder in folders where Files.isFolder(objects.appending(folder)) {
            for name in try Files.namesIfPresent(in: objects.appending(folder)) {
                guard name.hasSuffix(ending), name.hasPrefix(rest) else { continue }
                if let checksum = Checksum(hex: folder + name.dropLast(ending.count)) { found.append(checksum) }
            }
        }
        return found
    }
}
