import LinuxSystem
import SystemPackage

/// A deployment's `.origin` file.
///
/// `[origin] refspec=` is what stock tools read, `[libostree-transient] pinned=` is where they pin, and
/// `[hostctl]` tells when and by what command the deployment was made.
struct OriginFile {
    private let path: FilePath
    private let content: KeyFileText?
    private let failure: String?

    init(_ paths: SysrootPaths, _ name: DeploymentName) {
        path = paths.origin(of: name)
        do throws(SystemError) {
            content = KeyFileText(try Files.read(path, limit: 1 << 20))
            failure = nil
        } catch {
            content = nil
            failure = error.reason
        }
    }

    /// Writes what the file tells into a record, and what is wrong with the file.
    func fill(_ report: inout SysrootReport, _ index: Int) {
        func damage(_ text: String) {
            report.deployments[index].problems.append(SysrootProblem(.damagedOrigin, path: path.string, text))
        }
        guard let content else { return damage(failure ?? "the origin file cannot be read") }
        for detail in content.damage { damage("the origin file is damaged: \(detail)") }
        report.deployments[index].refspec = content["origin", "refspec"]
        let isKept = ["true", "1"].contains(content["libostree-transient", "pinned"])
        let isGuarded = isKept && content["hostctl", "guarded"] == "true"
        report.deployments[index].isPinned = isKept && !isGuarded
        report.deployments[index].isGuarded = isGuarded
        if report.deployments[index].bootChecksum == nil {
            report.deployments[index].bootChecksum = content["hostctl", "boot-checksum"]
        }
        report.deployments[index].command = content["hostctl", "command"]
        report.deployments[index].deployedAt = content["hostctl", "deployed"].flatMap { Int64($0) }
        report.deployments[index].channel = content["hostctl", "channel"]
        report.deployments[index].version = content["hostctl", "version"]
        if content.damage.isEmpty, content["origin", "refspec"] == nil,
            content["origin", "container-image-reference"] == nil
        {
            damage("the origin file names no ref")
        }
    }
}
