import Glibc
import LinuxSystem
import SystemPackage
import TrustMetadata

/// The changes that were made, oldest first: the file `history.jsonl`, an entry on each line.
public struct History {
    /// So many entries are kept.
    public static let limit = 500
    /// So many bytes are read, from the end: far more than that many entries have.
    static let byteLimit = 4 << 20

    let path: FilePath

    public init(_ paths: SysrootPaths) { path = paths.state.appending("history.jsonl") }

    /// What can be read of the history, and what cannot.
    public struct Reading: Sendable, Equatable {
        /// A line that is no entry.
        public struct Damage: Sendable, Equatable {
            /// Its number in the file, from 1; in what was read of it when `isCut`; 0 for the file as a whole.
            public let line: Int
            /// What is wrong with it, without a full stop.
            public let detail: String
        }

        /// Oldest first.
        public var entries: [HistoryEntry] = []
        public var damage: [Damage] = []
        /// Whether the file is so large that only its end was read.
        public var isCut = false
    }

    /// Reads all that can be read; a missing file has no entries.
    ///
    /// - Throws: `SystemError` when the file cannot be opened.
    public func read() throws -> Reading {
        guard let content = try content() else { return Reading() }
        var reading = Reading(isCut: content.isCut)
        if !content.isFile { reading.damage.append(.init(line: 0, detail: "\(path) is no file")) }
        for (index, line) in content.lines.enumerated() where !line.isEmpty {
            do throws(TrustMetadataError) {
                reading.entries.append(try HistoryEntry(JSONFields(strict: Array(line), what: "the line")))
            } catch {
                reading.damage.append(.init(line: index + 1, detail: error.reason))
            }
        }
        return reading
    }

    /// The entries that can be read; damaged lines are left out.
    ///
    /// - Throws: `SystemError`.
    public func entries() throws -> [HistoryEntry] { try read().entries }

    /// Adds an entry, and drops the oldest ones beyond the limit, in one durable step. What cannot be read is kept. A
    /// failure that repeats the last entry is counted there: a timer's would otherwise push out everything else.
    ///
    /// - Throws: `SystemError`.
    public func add(_ entry: HistoryEntry) throws {
        var lines = (try content()?.lines ?? []).filter { !$0.isEmpty }
        var entry = entry
        if entry.action == .failure, let last = try entries().last, entry.repeats(last), lines.last == last.line[...] {
            entry.count += last.count
            lines.removeLast()
        }
        let kept = lines.suffix(Self.limit - 1) + [entry.line[...]]
        try Files.replace(path, with: kept.flatMap { $0 + [UInt8(ascii: "\n")] }, mode: 0o644)
    }

    private struct Content {
        var lines: [ArraySlice<UInt8>] = []
        var isFile = true
        var isCut = false
    }

    /// `nil` when there is no such file.
    private func content() throws -> Content? {
        do throws(SystemError) { return try read(Descriptor(opening: path.string, flags: O_RDONLY | O_NONBLOCK)) } catch
        {
            if error.code == .noSuchFileOrDirectory { return nil }
            throw error
        }
    }

    private func read(_ file: consuming Descriptor) throws(SystemError) -> Content {
        let status = try file.status()
        guard status.st_mode & S_IFMT == Glibc.S_IFREG else { return Content(isFile: false) }
        let start = max(0, Int(status.st_size) - Self.byteLimit)
        if start > 0 { try retrying("read", path.string) { lseek(file.raw, start, SEEK_SET) } }
        // It is replaced, never written to: it does not grow meanwhile.
        let bytes = try file.readToEnd(limit: Self.byteLimit)
        var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if start > 0 { lines.removeFirst() }
        return Content(lines: lines, isCut: start > 0)
    }

    /// A line that is a JSON object is fine, whatever it says: a newer hostctl may have written it.
    ///
    /// - Throws: `SystemError`; `SysrootError.damagedState` for a line that is none.
    func requireReadable() throws {
        guard let content = try content() else { return }
        func fail(_ detail: String) -> SysrootError { .damagedState(path: path.string, detail: detail) }
        if !content.isFile { throw fail("it is no file") }
        for (index, line) in content.lines.enumerated() where !line.isEmpty {
            if let detail = Self.damage(line) { throw fail("line \(index + 1): \(detail)") }
        }
    }

    /// Leaves out the lines that are no JSON objects.
    func dropUnreadable() throws {
        let kept = (try content()?.lines ?? []).filter { !$0.isEmpty && Self.damage($0) == nil }
        try Files.replace(path, with: kept.flatMap { $0 + [UInt8(ascii: "\n")] }, mode: 0o644)
    }

    /// Why a line is no JSON object.
    private static func damage(_ line: ArraySlice<UInt8>) -> String? {
        do throws(TrustMetadataError) { _ = try JSONFields(strict: Array(line), what: "the line") } catch {
            return error.reason
        }
        return nil
    }
}

extension HistoryEntry {
    fileprivate var line: [UInt8] { json.encode() }
}
