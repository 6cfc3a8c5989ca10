import Glibc
public import SystemPackage

/// What is left on a file system.
public struct FileSystemSpace: Sendable, Equatable {
    /// Bytes that may still be written; `Int64.max` where the file system does not say.
    public let bytes: Int64
    /// Files that may still be made; `Int64.max` where the file system has no such limit.
    public let files: Int64

    /// Asks the file system that holds `path`.
    ///
    /// - Throws: `SystemError`.
    public init(at path: FilePath) throws(SystemError) {
        var status = statvfs()
        try retrying("measure the free space of", path.string) { statvfs(path.string, &status) }
        let (product, overflow) = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
        bytes = overflow || status.f_blocks == 0 ? .max : Int64(clamping: product)
        files = status.f_files == 0 ? .max : Int64(clamping: status.f_favail)
    }
}
