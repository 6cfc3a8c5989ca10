import Glibc
public import LinuxSystem
public import ObjectFormats
public import SystemPackage

extension Store {
    /// Makes a file that lies elsewhere on the same file system, and has the right checksum, the object of that name:
    /// linked beside its place, then renamed over whatever is there.
    ///
    /// - Throws: `SystemError`.
    public func adopt(_ file: FilePath, as name: ObjectName) throws {
        let place = path(of: name)
        try Files.makeFolder(place.removingLastComponent())
        try Files.replaceByLink(place, to: file)
    }
}

extension Files {
    /// Makes a name a hard link to another file, in the place of what it was: linked beside it, then renamed, so that at
    /// no moment there is nothing.
    ///
    /// - Throws: `SystemError`; `EISDIR` when there is a folder.
    public static func replaceByLink(_ path: FilePath, to file: FilePath) throws(SystemError) {
        let temporary = temporaryName(beside: path)
        try retrying("link", file.string) { link(file.string, temporary.string) }
        FaultPoint.reached("repair.after-link")
        if rename(temporary.string, path.string) != 0 {
            let failure = SystemError("replace", path.string)
            unlink(temporary.string)
            throw failure
        }
        // Two names of one file are not renamed: the temporary one stays.
        try remove(temporary)
        FaultPoint.reached("repair.after-rename")
        try syncFolder(path.removingLastComponent())
    }
}
