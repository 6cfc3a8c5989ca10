import LinuxSystem
public import ObjectFormats

/// An origin file that is made anew for a deployment whose own is lost.
public struct OriginText {
    private let name: DeploymentName
    private let text: String

    /// - Parameters:
    ///   - record: the deployment, as far as it is known.
    ///   - ref: where its commit came from.
    public init(_ record: DeploymentRecord, ref: String, commit: Commit, command: String) {
        var lines = ["[origin]", "refspec=\(ref)", "", "[hostctl]", "command=\(command)"]
        if let time = record.deployedAt { lines.append("deployed=\(time)") }
        if let channel = commit.channel { lines.append("channel=\(channel)") }
        if let version = commit.version { lines.append("version=\(version)") }
        text = (lines + ["", "[libostree-transient]", "pinned=true", ""]).joined(separator: "\n")
        name = record.name
    }

    /// Replaces the file in one durable step.
    ///
    /// - Throws: `SystemError`.
    public func save(_ paths: SysrootPaths) throws {
        try Files.replace(paths.origin(of: name), with: Array(text.utf8))
    }
}
