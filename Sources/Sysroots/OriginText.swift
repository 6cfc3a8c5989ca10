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

extension OriginText {
    /// Makes a deployment one that is pinned for stock tools: by the operator, or only so that these leave it alone.
    ///
    /// Other lines stay as they are.
    /// - Parameter bootChecksum: that of its kernel, put down where it is given.
    /// - Throws: `SystemError`.
    public static func setGuarded(
        _ isGuarded: Bool, bootChecksum: String? = nil, of name: DeploymentName, in paths: SysrootPaths
    ) throws {
        let path = paths.origin(of: name)
        var lines = String(decoding: try Files.read(path, limit: 1 << 20), as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if let bootChecksum { set("boot-checksum", bootChecksum, group: "hostctl", &lines) }
        set("guarded", isGuarded ? "true" : nil, group: "hostctl", &lines)
        set("pinned", "true", group: "libostree-transient", &lines)
        try Files.replace(path, with: Array(lines.joined(separator: "\n").utf8))
    }

    private static func set(_ key: String, _ value: String?, group: String, _ lines: inout [String]) {
        var isInside = false
        lines.removeAll { line in
            if line.hasPrefix("[") { isInside = line == "[\(group)]" }
            return isInside && line.hasPrefix("\(key)=")
        }
        guard let value else { return }
        if let start = lines.firstIndex(of: "[\(group)]") {
            lines.insert("\(key)=\(value)", at: start + 1)
        } else {
            lines = lines.reversed().drop { $0.isEmpty }.reversed() + ["", "[\(group)]", "\(key)=\(value)", ""]
        }
    }
}
