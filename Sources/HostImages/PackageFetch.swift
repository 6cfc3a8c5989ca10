import Checksums
import Glibc
import LinuxSystem
import SystemPackage

/// The first half of the package stage: which packages it will be, and their files, verified.
///
/// Without a lock apt decides, from the archive's signed indexes. With one nothing is decided: each file is the kept one or
/// the archive's, and has the lock's SHA-256.
struct PackageFetch {
    let recipe: Recipe
    /// The build's work folder.
    let work: FilePath
    /// Package files, kept from build to build.
    let cache: FilePath
    let environment: BuildEnvironment

    // MARK: without a lock

    /// Asks apt, and has it fetch what is not kept already.
    ///
    /// - Throws: `ImageError.packagesFailed`, `.missingTool`; `SystemError`.
    func resolve(log: borrowing ToolLog) async throws -> PackageLock {
        let apt = AptFolder(path: work.appending("apt"), cache: cache)
        try apt.prepare(recipe)
        try await run(apt.update, apt, log)
        let list = work.appending("packages.list")
        try await run(["/bin/sh", "-euc", "exec \"$@\" >\"$0\"", list.string] + apt.print(recipe), apt, log)
        let packages = try Self.parse(String(decoding: Files.read(list, limit: 16 << 20), as: UTF8.self))
        // apt takes a kept file by its size; whatever has not the index's checksum goes, and is fetched anew.
        for package in packages where try !isKept(package) { try Files.remove(cache.appending(package.fileName)) }
        try await run(apt.download(recipe), apt, log)
        for package in packages where try !isKept(package) {
            throw ImageError.packagesFailed(
                detail: "apt did not fetch \(package.fileName) as the archive's index has it")
        }
        let sources = try ArchiveDate.sources(in: apt.lists)
        return PackageLock(
            suite: recipe.suite, architecture: recipe.debianArchitecture,
            sourceDate: sources.map(\.date).max() ?? UInt64(Glibc.time(nil)), sources: sources, packages: packages)
    }

    private func run(_ command: [String], _ apt: AptFolder, _ log: borrowing ToolLog) async throws {
        var variables = environment.common
        variables["APT_CONFIG"] = apt.settings.string
        if let detail = try await log.run(command, environment: variables) {
            throw ImageError.packagesFailed(detail: detail)
        }
    }

    /// apt's lines `'ADDRESS' FILE SIZE SHA256:…`, sorted by name.
    static func parse(_ text: String) throws -> [PackageLock.Package] {
        let packages = try text.split(separator: "\n").filter { $0.hasPrefix("'") }.map { line in
            let words = line.split(separator: " ")
            let parts = words.count == 4 ? words[1].split(separator: "_").map(String.init) : []
            guard parts.count == 3, parts[2].hasSuffix(".deb"), let size = Int64(words[2]),
                words[3].hasPrefix("SHA256:"), let sha256 = Checksum(hex: words[3].dropFirst(7))
            else { throw ImageError.packagesFailed(detail: "apt's list has the line \(line)") }
            return PackageLock.Package(
                name: parts[0], version: parts[1].replacing("%3a", with: ":"),
                architecture: String(parts[2].dropLast(4)), size: size, sha256: sha256,
                address: String(words[0].dropFirst().dropLast()))
        }
        return packages.sorted { ($0.name, $0.architecture) < ($1.name, $1.architecture) }
    }

    // MARK: with a lock

    /// Fetches what is not kept already.
    ///
    /// - Throws: `ImageError.lockMismatch`, `.lockedPackagesMissing` with all that neither the cache nor the archive has
    ///   any more; `SystemError`.
    func fetch(_ lock: PackageLock, log: borrowing ToolLog) async throws {
        guard lock.suite == recipe.suite, lock.architecture == recipe.debianArchitecture else {
            throw ImageError.lockMismatch(detail: "it is for \(lock.suite) on \(lock.architecture)")
        }
        let names = Set(lock.packages.map(\.name))
        for package in recipe.packages where !names.contains(String(package.prefix { $0 != ":" })) {
            throw ImageError.lockMismatch(detail: "it has no \(package), which the recipe asks for")
        }
        var missing: [String] = []
        for package in lock.packages where try !isKept(package) {
            if try await !fetch(package, log) { missing.append("\(package.name) \(package.version)") }
        }
        guard missing.isEmpty else { throw ImageError.lockedPackagesMissing(missing) }
    }

    private func fetch(_ package: PackageLock.Package, _ log: borrowing ToolLog) async throws -> Bool {
        for address in addresses(package) {
            let target = cache.appending(package.fileName)
            try Files.remove(target)
            // A "file:" is only pointed to by apt, never copied.
            let source = address.hasPrefix("file:") ? "copy:\(address.dropFirst(5))" : address
            let command = [
                "/usr/lib/apt/apt-helper", "download-file", source, target.string, "SHA256:\(package.sha256.hex)",
            ]
            let failure = try await log.run(command, environment: environment.common)
            if failure == nil, try isKept(package) { return true }
            try Files.remove(target)
        }
        return false
    }

    /// The lock's own address, then the same place on the recipe's mirrors, of which one may be an archive of old versions.
    private func addresses(_ package: PackageLock.Package) -> [String] {
        guard let pool = package.address.firstRange(of: "/pool/") else { return [package.address] }
        let path = package.address[pool.lowerBound...]
        let others = (recipe.mirrors + recipe.securityMirrors).map { "\($0)\(path)" }
        return [package.address] + others.filter { $0 != package.address }
    }

    /// Whether the cache has this very file.
    private func isKept(_ package: PackageLock.Package) throws -> Bool {
        let path = cache.appending(package.fileName)
        var status = stat()
        guard lstat(path.string, &status) == 0, status.st_mode & S_IFMT == Glibc.S_IFREG,
            Int64(status.st_size) == package.size
        else { return false }
        let file = try Descriptor(opening: path.string, flags: O_RDONLY | O_NOFOLLOW)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
        defer { buffer.deallocate() }
        var hasher = SHA256()
        while case let count = try file.read(into: buffer), count > 0 {
            hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
        return hasher.finish() == package.sha256
    }
}
