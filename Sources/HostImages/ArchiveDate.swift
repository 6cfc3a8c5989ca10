import Glibc
import LinuxSystem
import SystemPackage

/// How old the packages are: the dates in the archive's signed index files.
enum ArchiveDate {
    /// The index files in apt's list folder, each with its `Date:`.
    ///
    /// - Throws: `SystemError`.
    static func sources(in lists: FilePath) throws -> [PackageLock.Source] {
        var sources: [PackageLock.Source] = []
        for name in try Files.namesIfPresent(in: lists) where name.hasSuffix("_InRelease") {
            let text = String(decoding: try Files.read(lists.appending(name), limit: 16 << 20), as: UTF8.self)
            guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("Date: ") }) else { continue }
            guard let date = parse(line.dropFirst(6)) else { continue }
            let index = name.dropLast("_InRelease".count).replacing("_", with: "/")
            sources.append(PackageLock.Source(index: String(index), date: date))
        }
        return sources
    }

    /// Seconds since 1970 of a date as the archive writes it: `Sat, 08 Nov 2025 10:12:00 UTC`.
    static func parse(_ text: some StringProtocol) -> UInt64? {
        let words = text.split(separator: " ")
        guard words.count == 6, ["UTC", "GMT", "+0000"].contains(words[5]),
            let month = months.firstIndex(of: String(words[2])), let day = Int32(words[1]), let year = Int32(words[3])
        else { return nil }
        let clock = words[4].split(separator: ":").compactMap { Int32($0) }
        guard clock.count == 3 else { return nil }
        var parts = tm()
        (parts.tm_year, parts.tm_mon, parts.tm_mday) = (year - 1900, Int32(month), day)
        (parts.tm_hour, parts.tm_min, parts.tm_sec) = (clock[0], clock[1], clock[2])
        return UInt64(exactly: timegm(&parts))
    }

    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
}
