import Glibc
import LinuxSystem
public import SystemPackage
import TestSupport

/// A disk in a file, whose writes and flushes QEMU's storage daemon records on their way to it.
///
/// The kernel sees a file (FUSE) that a loop device can stand on, so that its own file systems write to it: the order
/// of writes and flushes is the real one.
public final class RecordedDisk {
    /// What to mount or to use as a loop device's file.
    public let device: FilePath
    /// The record.
    public let log: FilePath
    private let daemon: ChildProcess
    private let folder: FilePath

    /// Whether this machine can record.
    public static let isPossible =
        Files.exists("/usr/bin/qemu-storage-daemon") && Files.exists("/dev/fuse") && geteuid() == 0

    /// - Parameters:
    ///   - image: the disk; it is changed.
    ///   - folder: for the record, made here.
    /// - Throws: `SystemError`; `WriteLog.Malformed` when the daemon does not come up.
    public init(_ image: FilePath, in folder: FilePath) throws {
        self.folder = folder
        try Files.makeFolder(folder)
        (device, log) = (folder.appending("device"), folder.appending("log"))
        for file in [device, log] { try Files.replace(file, with: []) }
        daemon = try ChildProcess([
            "/usr/bin/qemu-storage-daemon",
            "--blockdev", "driver=file,filename=\(image),node-name=disk",
            "--blockdev", "driver=file,filename=\(log),node-name=log",
            "--blockdev", "driver=blklogwrites,file=disk,log=log,node-name=recorder",
            "--export", "fuse,id=export,node-name=recorder,mountpoint=\(device),writable=on,growable=off",
        ])
        let path = device
        guard waitUntil(timeout: 20, { (try? Descriptor(opening: path.string).status().st_size) ?? 0 > 0 }) else {
            throw WriteLog.Malformed(detail: "nothing is recorded: \(try daemon.errorsSoFar())")
        }
    }

    /// Ends the recording. Nothing may use the device any more.
    ///
    /// - Returns: the record.
    /// - Throws: `WriteLog.Malformed`, `SystemError`.
    public func finish() throws -> WriteLog {
        try stop()
        return try WriteLog(reading: log)
    }

    /// Another process's mount namespace may hold the device for as long as that process lives; all is recorded then.
    private func stop() throws {
        guard daemon.isRunning else { return }
        daemon.signal(SIGTERM)
        let daemon = daemon
        guard !waitUntil(timeout: 5, { !daemon.isRunning }) else { return }
        _ = try run(["/bin/umount", "--lazy", device.string])
        daemon.signal(SIGKILL)
        _ = try daemon.wait(timeout: 20)
    }

    deinit {
        // A leftover mount would keep the folder from being removed.
        do { try stop() } catch { print("the recorder stays: \(error)") }
    }
}
