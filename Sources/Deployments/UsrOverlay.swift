import Glibc
import LinuxSystem
public import Sysroots
import SystemPackage

/// A /usr that can be written until the next boot: an overlay whose changes are in memory.
public enum UsrOverlay {
    /// Mounts it over the running host's /usr. Nothing of the deployment is touched; the next boot starts without.
    ///
    /// Stock tools are told, too: `ostree admin status` says "Unlocked: development".
    /// - Throws: `DeploymentError.notBooted`, `DeploymentError.usrIsWritable`, `SystemError`.
    public static func begin(_ reader: SysrootReader, host: RunningHost = RunningHost()) throws {
        let report = reader.readDeployments()
        guard report.isRunning, let booted = report.booted else { throw DeploymentError.notBooted }
        let folder = host.usrOverlay
        try Files.makeFolder(folder.removingLastComponent())
        // The folder is the mark for `status`, and keeps a second one out.
        if mkdir(folder.string, 0o700) != 0 {
            if errno == EEXIST { throw DeploymentError.usrIsWritable }
            throw SystemError("make the folder", folder.string)
        }
        do { try mount(over: host.root.appending("usr"), in: folder) } catch {
            umount2(folder.string, Int32(MNT_DETACH))
            rmdir(folder.string)
            throw error
        }
        let mark = FilePath("/run/ostree/deployment-state").appending(booted.name.folderName)
        try Files.makeFolder(mark)
        try Files.replace(mark.appending("unlocked-development"), with: [])
    }

    private static func mount(over usr: FilePath, in folder: FilePath) throws {
        try retrying("mount a file system in memory at", folder.string) {
            Glibc.mount("hostctl-usr", folder.string, "tmpfs", UInt(MS_NODEV), "mode=0700")
        }
        var status = stat()
        try retrying("examine", usr.string) { stat(usr.string, &status) }
        let (upper, work) = (folder.appending("upper"), folder.appending("work"))
        try Files.makeFolder(upper, mode: status.st_mode & 0o7777)
        try Files.makeFolder(work, mode: 0o700)
        try retrying("set the owner of", upper.string) { chown(upper.string, status.st_uid, status.st_gid) }
        let options = "lowerdir=\(usr),upperdir=\(upper),workdir=\(work)"
        try retrying("mount an overlay over", usr.string) {
            Glibc.mount("overlay", usr.string, "overlay", UInt(MS_NODEV), options)
        }
    }
}
