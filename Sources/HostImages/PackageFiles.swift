import Glibc
import LinuxSystem
import ObjectStorage
import SystemPackage

/// Which package a tree's files are of, from the lists that dpkg keeps of each package.
struct PackageFiles {
    /// The paths of each package: relative, as the tree has them, folders too.
    private(set) var paths: [String: [String]] = [:]
    private var owners: [String: [String]] = [:]

    /// Reads the lists of a tree whose dpkg database is where dpkg has it.
    ///
    /// - Throws: `SystemError`.
    init(of tree: TreeFolder) throws {
        guard let info = tree.folder(at: "var/lib/dpkg/info") else { return }
        for name in info.sortedNames where name.hasSuffix(".list") {
            guard case .file(let file)? = info.entries[name] else { continue }
            add(Self.package(name), String(decoding: try file.read(limit: 64 << 20), as: UTF8.self))
        }
    }

    /// Reads the lists of a tree on disk.
    ///
    /// - Throws: `SystemError`.
    init(onDisk tree: FilePath) throws {
        let info = tree.appending("var/lib/dpkg/info")
        for name in try Files.namesIfPresent(in: info) where name.hasSuffix(".list") {
            let text = try Files.read(info.appending(name), limit: 64 << 20)
            add(Self.package(name), String(decoding: text, as: UTF8.self))
        }
    }

    /// The packages that have a path, in the order of their names; none for what no package brought.
    func owners(of path: String) -> [String] { owners[path] ?? [] }

    private mutating func add(_ package: String, _ list: String) {
        for line in list.split(separator: "\n") where line != "/." {
            let path = Self.merged(line)
            paths[package, default: []].append(path)
            owners[path, default: []].append(package)
        }
    }

    /// `NAME.list` or, for packages that can be there for several architectures, `NAME:ARCH.list`.
    static func package(_ name: String) -> String {
        String(name.dropLast(".list".count).prefix { $0 != ":" })
    }

    /// Old packages still list /bin, /sbin and /lib, which are links into /usr.
    static func merged(_ line: Substring) -> String {
        let path = line.drop { $0 == "/" }
        let isLinked = ["bin", "sbin", "lib", "lib64"].contains { path == $0 || path.hasPrefix("\($0)/") }
        return isLinked ? "usr/\(path)" : String(path)
    }
}

/// What packages brought, at one moment: whatever is another file later is no longer theirs but the recipe's.
struct PackageSnapshot {
    private let tree: FilePath
    private var identities: [String: [Int]] = [:]

    /// - Parameter packages: the packages to look at.
    /// - Throws: `SystemError`.
    init(of tree: FilePath, packages: [String]) throws {
        self.tree = tree
        if packages.isEmpty { return }
        let files = try PackageFiles(onDisk: tree)
        for package in packages {
            for path in files.paths[package] ?? [] { identities[path] = Self.identity(tree.appending(path)) }
        }
    }

    /// The paths that hold something else by now.
    func replaced() -> Set<String> {
        Set(identities.filter { Self.identity(tree.appending($0.key)) != $0.value }.keys)
    }

    /// Inode, size and time of a file or link; `nil` for a folder and where nothing is.
    private static func identity(_ path: FilePath) -> [Int]? {
        var status = stat()
        guard lstat(path.string, &status) == 0, status.st_mode & S_IFMT != Glibc.S_IFDIR else { return nil }
        return [Int(status.st_ino), Int(status.st_size), status.st_mtim.tv_sec, status.st_mtim.tv_nsec]
    }
}
