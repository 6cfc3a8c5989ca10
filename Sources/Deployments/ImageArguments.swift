import Checksums
import Glibc
import LinuxSystem
import ObjectFormats
import ObjectStorage
import SystemPackage

/// The kernel's arguments that an image brings: those of its commit, and those of its `/usr/lib/bootc/kargs.d`.
enum ImageArguments {
    private static let limit = 1 << 16

    /// - Throws: `DeploymentError.notDeployable` for a file that cannot be understood; `StoreError`, `SystemError`.
    static func read(_ commit: Commit, in store: Store) throws -> [String] {
        var arguments = commit.strings(Commit.Key.kernelArguments)
        let root = try store.tree(commit.rootTree)
        guard let folder = try store.folder(["usr", "lib", "bootc", "kargs.d"], in: root) else { return arguments }
        let architecture = commit.string(Commit.Key.architecture)
        for file in folder.files where file.name.hasSuffix(".toml") {
            let what = "/usr/lib/bootc/kargs.d/\(file.name)"
            let found = try KernelArgumentFile(text(file.checksum, what, store), what: what)
            if let wanted = found.architectures, let architecture, !wanted.contains(architecture) { continue }
            for argument in found.arguments where !arguments.contains(argument) { arguments.append(argument) }
        }
        return arguments
    }

    private static func text(_ checksum: Checksum, _ what: String, _ store: Store) throws -> String {
        let path = store.path(of: ObjectName(checksum, .file))
        let bytes: [UInt8]
        do throws(SystemError) {
            let file = try Descriptor(opening: path.string, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
            bytes = try file.readToEnd(limit: limit)
        } catch {
            switch error.code {
            case .tooManySymbolicLinkLevels: throw DeploymentError.notDeployable(detail: "\(what) is a link")
            case .fileTooLarge: throw DeploymentError.notDeployable(detail: "\(what) is too large")
            default: throw error
            }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw DeploymentError.notDeployable(detail: "\(what) is not UTF-8")
        }
        return text
    }
}
