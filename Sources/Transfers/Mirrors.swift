import LinuxSystem

/// Addresses that serve the same files as an origin, and what this command has learned about them.
///
/// Nobody trusts a mirror: what it sends is verified like everything else, and one that fails, lags behind or
/// sends something else is left out for the rest of the command while others work. The origin is the last of them.
public final class Mirrors: Sendable {
    /// An address that is asked for a file.
    struct Source: Sendable, Equatable {
        /// Its place in the list.
        let index: Int
        /// The file's address there.
        let url: String
        let isLeftOut: Bool
        /// Whether it sends whole files only, so that it is not asked for a part.
        let lacksRanges: Bool
    }

    private struct Standing {
        /// Failures since the last success.
        var strikes = 0
        var isLeftOut = false
        var lacksRanges = false
    }

    /// In the order in which they are asked, each without a slash at the end; the origin is the last.
    private let roots: [String]
    private let standings: Guarded<[Standing]>
    private let notice: @Sendable (String) -> Void
    /// A server that is too busy for one file may have the next one.
    private static let strikeLimit = 2

    /// - Parameters:
    ///   - origin: the address that files are asked for by.
    ///   - addresses: the mirrors', in the order in which they are to be asked.
    ///   - notice: told, in a sentence, when one is left out.
    public init(of origin: String, addresses: [String], notice: @escaping @Sendable (String) -> Void = { _ in }) {
        var roots: [String] = []
        for address in (addresses + [origin]).map(Self.trimmed) {
            roots.removeAll { $0 == address && address == Self.trimmed(origin) }
            if !roots.contains(address) { roots.append(address) }
        }
        self.roots = roots
        standings = Guarded(Array(repeating: Standing(), count: roots.count))
        self.notice = notice
    }

    /// Where a file of the origin is, those that are left out at the end; none when it is not the origin's.
    func sources(of url: String) -> [Source] {
        guard let origin = roots.last, url.hasPrefix(origin + "/") else { return [] }
        let path = url.dropFirst(origin.count)
        let all = standings.with { standings in
            standings.indices.map { index in
                let standing = standings[index]
                return Source(
                    index: index, url: roots[index] + path, isLeftOut: standing.isLeftOut,
                    lacksRanges: standing.lacksRanges)
            }
        }
        return all.filter { !$0.isLeftOut } + all.filter(\.isLeftOut)
    }

    /// Whether this source is the origin itself, whose word about what is missing counts.
    func isOrigin(_ source: Source) -> Bool { source.index == roots.count - 1 }

    /// A file came.
    func served(_ source: Source) { standings.with { $0[source.index].strikes = 0 } }

    /// A part of a file cannot be had here; whole files can, so that this is no failure.
    func noteNoRanges(_ source: Source) { standings.with { $0[source.index].lacksRanges = true } }

    /// A file did not come.
    func failed(_ source: Source, _ error: TransferError) {
        let isLate = standings.with { standings in
            standings[source.index].strikes += 1
            return standings[source.index].strikes >= Self.strikeLimit
        }
        var isDead = isLate
        if case .unreachable = error { isDead = true }
        if isDead { leaveOut(source, error.reason) }
    }

    /// Asks a source only when nobody else has a file.
    func leaveOut(_ source: Source, _ reason: String) {
        let isNew = standings.with { standings in
            defer { standings[source.index].isLeftOut = true }
            return !standings[source.index].isLeftOut
        }
        if isNew { notice("\(TransferError.shown(roots[source.index])) is left out for now: \(reason)") }
    }

    /// Whether anybody is not left out.
    var hasOthers: Bool { standings.with { standings in standings.contains { !$0.isLeftOut } } }

    private static func trimmed(_ address: String) -> String {
        var text = Substring(address)
        while text.hasSuffix("/"), !text.hasSuffix("://") { text = text.dropLast() }
        return String(text)
    }
}
