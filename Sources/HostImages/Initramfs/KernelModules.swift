import Archives
import LinuxSystem
import ObjectStorage

/// The modules of one kernel, as depmod has listed them in `modules.dep`, `modules.softdep` and `modules.builtin`.
struct KernelModules {
    /// The folder `usr/lib/modules/VERSION`.
    private let folder: TreeFolder
    /// Where each module's file is, relative to the folder, by its name.
    private let paths: [String: String]
    /// What must be loaded before, by the module's path; the last one first.
    private let dependencies: [String: [String]]
    private let softDependencies: [String: [String]]
    private let builtIn: Set<String>

    private static let limit = 16 << 20

    /// - Throws: `ImageError.notAHost` without a list of modules; `SystemError`.
    init(_ folder: TreeFolder) throws {
        self.folder = folder
        guard let list = try Self.lines("modules.dep", folder) else {
            throw ImageError.notAHost(detail: "its kernel has no modules.dep; a hook that runs depmod makes one")
        }
        var paths: [String: String] = [:], dependencies: [String: [String]] = [:]
        for line in list {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let path = String(line[..<colon])
            paths[Self.name(path)] = path
            dependencies[path] = line[line.index(after: colon)...].split(separator: " ").map(String.init)
        }
        self.paths = paths
        self.dependencies = dependencies
        builtIn = Set((try Self.lines("modules.builtin", folder) ?? []).map { Self.name(String($0)) })
        var soft: [String: [String]] = [:]
        for line in try Self.lines("modules.softdep", folder) ?? [] where line.hasPrefix("softdep ") {
            let words = line.split(separator: " ").map(String.init)
            guard words.count > 2 else { continue }
            soft[Self.plain(words[1]), default: []] += words[2...].filter { !$0.hasSuffix(":") }.map(Self.plain)
        }
        softDependencies = soft
    }

    /// The paths of the named modules and of all that they need.
    ///
    /// - Parameter missing: called with a name that the kernel neither has as a module nor built in.
    func closure(of names: [String], missing: (String) throws -> Void) rethrows -> Set<String> {
        var found: Set<String> = [], pending: [String] = []
        for name in names.map(Self.plain) {
            if let path = paths[name] { pending.append(path) } else if !builtIn.contains(name) { try missing(name) }
        }
        while let path = pending.popLast() {
            guard found.insert(path).inserted else { continue }
            pending += dependencies[path] ?? []
            pending += (softDependencies[Self.name(path)] ?? []).compactMap { paths[$0] }
        }
        return found
    }

    /// A module's bytes, decompressed.
    ///
    /// - Throws: `ArchiveError` for a damaged file, `SystemError`, `ImageError.notAHost` when there is none.
    func content(_ path: String) throws -> [UInt8] {
        guard case .file(let file)? = folder[path] else {
            throw ImageError.notAHost(detail: "modules.dep has \(path), which is not there")
        }
        let source = try DecompressedSource(ListSource(try file.read(limit: 64 << 20), name: path))
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while bytes.count <= 256 << 20 {
            let count = try buffer.withUnsafeMutableBytes { try source.read(into: $0) }
            if count == 0 { return bytes }
            bytes += buffer[..<count]
        }
        throw ImageError.notAHost(detail: "the module \(path) is larger than 256 MiB")
    }

    /// The lists for modprobe, with nothing but some modules in them: their paths without a suffix of compression, and
    /// the hardware that each one drives.
    ///
    /// - Throws: `SystemError`.
    func lists(_ chosen: Set<String>) throws -> [(name: String, text: String)] {
        let dependencyLines = chosen.sorted().map { path in
            ([Self.uncompressed(path) + ":"] + (dependencies[path] ?? []).map(Self.uncompressed)).joined(separator: " ")
        }
        let names = Set(chosen.map(Self.name))
        let aliases = (try Self.lines("modules.alias", folder) ?? []).filter { line in
            line.hasPrefix("alias ") && names.contains(line.split(separator: " ").last.map(String.init) ?? "")
        }
        let soft = (try Self.lines("modules.softdep", folder) ?? []).filter { line in
            line.hasPrefix("softdep ")
                && names.contains(line.split(separator: " ").dropFirst().first.map(String.init) ?? "")
        }
        let builtIn = try Self.lines("modules.builtin", folder) ?? []
        return [
            ("modules.alias", aliases), ("modules.builtin", builtIn), ("modules.dep", dependencyLines.map { $0[...] }),
            ("modules.softdep", soft),
        ].map { (name: $0, text: $1.map { "\($0)\n" }.joined()) }
    }

    // MARK: words

    /// `drivers/block/virtio-blk.ko.xz` is `virtio_blk`.
    static func name(_ path: String) -> String {
        let file = path.split(separator: "/").last ?? ""
        return plain(String(file.split(separator: ".").first ?? ""))
    }

    static func uncompressed(_ path: String) -> String {
        for suffix in [".xz", ".zst", ".gz"] where path.hasSuffix(".ko" + suffix) {
            return String(path.dropLast(suffix.count))
        }
        return path
    }

    private static func plain(_ name: String) -> String { name.replacing("-", with: "_") }

    private static func lines(_ name: String, _ folder: TreeFolder) throws(SystemError) -> [Substring]? {
        guard case .file(let file)? = folder.entries[name] else { return nil }
        return String(decoding: try file.read(limit: limit), as: UTF8.self).split(separator: "\n")
    }
}

/// Bytes in memory, as a source.
private final class ListSource: ByteSource {
    let name: String
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8], name: String) {
        rest = bytes[...]
        self.name = name
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let count = min(rest.count, buffer.count)
        buffer.copyBytes(from: rest.prefix(count))
        rest = rest.dropFirst(count)
        return count
    }
}
