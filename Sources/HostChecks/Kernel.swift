import Glibc
import LinuxSystem
import SystemPackage

extension Examination {
    /// The kernel's version, and the file systems that it must show.
    var kernel: [Finding] {
        let release = Self.kernelRelease
        var findings: [Finding] = []
        if Self.isOlder(release, than: (5, 8)) {
            let why = "before Linux 5.8 the removal of a deployment cannot tell bind mounts of one file system apart"
            findings.append(.warning("kernel", "the kernel is \(release)", why: why, advice: "boot a newer kernel"))
        } else {
            findings.append(.ok("kernel", "the kernel is \(release)"))
        }
        if !Files.exists("/proc/self/stat") {
            let why = "commands that start other programs need it"
            findings.append(.problem("proc", "/proc is not mounted", why: why, advice: "mount it"))
        }
        return findings
    }

    private static var kernelRelease: String {
        var names = utsname()
        uname(&names)
        return withUnsafeBytes(of: &names.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    static func isOlder(_ release: String, than version: (Int, Int)) -> Bool {
        let numbers = release.split { !$0.isNumber }.prefix(2).compactMap { Int($0) }
        return numbers.count == 2 && (numbers[0], numbers[1]) < version
    }
}
