import LinuxSystem
public import SystemPackage

extension RootFileSystem {
    /// Checks that a deployment's kernel has the file system built in, or as a module.
    ///
    /// A kernel without lists of modules is not judged.
    /// - Throws: `DiskError.unsupportedFileSystem`, `SystemError`.
    public func requireDriver(in deployment: FilePath) throws {
        let kernels = deployment.appending("usr/lib/modules")
        for kernel in try Files.namesIfPresent(in: kernels) {
            var modules: [Substring] = []
            for list in ["modules.builtin", "modules.dep"] {
                let bytes = try Files.readIfPresent(kernels.appending(kernel).appending(list), limit: 16 << 20) ?? []
                modules += String(decoding: bytes, as: UTF8.self).split(separator: "\n").map { $0.prefix { $0 != ":" } }
            }
            let isThere = modules.contains { $0.contains("/fs/\(rawValue)/\(rawValue).ko") }
            if !modules.isEmpty, !isThere { throw DiskError.unsupportedFileSystem(rawValue, kernel: kernel) }
        }
    }
}
